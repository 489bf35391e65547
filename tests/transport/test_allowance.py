from __future__ import annotations

import math
import time

import pytest

from httpconn.transport.allowance import Allowance, seconds_left


def test_its_value_is_the_seconds_clipped_by_the_deadline():
    assert Allowance(10) == pytest.approx(10, abs=0.5)
    assert Allowance(10, until=time.monotonic() + 5) == pytest.approx(5, abs=0.5)
    assert Allowance(None, until=time.monotonic() + 5) == pytest.approx(5, abs=0.5)
    assert Allowance(10, until=0.0) == 0
    assert Allowance(None) == math.inf


def test_the_clock_starts_at_the_first_use():
    allowance = Allowance(10)
    first = allowance.left()
    assert first is not None
    assert first <= 10
    assert allowance.left() <= first


def test_a_restart_gives_the_seconds_again_but_never_more_than_the_deadline():
    until = time.monotonic() + 20
    allowance, other = Allowance(10, until), Allowance(10, until)
    allowance.left()
    used = other.left()
    while other.left() == used:
        pass
    allowance.restart()
    assert allowance.left() > other.left()  # however long each of them takes
    late = Allowance(10, until=0.0)
    late.restart()
    assert late.left() == 0


@pytest.mark.parametrize("timeout", [None, math.inf, Allowance(None)])
def test_no_bound(timeout):
    assert seconds_left(timeout) is None


def test_a_plain_float_counts_for_each_operation():
    assert [seconds_left(5.0), seconds_left(5.0)] == [5.0, 5.0]


@pytest.mark.parametrize("timeout", [0, 0.0, Allowance(0), Allowance(5, until=0.0)])
def test_nothing_left(timeout):
    with pytest.raises(TimeoutError):
        seconds_left(timeout)
