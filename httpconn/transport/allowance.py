"""Timeouts that span several operations."""

from __future__ import annotations

import math
import time

from ..options import MAX_SECONDS


class Allowance(float):
    """A timeout whose clock starts at its first use, and that never reaches past the call's deadline.

    It is a float because httpcore hands the values of a request's ``timeout`` extension to its network streams
    unchanged, once for a whole body; these streams ask how much is left at every single operation. Its value as a
    float is the seconds at the time of its making; inf stands for no bound.

    Args:
        seconds: how long, or None for no bound of its own.
        until: the deadline, as of ``time.monotonic()``, or None.
    """

    __slots__ = ("_end", "_seconds", "_started", "_until")

    _end: float
    _seconds: float | None
    _started: bool
    _until: float | None

    def __new__(cls, seconds: float | None, until: float | None = None) -> Allowance:
        """Clip the seconds by the deadline."""
        left = math.inf if until is None else max(0.0, until - time.monotonic())
        self = float.__new__(cls, left if seconds is None or left < seconds else seconds)
        self._seconds = seconds
        self._until = until
        self._started = False
        return self

    def restart(self) -> None:
        """Start the clock anew."""
        self._started = True
        own = math.inf if self._seconds is None else time.monotonic() + self._seconds
        self._end = own if self._until is None or own < self._until else self._until

    def left(self) -> float | None:
        """Seconds left from now, never below 0; None for no bound."""
        if not self._started:
            self.restart()
        left = self._end - time.monotonic()
        return None if left == math.inf else max(0.0, left)


def seconds_left(timeout: float | None) -> float | None:
    """Seconds that the next operation may take, None without end; a float means that many for each, as in httpx.

    Raises:
        TimeoutError: none are left.
    """
    seconds = timeout.left() if isinstance(timeout, Allowance) else timeout
    if seconds is None or seconds > MAX_SECONDS:  # which is as long as systems can wait
        return None
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds
