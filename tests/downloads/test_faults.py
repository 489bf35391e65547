"""Random faults: the download ends with the right file, and no kept byte is transferred again."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from httpconn import ByteBudget, HTTPConnection, RetryPolicy, Timeouts
from tests.servers.faces import FACES, Face, open_face
from tests.servers.files import Fault, Served, changed, cut, instead
from tests.servers.scripted import Close, Reset, ScriptedServer, Stall, response

SIZE = 60_000
BODY = bytes(number * number % 251 for number in range(SIZE))
OTHER = bytes(reversed(BODY))
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
RETRIES = RetryPolicy(attempts=20, backoff=0)
SHARE = settings().max_examples // 10  # few, because each downloads a file; the profile "fuzz" has more

sizes = st.integers(0, SIZE)
breaks = st.builds(cut, sizes, st.sampled_from([Close(), Reset()])) | st.builds(cut, sizes, st.just(Stall()))
statuses = st.sampled_from([response(503), response(429), response(429, {"Retry-After": "0"})])
refusals = st.sampled_from([instead(Close()), instead(Reset()), instead(b"HTTP")]) | statuses.map(instead)
voids = st.sampled_from(
    [
        changed(etag='"v2"', body=BODY),
        changed(etag='"v3"', body=BODY),
        lambda served, request: [response(200, served.fields(), served.body)],
    ]
)
partial = st.sampled_from(
    [
        instead(response(416, body=b"no")),
        instead(response(206, {"Content-Range": "bytes 1-2/3"}, b"no")),
        instead(response(206, {"Content-Type": "multipart/byteranges"}, b"no")),
        instead(response(412, body=b"no")),
    ]
)


def only_for_parts(fault: Fault) -> Fault:
    """Responses to a Range request; to other requests they would be final errors."""
    return lambda served, request: fault(served, request) if request.header("Range") else served.respond(request)


@pytest.fixture(params=FACES, scope="module")
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    """One face for all examples."""
    with open_face(request.param) as opened:
        yield opened


def fetch(face: Face, served: Served, **options: object) -> ByteBudget:
    budget = ByteBudget(100 * SIZE)
    with tempfile.TemporaryDirectory() as folder, ScriptedServer(served) as server:
        connection = HTTPConnection(retries=RETRIES, timeout=Timeouts(read=0.05))
        try:
            face.call(connection, "download", server.url, Path(folder, "file"), budget=budget, **options)
        finally:
            face.close(connection)
        assert [each.read_bytes() == BODY for each in Path(folder).iterdir()] == [True]
    return budget


@settings(max_examples=2 * SHARE, deadline=None)
@given(st.lists(breaks | refusals, max_size=6))
@example([cut(SIZE - 1), cut(0), cut(1, Reset())])
def test_no_byte_of_an_unchanged_file_is_transferred_twice(face, faults):
    assert fetch(face, Served(BODY, faults=faults)).used == SIZE


@settings(max_examples=2 * SHARE, deadline=None)
@given(st.lists(breaks | refusals | voids | partial.map(only_for_parts), max_size=6))
def test_only_invalid_bytes_are_transferred_again(face, faults):
    again = len(faults)
    assert SIZE <= fetch(face, Served(BODY, faults=faults)).used <= (again + 1) * SIZE


@settings(max_examples=SHARE, deadline=None)
@given(
    st.lists(breaks | refusals, min_size=1, max_size=3),
    st.integers(0, SIZE - 1),
    st.sampled_from([None, '"v1"', 'W/"v1"']),
)
def test_a_digest_detects_a_change_without_a_validator(face, faults, size, etag):
    served = Served(OTHER, etag=etag, faults=[cut(size), changed(body=BODY, etag=etag), *faults])
    fetch(face, served, digest=DIGEST)
