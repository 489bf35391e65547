"""The engine, and httpcore behind the screen, read an answer as the slow reader does, however it is cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import httpconn
from tests.corpora.raw_responses import TO_GET, TO_HEAD
from tests.http.answers import BAD, GOOD, IRREGULAR
from tests.http.reference import Answer, Malformed, read
from tests.http.rivals import Outcome, Stage, single_bytes, split, stage, whole
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
def on() -> Iterator[Stage]:
    with stage() as opened:
        yield opened


def expected(raw: bytes, method: str) -> Answer | None:
    try:
        return read(raw, method)
    except Malformed:
        return None


def agree(outcome: Outcome, raw: bytes, method: str) -> None:
    found = None if outcome.error else Answer(outcome.status, outcome.body)
    assert found == expected(raw, method), (raw, outcome.error)


@pytest.mark.parametrize(("method", "raw"), CASES.values(), ids=CASES)
def test_both_readers_agree_on_the_corpus(on, method, raw):
    agree(on.deliver(on.ours["sync"], whole(raw), method), raw, method)


@settings(deadline=None)
@given(raw=wild_responses(), method=METHODS, places=PLACES)
def test_both_readers_agree_on_wild_answers(on, raw, method, places):
    for pieces in (split(raw, places), single_bytes(raw)):
        agree(on.deliver(on.ours["sync"], pieces, method), raw, method)


@settings(deadline=None)
@given(raw=wild_responses(), method=METHODS, places=PLACES)
def test_they_agree_through_a_proxy(on, raw, method, places):
    for rival in on.proxied.values():
        agree(on.deliver(rival, split(raw, places), method), raw, method)


@settings(deadline=None)
@given(raw=wild_responses(), places=PLACES)
def test_a_wild_answer_is_a_body_that_both_readers_see_or_an_error_of_ours(raw, places, asking):
    face, connection, steps, url = asking
    steps[:] = [*split(raw, places), Close()]
    try:
        body = face.get_bytes(connection, url, timeout=5)
    except httpconn.HTTPConnError:
        return
    assert Answer(200, body) == expected(raw, "GET")._replace(status=200)


@pytest.fixture(scope="module", params=FACES)
def opened_face(request):
    with open_face(request.param) as face:
        yield face


@pytest.fixture(scope="module", params=["direct", "proxy"])
def asking(request, opened_face: Face):
    """A connection that never tries again, and the steps with which its next question is answered."""
    steps = []
    with ScriptedServer(lambda received: list(steps)) as server:
        proxied = request.param == "proxy"
        connection = httpconn.HTTPConnection(
            retries=0, redirects=httpconn.RedirectPolicy(max_hops=0), **({"proxy": server.url} if proxied else {})
        )
        yield opened_face, connection, steps, "http://victim.example/" if proxied else server.url
        opened_face.close(connection)
