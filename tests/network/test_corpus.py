"""The corpora of attacks against the real connection code: forbidden hosts get no connection."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from httpconn import AccessDenied, AccessPolicy, HTTPConnError, InvalidURL, errors
from httpconn.core.hosts import is_literal
from httpconn.network.dns import MAX_AGE, CachingResolver
from httpconn.transport import AsyncHTTPTransport, HTTPTransport
from tests.corpora.addresses import ADDRESSES
from tests.corpora.dns import CASES, Case
from tests.corpora.redirects import CHAINS, Chain
from tests.corpora.urls import DENIED, READ, REFUSED
from tests.network.dials import Lookups
from tests.servers.scripted import ScriptedServer, response

PUBLIC = AccessPolicy.public_internet()


def is_public(address: str) -> bool:
    try:
        PUBLIC.judge_address("name.example", address)
    except AccessDenied:
        return False
    return True


@pytest.fixture
def public(connect) -> Callable[[Any], Any]:
    """Connections for untrusted URLs. No packet from a loopback address reaches a public one."""

    def make(resolver: Any) -> Any:
        own = {"access": PUBLIC, "resolver": resolver, "local_address": "127.0.0.1"}
        transports = {"transport": HTTPTransport(**own), "async_transport": AsyncHTTPTransport(**own)}
        return connect(access=PUBLIC, retries=0, timeout=30, **transports)

    return make


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.host)
def test_each_result_of_a_lookup_is_checked(face, public, dials, case: Case) -> None:
    clock = count(0, MAX_AGE + 1)
    lookups = Lookups(*case.lookups)
    connection = public(CachingResolver(lookups, clock=lambda: next(clock)))
    for number, addresses in enumerate(case.lookups):
        dials.clear()
        with pytest.raises((AccessDenied, errors.ConnectFailed, errors.TimedOut)) as caught:
            face.get_bytes(connection, f"http://{case.host}/")
        denied = isinstance(caught.value, AccessDenied)
        assert denied is not all(map(is_public, addresses))
        assert {dialled[0] for dialled in dials} <= (set() if denied else set(addresses))
        if number == 0:
            assert getattr(caught.value, "reason", None) == case.reason
    assert len(lookups.asked) == len(case.lookups)


@pytest.mark.parametrize(("address", "reason"), ADDRESSES.items())
def test_an_address_from_a_resolver(face, public, dials, address: str, reason: str | None) -> None:
    with pytest.raises(HTTPConnError) as caught:
        face.get_bytes(public(Lookups([address])), "http://name.example/")
    if reason in (None, "no address"):
        assert isinstance(caught.value, (errors.ConnectFailed, errors.TimedOut))
    else:
        assert caught.value.reason == reason
    assert {dialled[0] for dialled in dials} <= ({address} if reason is None else set())


@pytest.mark.parametrize(("url", "reason"), DENIED.items())
def test_internal_addresses_get_no_connection(face, connect, dials, url: str, reason: str) -> None:
    with pytest.raises(AccessDenied) as caught:
        face.get_bytes(connect(access=PUBLIC), url)
    assert (caught.value.reason, dials) == (reason, [])


@pytest.mark.parametrize("url", [url for urls in REFUSED.values() for url in urls], ids=lambda url: ascii(url)[:60])
def test_ambiguous_urls_get_no_connection(face, public, dials, url: str) -> None:
    resolver = Lookups([])
    with pytest.raises(InvalidURL):
        face.get_bytes(public(resolver), url)
    assert (resolver.asked, dials) == ([], [])


NAMED = [(url, host, port) for url, (host, port, _) in READ.items() if not is_literal(host)]


@pytest.mark.parametrize(("url", "host", "port"), NAMED, ids=lambda value: ascii(value)[:60])
def test_the_checked_host_is_the_resolved_host(face, connect, url: str, host: str, port: int) -> None:
    resolver = Lookups([])
    with pytest.raises(errors.ConnectFailed):
        face.get_bytes(connect(resolver=resolver, retries=0), url)
    assert resolver.asked == [(host, port)]


REFUSED_CHAINS = [
    # The server of this test is on loopback, which has to be open for it.
    *(chain for chain in CHAINS if chain.error is not None and chain.reason != "loopback"),
    Chain(("https://inside.example/",), None, "AccessDenied", "private network"),
    Chain(("//inside.example:8443/x",), None, "AccessDenied", "private network"),
]


@pytest.fixture(scope="module")
def redirecting(certificates):
    """A server with one path for each redirect chain, which redirects to the last hop."""
    locations = [chain.locations[-1].encode() for chain in REFUSED_CHAINS]
    paths = {f"/{number}": response(302, {"Location": location}) for number, location in enumerate(locations)}
    with ScriptedServer(paths, tls=certificates.good) as server:
        yield server


def addresses_of(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if host == "localhost" else ["10.0.0.1"]


@pytest.mark.parametrize("number", range(len(REFUSED_CHAINS)), ids=lambda number: ascii(REFUSED_CHAINS[number])[:60])
def test_a_forbidden_redirect_gets_no_connection(face, connect, dials, redirecting, certificates, number: int) -> None:
    access = AccessPolicy.public_internet(allowed_networks=["127.0.0.1/32"])
    connection = connect(access=access, resolver=addresses_of, verify=certificates.trust(), retries=0)
    chain = REFUSED_CHAINS[number]
    with pytest.raises(HTTPConnError) as caught:
        face.get_bytes(connection, f"https://localhost:{redirecting.port}/{number}")
    assert dials == [("127.0.0.1", redirecting.port)]
    if chain.error == "AccessDenied":
        assert caught.value.reason == chain.reason
