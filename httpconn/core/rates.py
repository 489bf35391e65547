"""Rates: when the next request to a host may start."""

from __future__ import annotations

import threading

from ..options import RateLimit

MAX_HOSTS = 4096


class RateLimiter:
    """One token bucket for each host, shared by threads and tasks.

    A bucket is one moment: when it will be full again (the "generic cell rate algorithm"). Turns are given in the
    order in which they are asked for.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def turn(self, host: str, now: float, latest: float | None) -> float | None:
        """Take the next turn at a host: the seconds to wait for it.

        None, and no turn is taken, when it would come after ``latest``, a moment of the clock of ``now``: whoever
        cannot wait so long holds nobody up. ``latest=None`` waits as long as it takes.
        """
        interval = self._limit.interval
        with self._lock:
            full_at = max(self._full_at.get(host, now), now)
            wait = max(0.0, full_at - now - interval * (self._limit.burst - 1))
            if latest is not None and now + wait > latest:
                return None
            self._full_at[host] = full_at + interval
            if len(self._full_at) > MAX_HOSTS:
                self._forget_idle(now)
        return wait

    def give_back(self, host: str) -> None:
        """A turn that was taken will not be used: nobody who asks later waits for it."""
        with self._lock:
            if host in self._full_at:
                self._full_at[host] -= self._limit.interval

    def _forget_idle(self, now: float) -> None:
        self._full_at = {host: moment for host, moment in self._full_at.items() if moment > now}
