"""Ends of waits: moments that no wait moves past its call's deadline."""

from __future__ import annotations

import math
import time

import pytest

from httpconn.adapters.floattimeouts import Allowance, allowances, until_of, waits_of
from httpconn.runtime.timeouts import Waits, seconds_left, until


def test_a_wait_ends_after_its_seconds_or_at_the_deadline():
    now = time.monotonic()
    assert Waits().until(10) == pytest.approx(now + 10, abs=1)
    assert Waits(at=now + 5).until(10) == Waits(at=now + 5).until(None) == now + 5
    assert Waits().until(None) == math.inf


@pytest.mark.parametrize("end", [math.inf, until(None), until(math.inf)])
def test_no_bound(end):
    assert seconds_left(end) is None


@pytest.mark.parametrize("end", [0.0, until(0), Waits(at=0.0).until(5)], ids=["long ago", "now", "deadline"])
def test_nothing_left(end):
    with pytest.raises(TimeoutError):
        seconds_left(end)


class TestAllowances:
    """What httpcore and callers' transports are given."""

    def test_its_value_is_the_seconds_clipped_by_the_deadline(self):
        assert Allowance(10) == pytest.approx(10, abs=0.5)
        assert Allowance(10, time.monotonic() + 5) == pytest.approx(5, abs=0.5)
        assert Allowance(None, time.monotonic() + 5) == pytest.approx(5, abs=0.5)
        assert Allowance(10, at=0.0) == 0
        assert Allowance(None) == math.inf

    def test_the_clock_starts_at_the_first_use(self):
        allowance = Allowance(10)
        assert allowance.until == allowance.until == until_of(allowance)

    def test_a_restart_gives_the_seconds_again_but_never_more_than_the_deadline(self):
        allowance = Allowance(10)
        first = allowance.until
        while allowance.restart() == first:
            pass
        assert allowance.until > first
        assert Allowance(10, at=5.0).restart() == 5.0

    def test_a_transport_of_ours_reads_what_a_call_allows(self):
        waits = Waits(1, 2, 3, None, time.monotonic() + 10)
        assert waits_of(allowances(waits)) == waits
        assert allowances(Waits()) == dict.fromkeys(("connect", "read", "write", "pool"))
        assert waits_of({"read": 5.0}) == Waits(read=5.0)
