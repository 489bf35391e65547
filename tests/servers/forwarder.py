"""A network that breaks: a forwarder between clients and a real server that cuts connections."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from select import select
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

HOST = "127.0.0.1"
BLOCK = 64 * 1024


class Forwarder(ThreadingTCPServer):
    """A server on loopback that forwards bytes to a port there.

    Attributes:
        cuts: for each further connection, the number of bytes to its client after which it ends.
        carried: number of bytes that clients received.
    """

    daemon_threads = True

    def __init__(self, target: int) -> None:
        super().__init__((HOST, 0), _Carrier)
        self.target = target
        self.cuts: list[int] = []
        self.carried = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Carrier(BaseRequestHandler):
    server: Forwarder

    def handle(self) -> None:
        left = self.server.cuts.pop(0) if self.server.cuts else sys.maxsize
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.server.target)) as upstream:
            while left > 0:
                for ready in select([self.request, upstream], [], [])[0]:
                    data = ready.recv(BLOCK)
                    if not data:
                        return
                    if ready is upstream:
                        data = data[:left]
                        left -= len(data)
                        self.server.carried += len(data)
                    (self.request if ready is upstream else upstream).sendall(data)


@contextmanager
def forwarding(target: int) -> Iterator[Forwarder]:
    """A forwarder to a port, run in a thread."""
    with Forwarder(target) as forwarder:
        Thread(target=forwarder.serve_forever, args=(0.01,), name="forwarder", daemon=True).start()
        yield forwarder
        forwarder.shutdown()
