"""Random faults on several connections: the file is complete in the end, and no byte is transferred twice."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from httpconn import ByteBudget, HTTPConnection, HTTPConnError, Limits, RetryPolicy, Timeouts
from httpconn.testing import Step
from tests.servers.application import pattern
from tests.servers.faces import FACES, Face, open_face
from tests.servers.files import Fault, Served, cut, instead
from tests.servers.scripted import Close, Drip, Pause, Received, Reset, ScriptedServer, Stall, response

MIB = 1024 * 1024
SIZE = 8 * MIB + 7
BODY = pattern(SIZE)
PIECE = 128 * 1024
SHARE = settings().max_examples // 20  # few, because each downloads a file; the profile "fuzz" has more


class Paced(Served):
    """A server that sends responses in pieces, so that further connections can start."""

    def __call__(self, request: Received) -> list[Step]:
        steps: list[Step] = []
        for step in super().__call__(request):
            steps += _pieces(step) if isinstance(step, bytes) else [step]
        return steps


def _pieces(data: bytes) -> Iterator[Step]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]
        yield Pause(0.001)


def right(served: Served, request: Received) -> Sequence[Step]:
    """Return the right response."""
    return served.respond(request)


def trickle(size: int) -> Fault:
    """Return the right response, too slow from some byte on."""

    def respond(served: Served, request: Received) -> Sequence[Step]:
        head, blank, body = served.respond(request)[0].partition(b"\r\n\r\n")  # type: ignore[union-attr]
        return [head + blank + body[:size], Drip(body[size : size + 1000]), Close()]

    return respond


def busy(size: int) -> Fault:
    """Send some bytes of an open-ended range, and 503 for a bounded range."""

    def respond(served: Served, request: Received) -> Sequence[Step]:
        has_end = not (request.header("Range") or "-").endswith("-")
        return [response(503)] if has_end else cut(size)(served, request)

    return respond


sizes = st.integers(0, 4 * MIB)
cuts = st.builds(cut, sizes, st.sampled_from([Close(), Reset(), Stall()])) | sizes.map(trickle)
statuses = st.sampled_from([response(503), response(429), response(429, {"Retry-After": "0"})])
faults_of_any_kind = st.just(right) | cuts | sizes.map(busy) | statuses.map(instead)


@pytest.fixture(params=FACES, scope="module")
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    """One face for all examples."""
    with open_face(request.param) as opened:
        yield opened


@settings(max_examples=SHARE, deadline=None)
@given(st.lists(faults_of_any_kind, max_size=12), st.integers(1, 6), st.integers(1, 3))
@example([cut(MIB), *[instead(response(503))] * 12], 4, 1)
@example([cut(MIB), *[instead(response(429))] * 8, cut(0, Reset())], 4, 2)
@example([cut(MIB, Reset())] * 12, 6, 3)
@example([right, trickle(0), trickle(MIB)], 4, 1)
@example([*[cut(MIB)] * 5, *[busy(PIECE)] * 12], 4, 1)
def test_after_any_faults_the_file_is_right_and_no_byte_comes_twice(
    face: Face, faults: list[Fault], segments: int, tries: int
) -> None:
    budget = ByteBudget(100 * SIZE)
    options = {"segments": segments, "retries": RetryPolicy(attempts=tries, backoff=0), "budget": budget}
    with tempfile.TemporaryDirectory() as folder, ScriptedServer(Paced(BODY, faults=list(faults))) as server:
        connection = HTTPConnection(timeout=Timeouts(read=0.1), limits=Limits(speed_window=0.1))
        target = Path(folder, "file")
        try:
            while not target.exists():
                with suppress(HTTPConnError):
                    face.call(connection, "download", server.url, target, **options)
        finally:
            face.close(connection)
        assert target.read_bytes() == BODY
        assert list(Path(folder).iterdir()) == [target]
    assert budget.used == SIZE
