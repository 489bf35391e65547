"""Any text as a URL is rejected before a connection is made, or is sent exactly as it was checked."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import httpconn
from httpconn.core.urls import VettedURL, vet
from tests.corpora.urls import READ, REFUSED
from tests.servers.faces import FACES, open_face
from tests.servers.scripted import Received, ScriptedServer, response
from tests.strategies.urls import urls

ANY = st.one_of(urls(), st.text(max_size=60), st.text(max_size=40).map("http://".__add__))


@pytest.fixture(scope="module", params=FACES)
def asking(request):
    """Return a fetch function that uses a proxy, and the requests that the proxy received. Each response is a 404."""
    with open_face(request.param) as face, ScriptedServer(response(404)) as proxy:
        connection = httpconn.HTTPConnection(retries=0, proxy=proxy.url)

        def fetch(url: str) -> list[Received]:
            before = len(proxy.requests)
            with pytest.raises((httpconn.StatusError, httpconn.TransportError, httpconn.InvalidRequest)) as caught:
                face.get_bytes(connection, url)
            asked = list(proxy.requests)[before:]
            assert isinstance(caught.value, httpconn.InvalidRequest) is not bool(asked)
            return asked

        yield fetch
        face.close(connection)


def vetted_or_none(url: str) -> VettedURL | None:
    try:
        return vet(url)
    except httpconn.InvalidRequest:
        return None


def is_asked_for(url: VettedURL, asked: Received) -> bool:
    """Return whether the proxy received the whole URL or, for https, the target of the tunnel."""
    host, port = url.origin.host, url.origin.port
    bracketed = f"[{host}]" if ":" in host else host
    if url.origin.scheme == "https":
        return (asked.method, asked.target) == ("CONNECT", f"{bracketed}:{port}".encode())
    whole = b"http://" + url.netloc + url.target
    return (asked.method, asked.target, asked.header("host")) == ("GET", whole, url.netloc.decode())


def check(url: str, asked: list[Received]) -> None:
    vetted = vetted_or_none(url)
    assert len(asked) == (vetted is not None), url
    assert vetted is None or is_asked_for(vetted, asked[0]), (url, asked)


@settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(ANY)
@example("http://example.com\\@10.0.0.1/")
@example("http://faß.de/")
@example("https://[2606:4700::1]:81/")
def test_any_text_is_rejected_or_sent_as_it_was_checked(asking, url):
    check(url, asking(url))


@pytest.mark.parametrize("url", [*READ, *(url for group in REFUSED.values() for url in group)], ids=ascii)
def test_the_corpus_is_rejected_or_sent_as_it_was_checked(asking, url):
    check(url, asking(url))
