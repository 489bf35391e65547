"""Dead hosts: the failures that count, the pause and the next attempt."""

from __future__ import annotations

import pytest

from httpconn import ConnectFailed, ConnectTimedOut, HTTPConnError, ReadFailed, TLSFailed
from httpconn.core.deadhosts import FAILURES, MAX_HOSTS, PAUSE, DeadHosts


def dead(error: HTTPConnError, now: float = 0.0) -> DeadHosts:
    hosts = DeadHosts()
    for _ in range(FAILURES):
        hosts.failed("host", error, now)
    return hosts


@pytest.mark.parametrize("error", [ConnectFailed("No connection"), ConnectTimedOut("not in time")])
def test_a_dead_host_raises_the_same_error_until_the_pause_ends(error: HTTPConnError) -> None:
    hosts = dead(error)
    with pytest.raises(type(error), match=error.message) as caught:
        hosts.check("host", PAUSE / 2)
    assert "No connection was tried" in caught.value.__notes__[0]
    hosts.check("other", PAUSE / 2)


def test_one_call_may_connect_after_the_pause() -> None:
    hosts = dead(ConnectFailed("No connection"))
    hosts.check("host", PAUSE)
    with pytest.raises(ConnectFailed):
        hosts.check("host", PAUSE)
    hosts.failed("host", ConnectFailed("No connection"), 1.5 * PAUSE)
    with pytest.raises(ConnectFailed):
        hosts.check("host", 2 * PAUSE)
    hosts.check("host", 2.5 * PAUSE)
    hosts.connected("host")
    hosts.check("host", 2.5 * PAUSE)


@pytest.mark.parametrize("error", [ReadFailed("broke"), TLSFailed("no trust")])
def test_other_errors_do_not_count(error: HTTPConnError) -> None:
    assert not dead(error).is_dead("host")


def test_the_number_of_known_hosts_is_limited() -> None:
    hosts = DeadHosts()
    for number in range(MAX_HOSTS + 10):
        hosts.failed(number, ConnectFailed("No connection"), 0.0)
    assert len(hosts) == MAX_HOSTS
