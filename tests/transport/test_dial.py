"""Dialling on a network that is a script: which addresses are tried, in what order, for how long."""

from __future__ import annotations

import socket

import httpcore
import pytest

from httpconn.stepping import run_sync
from httpconn.transport.allowance import Allowance
from httpconn.transport.dial import Address, Options, dial

REFUSED = ConnectionRefusedError(111, "Connection refused")
FOUR, SIX = socket.AF_INET, socket.AF_INET6


class ScriptedNetwork:
    """Resolves to the addresses given, and fails for those that are not named as answering."""

    def __init__(self, addresses=(), answering=(), error=REFUSED):
        self._found = [Address(SIX if ":" in name else FOUR, (name, 80)) for name in addresses]
        self._answering = answering
        self._error = error
        self.resolved = []
        self.tried = []
        self.seconds = []

    async def resolve(self, host, port, seconds):
        self.resolved.append(host)
        return self._found

    async def connect(self, sock, address, seconds):
        self.tried.append(address.name[0])
        self.seconds.append(seconds)
        if address.name[0] not in self._answering:
            raise self._error


def dialled(network, host="name.example", allowance=None):
    run_sync(dial(network, host, 80, allowance or Allowance(None), Options())).close()


def test_families_are_tried_in_turn_and_at_most_four_addresses():
    network = ScriptedNetwork(["::1", "::2", "::3", "1.0.0.1", "1.0.0.2", "1.0.0.3"])
    with pytest.raises(httpcore.ConnectError, match=r"name\.example port 80: Connection refused"):
        dialled(network)
    assert network.tried == ["::1", "1.0.0.1", "::2", "1.0.0.2"]


def test_the_first_that_answers_is_taken():
    network = ScriptedNetwork(["1.0.0.1", "1.0.0.2", "1.0.0.3"], answering=["1.0.0.2"])
    dialled(network)
    assert network.tried == ["1.0.0.1", "1.0.0.2"]


def test_a_name_is_resolved_once_and_a_literal_never():
    network = ScriptedNetwork(["1.0.0.1"], answering=["1.0.0.1", "1.2.3.4", "::1"])
    dialled(network)
    dialled(network, "1.2.3.4")
    dialled(network, "::1")
    assert network.resolved == ["name.example"]
    assert network.tried == ["1.0.0.1", "1.2.3.4", "::1"]


def test_an_address_that_swallows_packets_leaves_time_for_the_next():
    network = ScriptedNetwork(["1.0.0.1", "1.0.0.2"], error=TimeoutError("timed out"))
    with pytest.raises(httpcore.ConnectTimeout):
        dialled(network, allowance=Allowance(10))
    first, last = network.seconds
    assert first <= 5 < last <= 10


def test_no_address():
    with pytest.raises(httpcore.ConnectError, match="no address"):
        dialled(ScriptedNetwork())
