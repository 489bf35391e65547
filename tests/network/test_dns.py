"""Names and resolvers: asked once for a new connection, remembered for a moment, wherever they are asked."""

from __future__ import annotations

import socket
import threading

import anyio
import pytest

from httpconn import AccessPolicy, HTTPConnection, InvalidRequest, errors
from httpconn.network.dns import MAX_ADDRESSES, MAX_AGE, MAX_NAMES, CachingResolver
from httpconn.network.guard import Guard
from httpconn.runtime.resolver import Resolver
from httpconn.runtime.runtimes import BlockingRuntime, EventLoopRuntime
from httpconn.runtime.timeouts import until
from httpconn.transport import AsyncHTTPTransport, HTTPTransport
from tests.network.dials import Lookups
from tests.servers.scripted import Close, response


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def ask(face):
    """Asks names for a host's addresses."""
    runtime = (EventLoopRuntime if face.is_async else BlockingRuntime)()

    def addresses(names, host="name.example", port=80, seconds=10):
        return [found.name[0] for found in face.run(names.addresses, runtime, host, port, seconds)]

    return addresses


def test_a_result_is_cached_for_a_short_time(ask):
    lookups, clock = Lookups(["192.0.2.1"], ["192.0.2.2"]), Clock()
    names = CachingResolver(lookups, clock=clock)
    assert [ask(names), ask(names)] == [["192.0.2.1"]] * 2
    clock.now = MAX_AGE
    assert ask(names) == ["192.0.2.2"]
    assert len(lookups.asked) == 2


def test_hosts_ports_and_resolvers_have_their_own_cache_entries(ask):
    lookups = Lookups(["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3"])
    names = CachingResolver(lookups)
    assert ask(names, "a.example") + ask(names, "b.example") + ask(names, "a.example", 81) == [
        *("192.0.2.1", "192.0.2.2", "192.0.2.3")
    ]
    assert ask(CachingResolver(Lookups(["192.0.2.4"])), "a.example") == ["192.0.2.4"]


def test_an_empty_result_is_not_cached(ask):
    names = CachingResolver(Lookups([], ["192.0.2.1"]))
    assert [ask(names), ask(names)] == [[], ["192.0.2.1"]]


def test_the_cache_is_limited(ask):
    lookups = Lookups(["192.0.2.1"])
    names = CachingResolver(lookups)
    for number in range(MAX_NAMES + 1):
        ask(names, f"{number}.example")
    ask(names, "0.example")
    assert len(lookups.asked) == MAX_NAMES + 2


def endless(host, port):
    while True:
        yield "192.0.2.1"


def test_an_endless_result_is_cut(ask):
    assert len(ask(CachingResolver(endless))) == MAX_ADDRESSES


def test_a_long_result_of_the_system_is_cut(ask):
    def look_up(host, port, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))] * (MAX_ADDRESSES + 1)

    assert len(ask(CachingResolver(system=Resolver(look_up=look_up)))) == MAX_ADDRESSES


@pytest.mark.parametrize(
    "result", ["192.0.2.1", b"192.0.2.1", None, 1, [1], [None], ["name.example"], ["192.0.2.1", ""]]
)
def test_an_invalid_result_is_an_error(face, connect, dials, result):
    with pytest.raises(errors.ConnectFailed, match="the resolver failed"):
        face.get_bytes(connect(resolver=Lookups(result), retries=0), "http://name.example/")
    assert dials == []


def test_a_resolver_that_raises_is_a_failed_connection(face, connect):
    def fails(host, port):
        raise RuntimeError("broken")

    with pytest.raises(errors.ConnectFailed, match=r"name\.example could not be resolved: the resolver failed: broken"):
        face.get_bytes(connect(resolver=fails, retries=0), "http://name.example/")


def test_a_resolver_does_not_run_where_the_event_loop_does(face, connect, scripted):
    threads = []

    def resolver(host, port):
        threads.append(threading.current_thread().name)
        return ["127.0.0.1"]

    server = scripted(response(body=b"ok"))
    assert face.get_bytes(connect(resolver=resolver), f"http://name.example:{server.port}/") == b"ok"
    assert threads == ["httpconn-resolve"]
    assert server.requests[0].header("Host") == f"name.example:{server.port}"


