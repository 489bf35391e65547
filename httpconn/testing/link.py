"""One accepted connection of a scripted server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterable

from .responses import Received, parse_head
from .steps import Step

BLOCK = 64 * 1024
ABORT = struct.pack("ii", 1, 0)


class Gone(Exception):
    """The client went, the script ended the connection, or the server stops."""


class Link:
    """Reads requests, plays steps. Its own thread uses it; ``hang_up`` alone may come from another."""

    def __init__(self, sock: socket.socket, number: int, stopping: threading.Event) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._stopping = stopping
        self._unread = b""
        self.number = number
        self.peer_port: int = sock.getpeername()[1]

    def secure(self, context: ssl.SSLContext) -> None:
        """Shake hands as the server."""
        self._sock = secured = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
        # A hang_up during the wrapping would have missed the socket.
        self.pause(0)
        secured.do_handshake()

    def receive(self) -> Received:
        """The next request."""
        while b"\r\n\r\n" not in self._unread:
            self._read_more()
        end = self._unread.index(b"\r\n\r\n") + 4
        method, target, headers = parse_head(self._take(end))
        length = next((int(value) for name, value in headers if name.lower() == b"content-length"), 0)
        return Received(method, target, headers, self._take(length), self.number, self.peer_port)

    def play(self, steps: Iterable[Step]) -> None:
        """Send bytes, and do what else the steps say."""
        for step in steps:
            if isinstance(step, bytes):
                self.send(step)
            else:
                step.play(self)

    def send(self, data: bytes) -> None:
        """Send all; raises OSError when the client is gone."""
        self._sock.sendall(data)

    def pause(self, seconds: float) -> None:
        """Wait; raises Gone when the server stops meanwhile."""
        if self._stopping.wait(seconds):
            raise Gone

    def outwait(self) -> None:
        """Read until the client goes."""
        while True:
            self._read_more()
            self._unread = b""

    def close(self, *, notify: bool = True) -> None:
        """End the connection; raises Gone."""
        if notify and isinstance(self._sock, ssl.SSLSocket):
            # Without a timeout, unwrap sends our close_notify and does not wait for the client's.
            self._sock.settimeout(0)
            with contextlib.suppress(OSError):
                self._sock.unwrap()
        raise Gone

    def reset(self) -> None:
        """Break the connection; raises Gone."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        raise Gone

    def release(self) -> None:
        """Give the socket back."""
        self._sock.close()

    def hang_up(self) -> None:
        """End the connection from another thread, and wake its own."""
        # SSLSocket.shutdown would pull the TLS state from under a thread that uses it.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def _take(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._read_more()
        taken, self._unread = self._unread[:count], self._unread[count:]
        return taken

    def _read_more(self) -> None:
        data = self._sock.recv(BLOCK)
        if not data:
            raise Gone
        self._unread += data
