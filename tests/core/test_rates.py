"""Rate limits and bandwidth limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn import QueueFull, RateLimit
from httpconn.core.rates import MAX_HOSTS, Bandwidth, RateLimiter, Reservation


def waits(limiter: RateLimiter, count: int, host: str = "a", now: float = 100.0) -> list[float]:
    return [used(limiter, taken(limiter, host, now), now) for _ in range(count)]


def used(limiter: RateLimiter, reservation: Reservation, now: float) -> float:
    limiter.release(reservation, used=True)
    return reservation.wait_time(now)


def taken(limiter: RateLimiter, host: str = "a", now: float = 100.0) -> Reservation:
    reservation = limiter.reserve(host, now, None)
    assert reservation is not None
    return reservation


def test_requests_to_a_host_are_spaced_in_order() -> None:
    limiter = RateLimiter(RateLimit(10, per=1.0, burst=2))
    assert waits(limiter, 4) == pytest.approx([0, 0, 0.1, 0.2])
    assert waits(limiter, 1, "b") == [0]
    assert waits(limiter, 3, now=200.0) == pytest.approx([0, 0, 0.1])


def test_a_limit_for_all_hosts_counts_every_host() -> None:
    limiter = RateLimiter(RateLimit(10, scope="all"))
    assert [waits(limiter, 1, host)[0] for host in "abc"] == pytest.approx([0, 0.1, 0.2])


def test_several_limits_apply_together() -> None:
    limiter = RateLimiter(RateLimit(1), RateLimit(4, scope="all"))
    assert waits(limiter, 3, "a") == pytest.approx([0, 1, 2])
    assert waits(limiter, 2, "b") == pytest.approx([0.25, 1.25])


def test_a_host_with_a_low_limit_leaves_the_slots_of_all_hosts_to_others() -> None:
    limiter = RateLimiter(RateLimit(1), RateLimit(10, scope="all"))
    assert waits(limiter, 100)[-1] == 99
    assert waits(limiter, 1, "b") == pytest.approx([0.1])


def test_calls_resume_one_by_one_after_a_pause() -> None:
    limiter = RateLimiter(RateLimit(10, scope="all"))
    limiter.pause("a", 160.0, 100.0)
    assert [wait for now in (100.0, 110.0, 120.0) for wait in waits(limiter, 1, "a", now)] == pytest.approx(
        [60, 50.1, 40.2]
    )
    assert waits(limiter, 1, "b", 120.0) == [0]


LIMITS = (RateLimit(3), RateLimit(5, burst=2, scope="all"))

asking = st.lists(st.tuples(st.sampled_from("aab"), st.floats(0, 0.3), st.integers(0, 5)), max_size=40)


@given(asking)
def test_no_sequence_of_calls_and_cancellations_exceeds_a_limit(asked: list[tuple[str, float, int]]) -> None:
    """Make calls at random times, and cancel some of the waiting calls."""
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
    """Assert that no period has more requests than the burst and the rate allow."""
    moments.sort()
    for first, begin in enumerate(moments):
        for last, end in enumerate(moments[first:], 1):
            # A reservation whose time is nearly reached does not wait, and times are rounded.
            assert last <= limit.burst + limit.rate * (end - begin + 0.002)


def test_a_reservation_after_the_deadline_is_not_made() -> None:
    limiter = RateLimiter(RateLimit(1, per=10.0))
    assert waits(limiter, 1) == [0]
    assert [limiter.reserve("a", 100.0, 109.0) for _ in range(1000)] == [None] * 1000
    reservation = limiter.reserve("a", 100.0, 110.0)
    assert reservation is not None
    assert reservation.wait_time(100.0) == 10


def test_a_released_slot_delays_no_later_call() -> None:
    limiter = RateLimiter(RateLimit(1, per=10.0, burst=2))
    assert waits(limiter, 2) == [0, 0]
    for _ in range(3):
        reservation = taken(limiter)
        assert reservation.wait_time(100.0) == 10
        limiter.release(reservation, used=False)


def test_a_released_slot_goes_to_the_next_caller() -> None:
    limiter = RateLimiter(RateLimit(1))
    reservations = [taken(limiter) for _ in range(4)]
    limiter.release(reservations[1], used=False)
    assert waits(limiter, 2) == [1, 4]
    assert [reservation.wait_time(100.0) for reservation in reservations[2:]] == [2, 3]


def test_a_slot_in_the_past_is_not_reused() -> None:
    limiter = RateLimiter(RateLimit(1))
    reservations = [taken(limiter) for _ in range(4)]
    limiter.release(reservations[1], used=False)
    assert waits(limiter, 1, now=102.5) == [1.5]


def test_a_pause_delays_all_reservations_in_order() -> None:
    limiter = RateLimiter(RateLimit(1))
    reservations = [taken(limiter) for _ in range(3)]
    limiter.pause("a", 110.0, 100.0)
    limiter.pause("a", 110.0, 100.0)  # several calls get the same response
    assert [reservation.wait_time(100.0) for reservation in reservations[1:]] == [11, 12]
    assert waits(limiter, 2) == [13, 14]
    assert waits(limiter, 1, "b") == [0]


@pytest.mark.parametrize("limit", [RateLimit(1, burst=5), RateLimit(1000, scope="all")])
def test_an_idle_host_is_paused_too(limit: RateLimit) -> None:
    limiter = RateLimiter(limit)
    limiter.pause("a", 110.0, 100.0)
    assert min(waits(limiter, 3)) == pytest.approx(10)
    assert waits(limiter, 1, now=111.0) == [0] or limit.scope == "host"


def test_the_number_of_waiting_calls_is_limited() -> None:
    limiter = RateLimiter(RateLimit(1), max_waiting=2)
    reservations = [taken(limiter) for _ in range(3)]
    with pytest.raises(QueueFull):
        limiter.reserve("a", 100.0, None)
    limiter.release(reservations[1], used=True)
    assert waits(limiter, 1, now=101.0) == [2]


def test_a_reservation_that_is_dropped_without_a_release_is_free_again() -> None:
    limiter = RateLimiter(RateLimit(1), max_waiting=1)
    assert waits(limiter, 1) == [0]
    for _ in range(3):
        assert taken(limiter).wait_time(100.0) == 1
    assert limiter.waiting == 0


def test_the_number_of_known_hosts_is_limited() -> None:
    limiter = RateLimiter(RateLimit(1, per=1000.0))
    for number in range(MAX_HOSTS * 2):
        limiter.reserve(f"host{number}", 100.0, None)
    assert len(limiter._hosts) <= MAX_HOSTS
    assert waits(limiter, 1, f"host{MAX_HOSTS * 2 - 1}") == [1000]


def test_receivers_wait_in_the_order_of_their_bytes() -> None:
    bandwidth = Bandwidth(1000)
    assert [bandwidth.spend(500, 100.0) for _ in range(3)] == pytest.approx([0.5, 1.0, 1.5])
    assert bandwidth.spend(500, 200.0) == pytest.approx(0.5)


def test_short_waits_add_up() -> None:
    bandwidth = Bandwidth(1000)
    assert [bandwidth.spend(4, 100.0) for _ in range(3)] == pytest.approx([0, 0, 0.012])
