"""The rules of the pool, by examples and by arbitrary sequences of operations."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from httpconn.errors import QueueFull
from httpconn.http.lease import Lease, Stage, WaitQueue
from httpconn.http.pool import Pool
from httpconn.options import Limits

LONG = 1_000_000.0  # a time of expiry that no test reaches


def new_pool(**limits: Any) -> Pool[str]:
    return Pool(Limits(**{"keepalive_expiry": LONG, **limits}))


class Next(NamedTuple):
    """The lease to wake and the connections to close after an operation."""

    wake: Lease[str] | None
    close: list[str]


def left(pool: Pool[str]) -> Next:
    """Wake and close, as the caller of the pool does."""
    woken, closed = list(pool.to_wake), list(pool.to_close)
    pool.to_wake.clear()
    pool.to_close.clear()
    assert len(woken) <= 1
    return Next(next(iter(woken), None), closed)


def acquire(pool: Pool[str], origin: str, now: float) -> tuple[Lease[str], list[str]]:
    lease: Lease[str] = Lease(origin)
    pool.acquire(lease, now)
    wake, close = left(pool)
    assert wake is None
    lease.waiter = "an event"
    return lease, close


def release(pool: Pool[str], lease: Lease[str], now: float, *, reusable: bool) -> Next:
    pool.release(lease, now, reusable=reusable)
    return left(pool)


def cancel(pool: Pool[str], lease: Lease[str], now: float) -> Next:
    pool.cancel(lease, now)
    return left(pool)


def check(pool: Pool[str], now: float) -> list[str]:
    pool.check(now)
    return left(pool).close


def get(pool: Pool[str], origin: str, now: float = 0.0) -> Lease[str]:
    """Return a granted lease with a connection."""
    lease, _ = acquire(pool, origin, now)
    assert lease.stage is Stage.GRANTED
    if lease.connection is None:
        pool.dialled(lease, f"{origin}{lease.number}")
    return lease


def wait(pool: Pool[str], origin: str) -> Lease[str]:
    lease, close = acquire(pool, origin, 0.0)
    assert lease.stage is Stage.WAITING
    assert not close
    return lease


def test_a_first_lease_permits_to_dial():
    pool = new_pool(max_connections=2)
    lease, close = acquire(pool, "a", 0.0)
    assert repr(lease) == "<Lease 1 of 'a': to dial>"
    assert not close
    pool.dialled(lease, "connection")
    assert repr(lease) == "<Lease 1 of 'a': granted>"
    assert not lease.reused
    assert repr(pool) == "<Pool: 1 of 2 open, 0 idle, 0 waiting>"


def test_an_idle_connection_is_reused_by_its_origin_alone():
    pool = new_pool(max_connections=2)
    assert release(pool, get(pool, "a"), 0.0, reusable=True) == Next(None, [])
    assert repr(pool) == "<Pool: 1 of 2 open, 1 idle, 0 waiting>"
    other = get(pool, "b")
    assert other.connection == "b2"
    again = get(pool, "a")
    assert again.connection == "a1"
    assert again.reused
    assert repr(pool) == "<Pool: 2 of 2 open, 0 idle, 0 waiting>"


def test_the_connection_used_last_is_taken_first():
    pool = new_pool()
    first, second = get(pool, "a"), get(pool, "a")
    release(pool, second, 1.0, reusable=True)
    release(pool, first, 2.0, reusable=True)
    taken = [get(pool, "a") for _ in range(3)]
    assert [lease.connection for lease in taken] == ["a1", "a2", "a5"]


def test_a_connection_that_is_not_reusable_is_closed():
    pool = new_pool()
    assert release(pool, get(pool, "a"), 0.0, reusable=False) == Next(None, ["a1"])
    assert repr(pool) == "<Pool: 0 of 240 open, 0 idle, 0 waiting>"


def test_idle_connections_expire():
    pool = new_pool(keepalive_expiry=5.0)
    first, second, third = (get(pool, origin) for origin in "aba")
    release(pool, first, 1.0, reusable=True)
    release(pool, second, 2.0, reusable=True)
    release(pool, third, 4.0, reusable=True)
    assert check(pool, 5.9) == []
    assert check(pool, 7.0) == ["a1", "b2"]
    lease, close = acquire(pool, "a", 9.0)
    assert (lease.connection, close) == (None, ["a3"])


def test_above_max_idle_the_longest_idle_connection_is_closed():
    pool = new_pool(max_keepalive_connections=1)
    first, second = get(pool, "a"), get(pool, "b")
    assert release(pool, first, 0.0, reusable=True).close == []
    assert release(pool, second, 0.0, reusable=True).close == ["a1"]


def test_no_connection_is_kept_if_max_idle_is_zero():
    pool = new_pool(max_keepalive_connections=0)
    assert release(pool, get(pool, "a"), 0.0, reusable=True).close == ["a1"]


def test_a_full_pool_closes_the_longest_idle_connection():
    pool = new_pool(max_connections=2)
    first, second = get(pool, "a"), get(pool, "b")
    release(pool, second, 1.0, reusable=True)
    release(pool, first, 2.0, reusable=True)
    lease, close = acquire(pool, "c", 3.0)
    assert lease.stage is Stage.GRANTED
    assert close == ["b2"]
    assert get(pool, "a").reused


def test_waiters_of_all_origins_are_served_in_order():
    pool = new_pool(max_connections=1)
    lease = get(pool, "a")
    waiting = [wait(pool, origin) for origin in "abab"]
    closed = []
    for expected in waiting:
        assert repr(expected).endswith("waiting>")
        wake, close = release(pool, lease, 0.0, reusable=True)
        assert wake is expected
        closed += close
        lease = wake
        if lease.connection is None:
            pool.dialled(lease, lease.origin.upper())
    assert closed == ["a1", "B", "A"]
    assert repr(pool) == "<Pool: 1 of 1 open, 0 idle, 0 waiting>"


def test_a_failed_dial_passes_its_slot_on():
    pool = new_pool(max_connections=1)
    lease, _ = acquire(pool, "a", 0.0)
    waiting = wait(pool, "b")
    assert release(pool, lease, 0.0, reusable=False) == Next(waiting, [])
    assert waiting.stage is Stage.GRANTED
    assert waiting.connection is None


def test_a_cancelled_waiter_is_skipped():
    pool = new_pool(max_connections=1)
    lease = get(pool, "a")
    first, second = wait(pool, "a"), wait(pool, "a")
    assert cancel(pool, first, 0.0) == Next(None, [])
    assert release(pool, lease, 0.0, reusable=True).wake is second


def test_a_cancelled_grant_goes_to_the_next_waiter():
    pool = new_pool(max_connections=1)
    lease = get(pool, "a")
    first, second, third = (wait(pool, "a") for _ in range(3))
    assert release(pool, lease, 0.0, reusable=False).wake is first
    assert cancel(pool, first, 0.0).wake is second
    pool.dialled(second, "connection")
    assert release(pool, second, 0.0, reusable=True).wake is third
    assert cancel(pool, third, 0.0) == Next(None, [])
    assert get(pool, "a").connection == "connection"


def test_a_host_at_its_limit_does_not_block_other_hosts():
    pool = new_pool(max_connections=2, max_per_host=1)
    lease = get(pool, "a")
    blocked = [wait(pool, "a") for _ in range(3)]
    other = get(pool, "b")
    last = wait(pool, "c")
    assert release(pool, other, 0.0, reusable=True) == Next(last, ["b5"])
    assert release(pool, lease, 0.0, reusable=True) == Next(blocked[0], [])
    assert blocked[0].connection == "a1"


def test_a_waiter_blocked_by_its_host_keeps_its_position():
    pool = new_pool(max_connections=2, max_per_host=1)
    lease, other = get(pool, "a"), get(pool, "b")
    first_for_c, for_a, for_d = wait(pool, "c"), wait(pool, "a"), wait(pool, "d")
    assert release(pool, lease, 0.0, reusable=True) == Next(first_for_c, ["a1"])
    assert release(pool, other, 0.0, reusable=True) == Next(for_a, ["b2"])
    assert release(pool, for_a, 0.0, reusable=False).wake is for_d


def test_a_reserved_slot_of_a_host_is_not_granted_twice():
    pool = new_pool(max_connections=2, max_per_host=1)
    first, second = get(pool, "b"), get(pool, "c")
    ahead, behind = wait(pool, "a"), wait(pool, "a")
    assert release(pool, first, 0.0, reusable=False).wake is ahead
    assert release(pool, second, 0.0, reusable=False).wake is None
    assert release(pool, ahead, 0.0, reusable=False).wake is behind


def test_the_reserved_slot_of_a_cancelled_waiter_goes_to_the_next():
    pool = new_pool(max_connections=1, max_per_host=1)
    lease = get(pool, "b")
    ahead, behind = wait(pool, "a"), wait(pool, "a")
    cancel(pool, ahead, 0.0)
    assert release(pool, lease, 0.0, reusable=False).wake is behind


def test_an_unneeded_reserved_slot_goes_to_the_next_waiter():
    pool = new_pool(max_connections=2, max_per_host=2)
    lease, other = get(pool, "a"), get(pool, "b")
    ahead, behind = wait(pool, "a"), wait(pool, "a")
    assert release(pool, lease, 0.0, reusable=True) == Next(ahead, [])
    assert release(pool, other, 0.0, reusable=True) == Next(behind, ["b2"])


def test_a_dead_connection_is_replaced_in_its_slot():
    pool = new_pool(max_connections=1)
    release(pool, get(pool, "a"), 0.0, reusable=True)
    lease = get(pool, "a")
    assert lease.reused
    pool.dialled(lease, "new")
    assert not lease.reused
    release(pool, lease, 0.0, reusable=True)
    assert get(pool, "a").connection == "new"


def test_shutting_the_pool_closes_every_connection_and_wakes_every_waiter():
    pool = new_pool(max_connections=3, max_per_host=1)
    used = get(pool, "c")
    for lease in [get(pool, "a"), get(pool, "b")]:
        release(pool, lease, 0.0, reusable=True)
    waiting = wait(pool, "c")
    pool.shut()
    assert left(pool) == Next(waiting, ["a2", "b3", "c1"])
    assert repr(pool) == "<Pool: 1 of 3 open, 0 idle, 1 waiting>"
    assert used.stage is Stage.GRANTED


def test_a_lease_ends_once():
    pool = new_pool(max_connections=1)
    lease = get(pool, "a")
    waiting = wait(pool, "a")
    with pytest.raises(RuntimeError, match="is not granted"):
        release(pool, waiting, 0.0, reusable=True)
    release(pool, lease, 0.0, reusable=True)
    with pytest.raises(RuntimeError, match="is not granted"):
        cancel(pool, lease, 0.0)
    with pytest.raises(RuntimeError, match="is not granted"):
        pool.dialled(lease, "connection")
    assert repr(pool) == "<Pool: 1 of 1 open, 0 idle, 0 waiting>"


def numbered(number: int) -> Lease[str]:
    lease: Lease[str] = Lease("a")
    lease.number = number
    return lease


def test_a_queue_does_not_keep_departed_waiters():
    queue: WaitQueue[str] = WaitQueue()
    leases: list[Lease[str]] = [numbered(number) for number in range(1000)]
    for lease in leases:
        queue.join(lease)
    for lease in leases[1:]:
        queue.leave(lease)
    assert len(queue) == 1
    assert queue.first() is leases[0]
    assert len(queue._order) <= 2


class AnyUse(RuleBasedStateMachine):
    """A simple model of the pool with one list of leases, which every decision searches."""

    @initialize(
        limits=st.tuples(st.integers(1, 4), st.sampled_from([None, 1, 2]), st.integers(0, 4)),
        expiry=st.sampled_from([LONG, 3.0]),
    )
    def begin(self, limits, expiry):
        self.total, self.per_host, self.max_idle = limits
        self.expiry = expiry
        self.pool = new_pool(
            max_connections=self.total,
            max_per_host=self.per_host,
            max_keepalive_connections=self.max_idle,
            keepalive_expiry=expiry,
        )
        self.now = 0.0
        self.waiting: list[Lease[str]] = []
        self.granted: list[Lease[str]] = []
        self.idle: list[tuple[str, str, float]] = []  # origin, connection, since
        self.made = 0

    def has_slot(self, origin):
        used = sum(lease.origin == origin for lease in self.granted) + sum(idle[0] == origin for idle in self.idle)
        return self.per_host is None or used < self.per_host

    def expire(self):
        expired = [idle for idle in self.idle if idle[2] + self.expiry <= self.now]
        self.idle = [idle for idle in self.idle if idle not in expired]
        return [idle[1] for idle in expired]

    def next_waiter(self, origin=None):
        """Return the first waiter that can get a slot, or a connection to ``origin``."""
        room = len(self.granted) + len(self.idle) < self.total
        for lease in self.waiting:
            if lease.origin == origin or (room and self.has_slot(lease.origin)):
                return lease
        return None

    @rule(origins=st.lists(st.sampled_from("abc"), min_size=1, max_size=4))
    def acquire(self, origins):
        for origin in origins:
            self.acquire_one(origin)

    def acquire_one(self, origin):
        expected = self.expire()
        own = [idle for idle in self.idle if idle[0] == origin]
        lease, close = acquire(self.pool, origin, self.now)
        if own:
            assert lease.connection == own[-1][1]
            assert lease.reused
            self.idle.remove(own[-1])
        elif self.has_slot(origin) and (len(self.granted) + len(self.idle) < self.total or self.idle):
            assert lease.stage is Stage.GRANTED
            assert lease.connection is None
            if len(self.granted) + len(self.idle) >= self.total:
                expected.append(self.idle.pop(0)[1])
        else:
            assert lease.stage is Stage.WAITING
        assert list(close) == expected
        (self.waiting if lease.stage is Stage.WAITING else self.granted).append(lease)

    @rule(place=st.integers(0, 9))
    def dial(self, place):
        dialling = [lease for lease in self.granted if lease.connection is None]
        for lease in dialling[place:] or dialling[:1]:
            self.made += 1
            self.pool.dialled(lease, f"{lease.origin}-{self.made}")

    @rule(place=st.integers(0, 9), how=st.sampled_from(["keep", "keep", "close", "cancel"]))
    def end(self, place, how):
        if not self.granted:
            return
        lease = self.granted[place % len(self.granted)]
        expected = self.expire()
        connection = lease.connection
        self.granted.remove(lease)
        if how == "cancel":
            result = cancel(self.pool, lease, self.now)
        else:
            result = release(self.pool, lease, self.now, reusable=how == "keep")
        keep = connection is not None and how != "close"
        self.check_end(lease.origin, connection, keep, result, expected)

    def check_end(self, origin, connection, keep, result, expected):
        waiter = self.next_waiter(origin if keep else None)
        assert result.wake is waiter
        if waiter is not None:
            assert waiter.stage is Stage.GRANTED
            reused = keep and waiter.origin == origin
            assert waiter.connection == (connection if reused else None)
            self.waiting.remove(waiter)
            self.granted.append(waiter)
            if connection is not None and not reused:
                expected.append(connection)
        elif keep:
            self.idle.append((origin, connection, self.now))
            if len(self.idle) > self.max_idle:
                expected.append(self.idle.pop(0)[1])
        elif connection is not None:
            expected.append(connection)
        assert list(result.close) == expected

    @rule(place=st.integers(0, 9))
    def give_up(self, place):
        if not self.waiting:
            return
        lease = self.waiting[place % len(self.waiting)]
        self.waiting.remove(lease)
        expected = self.expire()
        result = cancel(self.pool, lease, self.now)
        assert result.wake is None
        assert list(result.close) == expected

    @rule(place=st.integers(0, 9))
    def drop_granted(self, place):
        if not self.granted:
            return
        lease = self.granted.pop(place % len(self.granted))
        origin, connection = lease.origin, lease.connection
        del lease
        self.pool.recount()
        self.check_end(origin, connection, False, self.left_after_repair(), [])

    @rule(place=st.integers(0, 9))
    def drop_waiting(self, place):
        if self.waiting:
            del self.waiting[place % len(self.waiting)]
            self.pool.recount()
            assert self.left_after_repair() == Next(None, [])

    def left_after_repair(self):
        """Return the state after a repair, which wakes all granted leases again."""
        for lease in self.granted:
            self.pool.to_wake.pop(lease, None)
        return left(self.pool)

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0]))
    def pass_time(self, seconds):
        self.now += seconds

    @rule()
    def sweep(self):
        assert check(self.pool, self.now) == self.expire()

    @invariant()
    def no_lease_waits_for_a_free_slot(self):
        if hasattr(self, "pool"):
            assert self.next_waiter() is None
            assert not {lease.origin for lease in self.waiting} & {idle[0] for idle in self.idle}

    @invariant()
    def no_limit_is_exceeded_and_no_slot_lost(self):
        if not hasattr(self, "pool"):
            return
        slots = Counter(lease.origin for lease in self.granted) + Counter(idle[0] for idle in self.idle)
        assert slots.total() <= self.total
        assert self.per_host is None or max(slots.values(), default=0) <= self.per_host
        assert repr(self.pool) == (
            f"<Pool: {slots.total()} of {self.total} open, {len(self.idle)} idle, {len(self.waiting)} waiting>"
        )
        assert set(self.pool._hosts) == set(slots) | {lease.origin for lease in self.waiting}


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(deadline=None, max_examples=60, stateful_step_count=60)


def test_a_full_queue_rejects_a_lease_and_stays_unchanged():
    pool = new_pool(max_connections=1, max_waiting=1)
    lease = get(pool, "a")
    waiting = wait(pool, "b")
    with pytest.raises(QueueFull, match="1 calls wait"):
        acquire(pool, "c", 0.0)
    assert cancel(pool, waiting, 0.0) == Next(None, [])
    release(pool, lease, 0.0, reusable=False)
    assert repr(pool) == "<Pool: 0 of 1 open, 0 idle, 0 waiting>"
