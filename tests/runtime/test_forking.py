"""What a fork finds locked, or taken, is free in the child."""

from __future__ import annotations

import os
import signal

import pytest

from httpconn import ByteBudget, RateLimit
from httpconn.core.memorystore import MemoryStore
from httpconn.core.rates import Bandwidth, RateLimiter
from tests.http.children import exit_code_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

USES = {
    "a rate limit": (RateLimiter(RateLimit(1)), lambda limiter: limiter.reserve("a", 100.0, None)),
    "a bandwidth": (Bandwidth(1), lambda bandwidth: bandwidth.spend(1, 100.0)),
    "a budget": (ByteBudget(1), lambda budget: budget.spend(1)),
    "a cache": (MemoryStore(1), lambda store: store.drop("a")),
}


@pytest.mark.parametrize(("owner", "use"), USES.values(), ids=USES)
def test_a_lock_that_a_thread_of_the_parent_holds(owner, use):
    def child() -> bool:
        signal.alarm(10)
        use(owner)
        return True

    with owner._lock:
        assert exit_code_of(child) == 0


def test_the_child_does_not_wait_for_rate_reservations_of_the_parent():
    limiter = RateLimiter(RateLimit(1), max_waiting=1)
    kept = [limiter.reserve("a", 100.0, None) for _ in range(2)]
    assert limiter.waiting == len(kept) - 1
    assert exit_code_of(lambda: limiter.waiting == 0 and limiter.reserve("a", 100.0, None) is not None) == 0
    assert limiter.waiting == 1
