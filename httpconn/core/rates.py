"""Rates: when the next request may start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from heapq import heapify, heappop, heappush

from ..errors import QueueFull
from ..options import MAX_COUNT, RateLimit

MAX_HOSTS = 4096

EARLY = 0.0005
"""Seconds by which a sleep may end too early."""


class _Bucket:
    """The turns of one limit: those of a host, or of all.

    It is one moment: when it will be full again (the "generic cell rate algorithm"). Turns are moments too, taken in
    the order in which they are asked for.
    """

    __slots__ = ("burst", "freed", "full_at", "held_until", "interval", "shift")

    def __init__(self, interval: float, burst: int) -> None:
        self.interval = interval
        self.burst = burst
        self.full_at = 0.0
        self.held_until = 0.0
        self.shift = 0.0
        self.freed: list[float] = []

    def take(self, earliest: float) -> float:
        """The next turn from a moment on: one that was given back, or a new one."""
        while self.freed:
            moment = heappop(self.freed)
            if moment >= earliest:
                return moment
        earliest = max(earliest, self.held_until)
        full_at = max(self.full_at, earliest)
        self.full_at = full_at + self.interval
        return max(earliest, full_at - self.interval * (self.burst - 1))

    def give_back(self, moment: float) -> None:
        """The last turn was never there; another one goes to whoever asks next."""
        if moment > self.full_at - self.interval * (self.burst + 0.5):
            self.full_at -= self.interval
        else:
            heappush(self.freed, moment)

    def hold(self, until: float, now: float) -> None:
        """All turns to come are put off, in their order and at their distance."""
        delay = until - max(now, self.held_until)
        if delay > 0:
            self.full_at = max(self.full_at, now) + delay
            self.held_until = until
            self.shift += delay
            self.freed = [moment + delay for moment in self.freed]
            heapify(self.freed)


class Turn:
    """A moment at which one request may start."""

    __slots__ = ("_moments", "_waits")

    def __init__(self, moments: list[tuple[_Bucket, float]]) -> None:
        self._moments = [(bucket, moment - bucket.shift) for bucket, moment in moments]
        self._waits = False

    def wait(self, now: float) -> float:
        """Seconds until then; a host that asks for a pause can put it off."""
        wait = max((moment + bucket.shift for bucket, moment in self._moments), default=now) - now
        return wait if wait > EARLY else 0.0


NOW = Turn([])
"""The turn of who need not wait, which nothing can put off."""


class RateLimiter:
    """The turns of one connection object, shared by threads and tasks.

    Who asks first is given the earliest turn. A turn is a reservation, so that nobody has to be woken by another
    thread or event loop, and who is cancelled or blocked holds nobody up.

    Args:
        limits: each of them holds. Where a host's own limit puts off a turn that was due by one for all hosts, the
            latter is kept on the average.
        max_waiting: turns that may be waited for at once.
    """

    def __init__(self, *limits: RateLimit, max_waiting: int = MAX_COUNT) -> None:
        self._overall = [_Bucket(each.interval, each.burst) for each in limits if each.scope == "all"]
        self._limits = [each for each in limits if each.scope == "host"]
        self._hosts: dict[str, list[_Bucket]] = {}
        self._waiting = 0
        self._max_waiting = max_waiting
        self._lock = threading.Lock()

    def turn(self, host: str, now: float, latest: float | None) -> Turn | None:
        """Take the next turn at a host; it is left when it has come, or is not wanted any more.

        None, and no turn is taken, when it would come after ``latest``, a moment of the clock of ``now``: whoever
        cannot wait so long holds nobody up. ``latest=None`` waits as long as it takes.

        Raises:
            QueueFull: as many wait as may.
        """
        with self._lock:
            moments, moment = [], now
            for bucket in (*self._overall, *self._buckets(host, now)):
                moment = bucket.take(moment)
                moments.append((bucket, moment))
            if moment <= now:
                return NOW
            turn = Turn(moments)
            turn._waits = turn.wait(now) > 0
            if latest is not None and moment > latest:
                self._give_back(turn)
                return None
            if turn._waits and self._waiting >= self._max_waiting:
                self._give_back(turn)
                raise QueueFull(f"{self._waiting} calls wait for their turn already")
            self._waiting += turn._waits
        return turn

    def leave(self, turn: Turn, *, used: bool) -> None:
        """The turn has come, or will not be used; nobody who asks later then waits for it."""
        if turn._waits or not used:
            with self._lock:
                self._waiting -= turn._waits
                if not used:
                    self._give_back(turn)

    def hold(self, host: str, until: float, now: float) -> None:
        """The host wants nothing before a moment."""
        with self._lock:
            for bucket in self._buckets(host, now):
                bucket.hold(until, now)

    def _give_back(self, turn: Turn) -> None:
        for bucket, moment in turn._moments:
            bucket.give_back(moment + bucket.shift)

    def _buckets(self, host: str, now: float) -> list[_Bucket]:
        buckets = self._hosts.get(host)
        if buckets is None:
            if len(self._hosts) >= MAX_HOSTS:
                self._forget(lambda buckets: any(each.full_at > now for each in buckets))
            buckets = [_Bucket(each.interval, each.burst) for each in self._limits] or [_Bucket(0.0, 1)]
            self._hosts[host] = buckets
        return buckets

    def _forget(self, is_busy: Callable[[list[_Bucket]], bool]) -> None:
        """The hosts that are idle; where too few are, those that have been known longest."""
        busy = [(host, buckets) for host, buckets in self._hosts.items() if is_busy(buckets)]
        self._hosts = dict(busy[-(MAX_HOSTS // 2) :])
