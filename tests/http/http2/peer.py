"""The server's side of HTTP/2 for tests, on the h2 library and without I/O."""

from __future__ import annotations

from collections.abc import Callable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded

from httpconn.http.http2 import HTTP2Connection, Stream

HEADERS = [(b"Host", b"example.com"), (b"Accept", b"*/*"), (b"User-Agent", b"test")]


class Peer:
    """An h2 server. It keeps its events, and responds to a request when ``respond`` is called."""

    def __init__(self) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self.h2.initiate_connection()
        self.events: list[Event] = []
        self.requests: dict[int, list[tuple[bytes, bytes]]] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.unsent: dict[int, memoryview] = {}

    def receive(self, data: bytes) -> bytes:
        for event in self.h2.receive_data(data):
            self.events.append(event)
            match event:
                case RequestReceived():
                    self.requests[event.stream_id] = event.headers
                    self.bodies[event.stream_id] = b""
                case DataReceived():
                    self.bodies[event.stream_id] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case StreamEnded():
                    self.ended.add(event.stream_id)
        for stream_id in list(self.unsent):
            self.continue_body(stream_id)
        return self.h2.data_to_send()

    def respond(self, stream_id: int, body: bytes = b"", fields: list[tuple[bytes, bytes]] | None = None) -> None:
        """Send a head and a body, as far as the windows allow; the rest follows when they open."""
        self.h2.send_headers(stream_id, [(b":status", b"200"), *(fields or [])])
        self.unsent[stream_id] = memoryview(body)
        self.continue_body(stream_id)

    def continue_body(self, stream_id: int) -> None:
        rest = self.unsent.pop(stream_id)
        while rest:
            size = min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size, len(rest))
            if not size:
                self.unsent[stream_id] = rest
                return
            self.h2.send_data(stream_id, bytes(rest[:size]))
            rest = rest[size:]
        self.h2.end_stream(stream_id)


class Pair:
    """A client and an h2 server, joined by their bytes."""

    def __init__(self, **limits: int) -> None:
        self.client = HTTP2Connection(**limits)
        self.peer = Peer()
        self.progressed: list[Stream] = []
        self.exchange()

    def exchange(self, cut: Callable[[bytes], list[bytes]] = lambda data: [data]) -> None:
        """Carry bytes both ways until neither side has more to send."""
        while True:
            sent = self.client.take_output()
            answer = self.peer.receive(sent) or self.peer.h2.data_to_send()
            if not sent and not answer:
                return
            for piece in cut(answer):
                self.progressed += self.client.receive(piece) if piece else []

    def get(self, target: bytes = b"/", **more: object) -> Stream:
        return self.client.request(b"GET", b"https", b"example.com", target, HEADERS, **more)
