"""Ends of waits: moments that no wait moves past its call's deadline."""

from __future__ import annotations

import math
import time

import pytest

from httpconn.adapters.floattimeouts import FloatTimeout, attempt_timeouts_of, float_timeouts
from httpconn.runtime.timeouts import AttemptTimeouts, seconds_left, until


def test_a_wait_ends_after_its_seconds_or_at_the_deadline():
    now = time.monotonic()
    assert AttemptTimeouts().until(10) == pytest.approx(now + 10, abs=1)
    assert AttemptTimeouts(at=now + 5).until(10) == AttemptTimeouts(at=now + 5).until(None) == now + 5
    assert AttemptTimeouts().until(None) == math.inf


@pytest.mark.parametrize("end", [math.inf, until(None), until(math.inf)])
def test_no_limit(end):
    assert seconds_left(end) is None


@pytest.mark.parametrize("end", [0.0, until(0), AttemptTimeouts(at=0.0).until(5)], ids=["long ago", "now", "deadline"])
def test_a_passed_end(end):
    with pytest.raises(TimeoutError):
        seconds_left(end)


class TestFloatTimeouts:
    """What httpcore and callers' transports are given."""

    def test_its_value_is_the_seconds_clipped_by_the_deadline(self):
        assert FloatTimeout(10) == pytest.approx(10, abs=0.5)
        assert FloatTimeout(10, time.monotonic() + 5) == pytest.approx(5, abs=0.5)
        assert FloatTimeout(None, time.monotonic() + 5) == pytest.approx(5, abs=0.5)
        assert FloatTimeout(10, at=0.0) == 0
        assert FloatTimeout(None) == math.inf

    def test_a_transport_of_httpconn_reads_seconds_and_deadline(self):
        waits = AttemptTimeouts(1, 2, 3, None, time.monotonic() + 10)
        assert attempt_timeouts_of(float_timeouts(waits)) == waits
        assert float_timeouts(AttemptTimeouts()) == dict.fromkeys(("connect", "read", "write", "pool"))
        assert attempt_timeouts_of({"read": 5.0}) == AttemptTimeouts(read=5.0)
