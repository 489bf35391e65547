"""Long conversations with an h2 server: it finds no fault with the client, and every byte arrives once and in order."""

from __future__ import annotations

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.http.http2.conversation import split
from tests.http.http2.peer import HEADERS, Pair

DATA = bytes(range(256)) * 12_000
SIZES = st.sampled_from([0, 1, 100, 16_384, 70_000, 3_000_000])


class Exchange:
    """A request and its response, as both sides know them."""

    def __init__(self, stream) -> None:
        self.stream = stream
        self.sent = 0
        self.declared = 0
        self.received = b""
        self.buffer: memoryview | None = None
        self.has_response = False


class Conversation(RuleBasedStateMachine):
    exchanges = Bundle("exchanges")

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()
        self.places: list[int] = []

    def exchange(self) -> None:
        self.pair.exchange(lambda raw: split(raw, self.places))

    @rule(places=st.lists(st.integers(0, 100_000), max_size=4))
    def cut_at(self, places):
        self.places = places

    @rule(target=exchanges, ends=st.booleans())
    def request(self, ends):
        method = b"GET" if ends else b"POST"
        stream = self.pair.client.request(method, b"https", b"example.com", b"/", HEADERS, end_stream=ends)
        self.exchange()
        return Exchange(stream)

    @rule(each=exchanges, size=SIZES, ends=st.booleans())
    def send(self, each, size, ends):
        if not each.stream.request_ended:
            each.sent += self.pair.client.send_data(each.stream, DATA[each.sent : each.sent + size], end=ends)
            self.exchange()

    @rule(each=exchanges, size=SIZES, is_declared=st.booleans())
    def respond(self, each, size, is_declared):
        if not each.has_response and not each.stream.error:
            each.has_response, each.declared = True, size
            fields = [(b"content-length", b"%d" % size)] if is_declared else []
            self.pair.peer.respond(each.stream.id, DATA[:size], fields)
            self.exchange()

    @rule(each=exchanges)
    def read(self, each):
        if each.buffer is not None:
            self.read_into(each, len(each.buffer), 1)
        else:
            each.received += self.pair.client.take_data(each.stream)
            self.exchange()

    @rule(each=exchanges, size=st.sampled_from([1, 1000, 100_000]), wanted=st.integers(1, 100_000))
    def read_into(self, each, size, wanted):
        buffer = each.buffer if each.buffer is not None else memoryview(bytearray(size))
        count = self.pair.client.take_into(each.stream, buffer, min(wanted, len(buffer)))
        each.received += buffer[:count]
        each.buffer = None if count else buffer
        self.exchange()

    @rule(each=consumes(exchanges))
    def cancel(self, each):
        self.pair.client.cancel(each.stream)
        self.pair.peer.unsent.pop(each.stream.id, None)
        self.exchange()

    @rule(each=consumes(exchanges))
    def reset(self, each):
        if each.stream.error is None and not each.stream.complete:
            self.pair.peer.unsent.pop(each.stream.id, None)
            self.pair.peer.h2.reset_stream(each.stream.id, ErrorCodes.INTERNAL_ERROR)
            self.exchange()
            assert "INTERNAL_ERROR" in str(each.stream.error)
        self.pair.client.cancel(each.stream)

    @rule(window=st.sampled_from([0, 10, 65_535, 200_000]), frame=st.sampled_from([16_384, 40_000]))
    def set(self, window, frame):
        values = {SettingCodes.INITIAL_WINDOW_SIZE: window, SettingCodes.MAX_FRAME_SIZE: frame}
        self.pair.peer.h2.update_settings(values)
        self.exchange()

    @rule()
    def ping(self):
        self.pair.peer.h2.ping(b"12345678")
        self.exchange()

    @rule(each=consumes(exchanges))
    def finish(self, each):
        if each.has_response:
            while not each.stream.complete or each.stream.chunks or each.stream.filled:
                self.read(each)
            assert each.received == DATA[: each.declared]
        assert self.pair.peer.bodies[each.stream.id] == DATA[: each.sent]
        self.pair.client.cancel(each.stream)
        self.pair.peer.unsent.pop(each.stream.id, None)
        self.exchange()

    @invariant()
    def is_unbroken(self):
        assert self.pair.client.error is None


TestConversations = Conversation.TestCase
TestConversations.settings = examples(max_examples=40, stateful_step_count=40, deadline=None)
