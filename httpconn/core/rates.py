"""Rates: when the next request may start."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from ..errors import QueueFull
from ..options import MAX_COUNT, RateLimit
from ..runtime.forking import renew_in_child
from .reservations import Slots

MAX_HOSTS = 4096

EARLY = 0.0005
"""Seconds by which a sleep may end too early."""


class _Bucket:
    """The slots of one limit, for a host or for all, and the pauses that the host asked for.

    Attributes:
        slots: put off by each pause.
        held_until: the end of the last pause.
        shift: seconds of all pauses together.
    """

    __slots__ = ("held_until", "shift", "slots")

    def __init__(self, interval: float, burst: int) -> None:
        self.slots = Slots(interval, burst)
        self.held_until = 0.0
        self.shift = 0.0

    def due(self, moment: float) -> float:
        """When a request may start that is not to start before a moment."""
        return self.slots.due(moment if moment > self.held_until else self.held_until)

    def hold(self, until: float, now: float) -> None:
        """All turns to come are put off, in their order and at their distance."""
        delay = until - max(now, self.held_until)
        if delay > 0:
            self.slots.put_off(delay, now)
            self.held_until = until
            self.shift += delay


class Turn:
    """A moment at which one request may start, and the slots that it takes."""

    __slots__ = ("_moment", "_places", "_waits")

    def __init__(self, moment: float, places: list[tuple[_Bucket, float, float]], waits: bool) -> None:
        self._moment = moment
        self._places = places
        self._waits = waits

    def wait(self, now: float) -> float:
        """Seconds until then; a host that asks for a pause can put it off."""
        delay = max((bucket.shift - shift for bucket, _, shift in self._places), default=0.0)
        wait = self._moment + delay - now
        return wait if wait > EARLY else 0.0

    def give_back(self) -> None:
        """The slots are free again."""
        for bucket, slot, shift in self._places:
            bucket.slots.give_back(slot + bucket.shift - shift)


NOW = Turn(0.0, [], False)
"""The turn of who need not wait, which nothing can put off."""


class RateLimiter:
    """The turns of one connection object, shared by threads and tasks.

    Who asks first is given the earliest turn at which all limits let a request start. A turn is a reservation, so that
    nobody has to be woken by another thread or event loop, and who is cancelled or blocked holds nobody up.

    Args:
        limits: each of them holds. Turns that a host puts off by a pause hold a limit for all hosts on the average.
        max_waiting: turns that may be waited for at once.
    """

    def __init__(self, *limits: RateLimit, max_waiting: int = MAX_COUNT) -> None:
        self._overall = [_Bucket(each.interval, each.burst) for each in limits if each.scope == "all"]
        self._limits = [each for each in limits if each.scope == "host"]
        self._hosts: dict[str, list[_Bucket]] = {}
        self._max_waiting = max_waiting
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """In the child: those who wait are the parent's, and a thread of it may hold the lock."""
        self._lock = threading.Lock()
        self._left: deque[tuple[Turn, bool]] = deque()
        self._waiting = 0

    def turn(self, host: str, now: float, latest: float | None) -> Turn | None:
        """Take the next turn at a host; it is left when it has come, or is not wanted any more.

        None, and no turn is taken, when it would come after ``latest``, a moment of the clock of ``now``: whoever
        cannot wait so long holds nobody up. ``latest=None`` waits as long as it takes.

        Raises:
            QueueFull: as many wait as may.
        """
        with self._lock:
            if self._left:
                self._see_who_left()
            buckets = [*self._overall, *self._buckets(host, now)]
            moment = _due(buckets, now)
            if latest is not None and moment > latest:
                return None
            waits = moment - now > EARLY
            if waits and self._waiting >= self._max_waiting:
                raise QueueFull(f"{self._waiting} calls wait for their turn already")
            places = [(bucket, bucket.slots.take(moment, now), bucket.shift) for bucket in buckets]
            self._waiting += waits
        return Turn(moment, places, waits) if moment > now else NOW

    def leave(self, turn: Turn, *, used: bool) -> None:
        """The turn has come, or will not be used; whoever asks next may have it.

        Noted without the lock: a task that was forgotten is closed at any moment, also by who holds it.
        """
        self._left.append((turn, used))

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        with self._lock:
            self._see_who_left()
            return self._waiting

    def hold(self, host: str, until: float, now: float) -> None:
        """The host wants nothing before a moment."""
        with self._lock:
            for bucket in self._buckets(host, now):
                bucket.hold(until, now)

    def _see_who_left(self) -> None:
        while self._left:
            turn, used = self._left.popleft()
            self._waiting -= turn._waits
            if not used:
                turn.give_back()

    def _buckets(self, host: str, now: float) -> list[_Bucket]:
        buckets = self._hosts.get(host)
        if buckets is None:
            if len(self._hosts) >= MAX_HOSTS:
                self._forget(lambda buckets: any(each.slots.end > now for each in buckets))
            buckets = [_Bucket(each.interval, each.burst) for each in self._limits] or [_Bucket(0.0, 1)]
            self._hosts[host] = buckets
        return buckets

    def _forget(self, is_busy: Callable[[list[_Bucket]], bool]) -> None:
        """The hosts that are idle; where too few are, those that have been known longest."""
        busy = [(host, buckets) for host, buckets in self._hosts.items() if is_busy(buckets)]
        self._hosts = dict(busy[-(MAX_HOSTS // 2) :])


def _due(buckets: list[_Bucket], now: float) -> float:
    """The first moment at which all of them let a request start."""
    moment = now
    while True:
        latest = moment
        for bucket in buckets:
            latest = bucket.due(latest)
        if latest == moment:
            return moment
        moment = latest
