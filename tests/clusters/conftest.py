"""A table of URLs on loopback, and what the answer to them is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from httpconn.testing import Received, ScriptedServer, response

COUNT = 200


def answer(request: Received) -> bytes:
    number = int(request.target.rpartition(b"/")[2] if isinstance(request.target, bytes) else request.target[1:])
    return response(404) if number % 50 == 7 else response(body=b"x" * number)


@pytest.fixture
def table() -> Iterator[dict[str, int | None]]:
    """Each URL, and the size of its body."""
    with ScriptedServer(answer) as server:
        sizes = {number: None if number % 50 == 7 else number for number in range(COUNT)}
        yield {server.url_for(f"/{number}"): size for number, size in sizes.items()}
