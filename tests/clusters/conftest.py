"""A table of URLs on loopback, and the sizes of their bodies."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from httpconn.testing import Received, ScriptedServer, response

COUNT = 200
ROWS = 20_000


def respond(request: Received) -> bytes:
    number = int(request.target.rpartition(b"/")[2] if isinstance(request.target, bytes) else request.target[1:])
    return response(404) if number % 50 == 7 else response(body=b"x" * number)


@pytest.fixture
def table() -> Iterator[dict[str, int | None]]:
    """Return each URL and the size of its body."""
    with ScriptedServer(respond) as server:
        sizes = {number: None if number % 50 == 7 else number for number in range(COUNT)}
        yield {server.url_for(f"/{number}"): size for number, size in sizes.items()}


class Watched:
    """A long table of URLs.

    Attributes:
        urls: 20,000 URLs.
        requested: the number of requests so far.
        under_way: set when a quarter of the URLs was requested.
    """

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.under_way = threading.Event()
        self.requested = 0
        self._lock = threading.Lock()

    def __call__(self, request: Received) -> bytes:
        with self._lock:
            self.requested += 1
        if self.requested == ROWS // 4:
            self.under_way.set()
        return response(body=str(request.target).encode())


@pytest.fixture
def long_table() -> Iterator[Watched]:
    watched = Watched()
    with ScriptedServer(watched) as server:
        watched.urls = [server.url_for(f"/{n}") for n in range(ROWS)]
        yield watched
