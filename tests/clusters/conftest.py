"""A table of URLs on loopback, and the sizes of their bodies."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import NamedTuple

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


class Watched(NamedTuple):
    """A long table of URLs.

    Attributes:
        under_way: set when a quarter of the URLs was requested.
    """

    urls: list[str]
    under_way: threading.Event


@pytest.fixture
def long_table() -> Iterator[Watched]:
    """20,000 URLs."""
    under_way, requests = threading.Event(), itertools.count()

    def body(request: Received) -> bytes:
        if next(requests) == ROWS // 4:
            under_way.set()
        return response(body=str(request.target).encode())

    with ScriptedServer(body) as server:
        yield Watched([server.url_for(f"/{n}") for n in range(ROWS)], under_way)
