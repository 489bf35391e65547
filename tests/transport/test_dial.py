"""Dialling: which addresses are tried, in what order, for how long."""

from __future__ import annotations

import socket

import httpcore
import pytest

from httpconn.stepping import run_sync
from httpconn.transport.allowance import Allowance
from httpconn.transport.dial import Options, dial, interleaved
from httpconn.transport.resolver import Address
from httpconn.transport.runtimes import BlockingRuntime

FOUR, SIX = socket.AF_INET, socket.AF_INET6


class ScriptedRuntime:
    """Resolves to the addresses given, and never gets connected."""

    def __init__(self, addresses=(), error=None):
        self._found = addresses
        self._error = error or TimeoutError("timed out")
        self.resolved = []
        self.seconds = []

    async def resolve(self, host, port, seconds):
        self.resolved.append(host)
        return self._found

    async def writable(self, sock, seconds):
        self.seconds.append(seconds)
        raise self._error


def found(port, *names):
    return [Address(SIX if ":" in name else FOUR, (name, port)) for name in names]


def dialled(runtime, host="name.example", port=80, allowance=None):
    with run_sync(dial(runtime, host, port, allowance or Allowance(None), Options())) as sock:
        return sock.getpeername()


class Loopback(BlockingRuntime):
    """The real runtime, with a resolver of its own."""

    def __init__(self, addresses):
        self._found = addresses
        self.resolved = []

    async def resolve(self, host, port, seconds):
        self.resolved.append(host)
        return self._found


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_families_are_tried_in_turn_and_at_most_four_addresses():
    six, four = found(80, "::1", "::2", "::3"), found(80, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    assert interleaved([*six, *four]) == [six[0], four[0], six[1], four[1]]
    assert interleaved(four) == four


def test_the_first_that_answers_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        runtime = Loopback([*found(closed_port(), "127.0.0.1"), *found(port, "127.0.0.1")])
        assert dialled(runtime) == ("127.0.0.1", port)


def test_none_that_answers_is_an_error_that_says_why():
    with pytest.raises(httpcore.ConnectError, match=r"name\.example port 80: Connection refused"):
        dialled(Loopback(found(closed_port(), "127.0.0.1")))


def test_a_name_is_resolved_once_and_a_literal_never():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        runtime = Loopback(found(port, "127.0.0.1"))
        dialled(runtime, port=port)
        dialled(runtime, "127.0.0.1", port)
    assert runtime.resolved == ["name.example"]


def test_an_address_that_swallows_packets_leaves_time_for_the_next():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        runtime = ScriptedRuntime(found(port, "127.0.0.1", "127.0.0.1"))
        with pytest.raises(httpcore.ConnectTimeout):
            dialled(runtime, allowance=Allowance(10))
    first, last = runtime.seconds
    assert first <= 5 < last <= 10


def test_no_address():
    with pytest.raises(httpcore.ConnectError, match="no address"):
        dialled(ScriptedRuntime())
