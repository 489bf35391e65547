"""An accepted connection of a scripted server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterable

from . import steps
from .responses import Received, parse_head

BLOCK = 64 * 1024
ABORT = struct.pack("ii", 1, 0)


class ConnectionEnded(Exception):
    """The client or the script has ended the connection, or the server stops."""


class Link:
    """A connection that receives requests and plays steps. One thread uses it; other threads call only ``hang_up``."""

    def __init__(self, sock: socket.socket, number: int, stopping: threading.Event) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._stopping = stopping
        self._unread = b""
        self.number = number
        self.peer_port: int = sock.getpeername()[1]

    def secure(self, context: ssl.SSLContext) -> None:
        """Make the TLS handshake as the server."""
        self._sock = secured = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
        # Check again: a hang_up during wrap_socket does not reach the new socket.
        self.pause(0)
        secured.do_handshake()

    def receive(self) -> Received:
        """Receive the next request."""
        while b"\r\n\r\n" not in self._unread:
            self._read_more()
        end = self._unread.index(b"\r\n\r\n") + 4
        method, target, headers = parse_head(self._take(end))
        length = next((int(value) for name, value in headers if name.lower() == b"content-length"), 0)
        return Received(method, target, headers, self._take(length), self.number, self.peer_port)

    def play(self, steps: Iterable[steps.Step]) -> None:
        """Send the bytes and play the actions of a script."""
        for step in steps:
            if isinstance(step, bytes):
                self.send(step)
            else:
                step.play(self)

    def send(self, data: bytes) -> None:
        """Send bytes. Raise OSError if the client has closed the connection."""
        self._sock.sendall(data)

    def pause(self, seconds: float) -> None:
        """Wait for ``seconds``. Raise ConnectionEnded if the server stops."""
        if self._stopping.wait(seconds):
            raise ConnectionEnded

    def read_until_end(self) -> None:
        """Read until the client closes the connection."""
        while True:
            self._read_more()
            self._unread = b""

    def close(self, *, notify: bool = True) -> None:
        """Close the connection and raise ConnectionEnded."""
        if notify and isinstance(self._sock, ssl.SSLSocket):
            # With a timeout of 0, unwrap sends close_notify and does not wait for that of the client.
            self._sock.settimeout(0)
            with contextlib.suppress(OSError):
                self._sock.unwrap()
        raise ConnectionEnded

    def reset(self) -> None:
        """Reset the connection and raise ConnectionEnded."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        raise ConnectionEnded

    def release(self) -> None:
        """Close the socket."""
        self._sock.close()

    def hang_up(self) -> None:
        """Close the connection from another thread and wake its thread."""
        # Not SSLSocket.shutdown: it would remove the TLS state while the other thread uses it.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def _take(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._read_more()
        data, self._unread = self._unread[:count], self._unread[count:]
        return data

    def _read_more(self) -> None:
        data = self._sock.recv(BLOCK)
        if not data:
            raise ConnectionEnded
        self._unread += data