def test_a_slow_resolver_times_out(face, connect):
    known = threading.Event()
    connection = connect(resolver=lambda host, port: known.wait(10) and [], retries=0, timeout=0.05)
    try:
        with pytest.raises(errors.TimedOut):
            face.get_bytes(connection, "http://name.example/")
    finally:
        known.set()


class Awaited:
    async def __call__(self, host, port):
        return ["127.0.0.1"]


async def awaited(host, port):
    return ["127.0.0.1"]


@pytest.mark.parametrize("resolver", [awaited, Awaited()])
def test_a_coroutine_function_is_for_the_asynchronous_methods(face, connect, scripted, resolver):
    server = scripted(response(body=b"ok"))
    connection = connect(resolver=resolver)
    url = f"http://name.example:{server.port}/"
    if face.is_async:
        assert face.get_bytes(connection, url) == b"ok"
    with pytest.raises(InvalidRequest, match="asynchronous"):
        connection.get_bytes(url)
    with pytest.raises(InvalidRequest, match="asynchronous"):
        HTTPTransport(resolver=resolver)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_coroutine_that_is_slow_or_fails(backend):

    async def slow(host, port):
        await anyio.sleep(10)

    async def fails(host, port):
        raise TimeoutError("the resolver's own")

    async def main():
        async with HTTPConnection(resolver=slow, timeout=0.05, retries=0) as connection:
            with pytest.raises(errors.TimedOut):
                await connection.async_get_bytes("http://name.example/")
        async with HTTPConnection(resolver=fails, retries=0) as connection:
            with pytest.raises(errors.ConnectFailed, match="own"):
                await connection.async_get_bytes("http://name.example/")

    anyio.run(main, backend=backend)


def test_a_resolver_must_be_callable():
    for make in (HTTPConnection, HTTPTransport, AsyncHTTPTransport):
        with pytest.raises(InvalidRequest, match="resolver"):
            make(resolver="192.0.2.1")


def test_one_lookup_for_a_new_connection_and_none_for_a_reused_one(face, connect, scripted):
    lookups, clock = Lookups(["127.0.0.1"]), Clock()
    transports = {
        "transport": HTTPTransport(resolver=CachingResolver(lookups, clock=clock)),
        "async_transport": AsyncHTTPTransport(resolver=CachingResolver(lookups, clock=clock)),
    }
    server = scripted({"/": response(body=b"ok"), "/last": [response(body=b"ok"), Close()]})
    connection = connect(**transports)
    for path in ("/", "/", "/last", "/"):
        assert face.get_bytes(connection, f"http://name.example:{server.port}{path}") == b"ok"
        clock.now += MAX_AGE
    assert len(lookups.asked) == 2


def test_sync_and_async_calls_share_the_cache(face, connect, scripted):
    server, lookups = scripted(response(body=b"ok")), Lookups(["127.0.0.1"])
    connection = connect(resolver=lookups)
    url = f"http://name.example:{server.port}/"
    assert face.get_bytes(connection, url) == connection.get_bytes(url) == b"ok"
    assert len(lookups.asked) == 1


def test_unreachable_addresses_leave_the_cache(face, connect, scripted):
    server, lookups = scripted(response(body=b"ok")), Lookups(["127.0.0.2"], ["127.0.0.1"])
    connection = connect(resolver=lookups, retries=1)
    assert face.get_bytes(connection, f"http://name.example:{server.port}/") == b"ok"
    assert len(lookups.asked) == 2


@pytest.mark.parametrize(
    ("access", "host", "asked"),
    [
        (AccessPolicy.anywhere(), "name", b"name"),
        (AccessPolicy.anywhere(allowed_hosts=["name"]), "name", b"name"),
        (AccessPolicy.public_internet(), "name", b"name."),
        (AccessPolicy.public_internet(), "name.example", b"name.example."),
        (AccessPolicy.public_internet(), "name.example.", b"name.example."),
        (AccessPolicy.public_internet(), "localhost", b"localhost"),
    ],
)
def test_search_domains_are_excluded_if_addresses_are_checked(face, access, host, asked):
    questions = []

    def look_up(name, port, **_):
        questions.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    guard = Guard(access, CachingResolver(system=Resolver(look_up=look_up)))
    runtime = (EventLoopRuntime if face.is_async else BlockingRuntime)()
    face.run(guard.found, runtime, host, 80, until(10))
    assert questions == [asked]
