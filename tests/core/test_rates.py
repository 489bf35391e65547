"""Whose turn it is, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn import QueueFull, RateLimit
from httpconn.core.bandwidth import Bandwidth
from httpconn.core.rates import MAX_HOSTS, RateLimiter, Reservation


def waits(limiter: RateLimiter, count: int, host: str = "a", now: float = 100.0) -> list[float]:
    return [taken(limiter, host, now).wait_time(now) for _ in range(count)]


def taken(limiter: RateLimiter, host: str = "a", now: float = 100.0) -> Reservation:
    reservation = limiter.reserve(host, now, None)
    assert reservation is not None
    return reservation


def test_turns_are_given_in_order_for_each_host() -> None:
    limiter = RateLimiter(RateLimit(10, per=1.0, burst=2))
    assert waits(limiter, 4) == pytest.approx([0, 0, 0.1, 0.2])
    assert waits(limiter, 1, "b") == [0]
    assert waits(limiter, 3, now=200.0) == pytest.approx([0, 0, 0.1])


def test_a_limit_for_all_counts_every_host() -> None:
    limiter = RateLimiter(RateLimit(10, scope="all"))
    assert [waits(limiter, 1, host)[0] for host in "abc"] == pytest.approx([0, 0.1, 0.2])


def test_several_limits_hold_together() -> None:
    limiter = RateLimiter(RateLimit(1), RateLimit(4, scope="all"))
    assert waits(limiter, 3, "a") == pytest.approx([0, 1, 2])
    assert waits(limiter, 2, "b") == pytest.approx([0.25, 1.25])


def test_a_host_that_is_slow_leaves_the_turns_of_all_hosts_to_others() -> None:
    limiter = RateLimiter(RateLimit(1), RateLimit(10, scope="all"))
    assert waits(limiter, 100)[-1] == 99
    assert waits(limiter, 1, "b") == pytest.approx([0.1])


def test_calls_to_a_host_that_pauses_come_back_one_by_one() -> None:
    limiter = RateLimiter(RateLimit(10, scope="all"))
    limiter.pause("a", 160.0, 100.0)
    assert [wait for now in (100.0, 110.0, 120.0) for wait in waits(limiter, 1, "a", now)] == pytest.approx(
        [60, 50.1, 40.2]
    )
    assert waits(limiter, 1, "b", 120.0) == [0]


LIMITS = (RateLimit(3), RateLimit(5, burst=2, scope="all"))

asking = st.lists(st.tuples(st.sampled_from("aab"), st.floats(0, 0.3), st.integers(0, 5)), max_size=40)


@given(asking)
def test_whoever_comes_and_goes_no_limit_is_passed(asked: list[tuple[str, float, int]]) -> None:
    """Each asks at some time after the last one; then one who has waited since as many turns ago leaves, if any."""
    limiter, now = RateLimiter(*LIMITS), 100.0
    reservations: list[tuple[str, float, Reservation]] = []
    for host, seconds, gone in asked:
        now += seconds
        reservation = limiter.reserve(host, now, None)
        assert reservation is not None
        reservations.append((host, now + reservation.wait_time(now), reservation))
        if gone and gone <= len(reservations) and reservations[-gone][1] > now:
            limiter.release(reservations.pop(-gone)[2], used=False)
    for host in "abc":
        assert_kept(LIMITS[0], [moment for other, moment, _ in reservations if other == host])
    assert_kept(LIMITS[1], [moment for _, moment, _ in reservations])


def assert_kept(limit: RateLimit, moments: list[float]) -> None:
    """No time sees more than the burst and what its length allows."""
    moments.sort()
    for first, begin in enumerate(moments):
        for last, end in enumerate(moments[first:], 1):
            # A turn that is nearly there does not wait, and rounding takes a little.
            assert last <= limit.burst + limit.rate * (end - begin + 0.002)


def test_a_turn_that_comes_too_late_is_not_taken() -> None:
    limiter = RateLimiter(RateLimit(1, per=10.0))
    assert waits(limiter, 1) == [0]
    assert [limiter.reserve("a", 100.0, 109.0) for _ in range(1000)] == [None] * 1000
    reservation = limiter.reserve("a", 100.0, 110.0)
    assert reservation is not None
    assert reservation.wait_time(100.0) == 10


def test_nobody_waits_for_a_turn_that_was_given_back() -> None:
    limiter = RateLimiter(RateLimit(1, per=10.0, burst=2))
    assert waits(limiter, 2) == [0, 0]
    for _ in range(3):
        reservation = taken(limiter)
        assert reservation.wait_time(100.0) == 10
        limiter.release(reservation, used=False)


def test_a_turn_given_back_from_the_middle_goes_to_who_asks_next() -> None:
    limiter = RateLimiter(RateLimit(1))
    reservations = [taken(limiter) for _ in range(4)]
    limiter.release(reservations[1], used=False)
    assert waits(limiter, 2) == [1, 4]
    assert [reservation.wait_time(100.0) for reservation in reservations[2:]] == [2, 3]


def test_a_turn_of_the_past_is_not_given_again() -> None:
    limiter = RateLimiter(RateLimit(1))
    reservations = [taken(limiter) for _ in range(4)]
    limiter.release(reservations[1], used=False)
    assert waits(limiter, 1, now=102.5) == [1.5]


def test_a_pause_puts_off_all_turns_in_their_order() -> None:
    limiter = RateLimiter(RateLimit(1))
    reservations = [taken(limiter) for _ in range(3)]
    limiter.pause("a", 110.0, 100.0)
    limiter.pause("a", 110.0, 100.0)  # many calls are told at once
    assert [reservation.wait_time(100.0) for reservation in reservations[1:]] == [11, 12]
    assert waits(limiter, 2) == [13, 14]
    assert waits(limiter, 1, "b") == [0]


@pytest.mark.parametrize("limit", [RateLimit(1, burst=5), RateLimit(1000, scope="all")])
def test_a_host_that_is_idle_has_its_pause_too(limit: RateLimit) -> None:
    limiter = RateLimiter(limit)
    limiter.pause("a", 110.0, 100.0)
    assert min(waits(limiter, 3)) == pytest.approx(10)
    assert waits(limiter, 1, now=111.0) == [0] or limit.scope == "host"


def test_as_many_wait_as_may() -> None:
    limiter = RateLimiter(RateLimit(1), max_waiting=2)
    reservations = [taken(limiter) for _ in range(3)]
    with pytest.raises(QueueFull):
        limiter.reserve("a", 100.0, None)
    limiter.release(reservations[1], used=True)
    assert waits(limiter, 1, now=101.0) == [2]


def test_only_so_many_hosts_are_remembered() -> None:
    limiter = RateLimiter(RateLimit(1, per=1000.0))
    for number in range(MAX_HOSTS * 2):
        limiter.reserve(f"host{number}", 100.0, None)
    assert len(limiter._hosts) <= MAX_HOSTS
    assert waits(limiter, 1, f"host{MAX_HOSTS * 2 - 1}") == [1000]


def test_bytes_are_paid_for_in_the_order_in_which_they_came() -> None:
    bandwidth = Bandwidth(1000)
    assert [bandwidth.spend(500, 100.0) for _ in range(3)] == pytest.approx([0.5, 1.0, 1.5])
    assert bandwidth.spend(500, 200.0) == pytest.approx(0.5)


def test_small_debts_wait_until_they_are_worth_it() -> None:
    bandwidth = Bandwidth(1000)
    assert [bandwidth.spend(4, 100.0) for _ in range(3)] == pytest.approx([0, 0, 0.012])
