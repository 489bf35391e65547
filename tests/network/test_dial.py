"""Dialling: from a name to a connected socket."""

from __future__ import annotations

import socket

import pytest

from httpconn import ConnectFailed, ConnectTimedOut
from httpconn.access import AccessPolicy
from httpconn.network.dial import Options, dial
from httpconn.network.dns import CachingResolver
from httpconn.network.guard import Guard
from httpconn.runtime.runtimes import BlockingRuntime, EventLoopRuntime
from httpconn.runtime.timeouts import until
from tests.network.dials import Lookups


@pytest.fixture
def dialled(face):
    runtime = (EventLoopRuntime if face.is_async else BlockingRuntime)()

    def connect(lookups, port=80, host="name.example", allowance=10, **options):
        guard = Guard(AccessPolicy.anywhere(), CachingResolver(lookups))
        dialling = dial, runtime, host, port, until(allowance), Options(guard=guard, **options)
        with face.run(*dialling) as sock:
            return sock.getpeername()

    return connect


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_the_first_address_that_accepts_is_used(dialled, server, dials):
    assert dialled(Lookups(["127.0.0.2", "127.0.0.1"]), server[1]) == server
    assert dials == [("127.0.0.2", server[1]), server]


def test_each_address_is_tried_once(dialled, dials):
    port = closed_port()
    with pytest.raises(ConnectFailed):
        dialled(Lookups([f"127.0.0.{1 + number // 2}" for number in range(20)]), port)
    assert dials == [(f"127.0.0.{number}", port) for number in range(1, 11)]


def test_the_last_of_many_addresses_is_reached(dialled, server, dials):
    assert dialled(Lookups([*(f"127.0.0.{number}" for number in range(2, 33)), "127.0.0.1"]), server[1]) == server
    assert len(dials) == 32


def test_the_error_says_why_no_address_accepts(dialled):
    port = closed_port()
    with pytest.raises(ConnectFailed, match=rf"name\.example port {port}: Connection refused"):
        dialled(Lookups(["127.0.0.1"]), port)


def test_a_name_is_resolved_once_and_a_literal_never(dialled, server):
    lookups = Lookups(["127.0.0.1"])
    dialled(lookups, server[1])
    dialled(lookups, server[1], "127.0.0.1")
    assert lookups.asked == [("name.example", server[1])]


def test_no_address(dialled):
    with pytest.raises(ConnectFailed, match="no address"):
        dialled(Lookups([]))


def test_no_time(dialled):
    with pytest.raises(ConnectTimedOut):
        dialled(Lookups(["127.0.0.1"]), allowance=0)
    with pytest.raises(ConnectTimedOut):
        dialled(Lookups(["127.0.0.1"]), host="127.0.0.1", allowance=0)


def test_an_own_address_to_connect_from(dialled, server):
    with pytest.raises(ConnectFailed):
        dialled(Lookups(["::1"]), server[1], local_address="127.0.0.3")
    assert dialled(Lookups(["::1", "127.0.0.1"]), server[1], local_address="127.0.0.3") == server
