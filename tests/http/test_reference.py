"""The engine reads a response as the reference parser does, for any division of the bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import httpconn
from tests.corpora.raw_responses import TO_GET, TO_HEAD
from tests.http.reference import Malformed, Response, read
from tests.http.response_cases import BAD, GOOD, IRREGULAR
from tests.http.rivals import Comparison, Outcome, comparison, single_bytes, split, whole
from tests.servers.faces import FACES, Face, open_face
from tests.servers.scripted import Close, ScriptedServer
from tests.strategies.responses import wild_responses

CASES = {
    **{name: ("GET", raw) for name, raw in TO_GET.items()},
    **{name: ("GET", raw) for name, (raw, _) in {**GOOD, **IRREGULAR, **BAD}.items()},
    **{f"HEAD, {name}": ("HEAD", raw) for name, raw in TO_HEAD.items()},
}
METHODS = st.sampled_from(["GET", "HEAD"])
PLACES = st.lists(st.integers(0, 500), max_size=8)


@pytest.fixture(scope="module")
def on() -> Iterator[Comparison]:
    with comparison() as opened:
        yield opened


def expected(raw: bytes, method: str) -> Response | None:
    try:
        return read(raw, method)
    except Malformed:
        return None


def agree(outcome: Outcome, raw: bytes, method: str) -> None:
    found = None if outcome.error else Response(outcome.status, outcome.body)
    assert found == expected(raw, method), (raw, outcome.error)


@pytest.mark.parametrize(("method", "raw"), CASES.values(), ids=CASES)
def test_the_parsers_agree_on_the_corpus(on, method, raw):
    agree(on.deliver(on.ours["sync"], whole(raw), method), raw, method)


@settings(deadline=None)
@given(raw=wild_responses(), method=METHODS, places=PLACES)
def test_the_parsers_agree_on_generated_responses(on, raw, method, places):
    for pieces in (split(raw, places), single_bytes(raw)):
        agree(on.deliver(on.ours["sync"], pieces, method), raw, method)


@settings(deadline=None)
@given(raw=wild_responses(), method=METHODS, places=PLACES)
def test_the_parsers_agree_through_a_proxy(on, raw, method, places):
    for rival in on.proxied.values():
        agree(on.deliver(rival, split(raw, places), method), raw, method)


@settings(deadline=None)
@given(raw=wild_responses(), places=PLACES)
def test_a_generated_response_gives_the_reference_body_or_an_error(raw, places, exchange):
    face, connection, steps, url = exchange
    steps[:] = [*split(raw, places), Close()]
    try:
        body = face.get_bytes(connection, url, timeout=5)
    except httpconn.HTTPConnError:
        return
    assert Response(200, body) == expected(raw, "GET")._replace(status=200)


@pytest.fixture(scope="module", params=FACES)
def opened_face(request):
    with open_face(request.param) as face:
        yield face


@pytest.fixture(scope="module", params=["direct", "proxy"])
def exchange(request, opened_face: Face):
    """A connection without retries, and the steps of the response to its next request."""
    steps = []
    with ScriptedServer(lambda received: list(steps)) as server:
        proxied = request.param == "proxy"
        connection = httpconn.HTTPConnection(
            retries=0, redirects=httpconn.RedirectPolicy(max_hops=0), **({"proxy": server.url} if proxied else {})
        )
        yield opened_face, connection, steps, "http://victim.example/" if proxied else server.url
        opened_face.close(connection)
