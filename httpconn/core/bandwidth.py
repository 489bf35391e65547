"""Bandwidth: how long bodies wait, so that together they come no faster than they may."""

from __future__ import annotations

import threading

from ..runtime.forking import renew_in_child

SHORTEST = 0.01
"""Seconds; what is less is owed until it is worth a wait."""

TURN = 0.1
"""Seconds for which one body receives before it pays."""

LEAST = 16 * 1024
"""Bytes that are received at once, however little may come."""


class Bandwidth:
    """Bytes a second that bodies share, in whatever thread or task they are received.

    Bytes are counted when they have come; whoever received them then waits until they are paid for, in the order in
    which they came.

    Args:
        rate: bytes per second.

    Attributes:
        portion: bytes to receive at once, so that a body comes evenly.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.portion: int = max(LEAST, int(rate * TURN))
        self._paid_at = 0.0
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """In the child: a thread of the parent may hold the lock."""
        self._lock = threading.Lock()

    def spend(self, count: int, now: float) -> float:
        """Count bytes that came at ``now`` seconds of a monotonic clock: the seconds to wait for them."""
        with self._lock:
            self._paid_at = max(self._paid_at, now) + count / self._rate
            wait = self._paid_at - now
        return wait if wait >= SHORTEST else 0.0
