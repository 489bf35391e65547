"""Timeouts as callers' transports hand them on: floats that know of their call's deadline."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from ..runtime.timeouts import AttemptTimeouts


class FloatTimeout(float):
    """A timeout whose clock starts at its first use, and that never reaches past the call's deadline.

    It is a float because httpcore, which such transports use, hands the values of a request's ``timeout`` extension to
    its network streams unchanged, once for a whole body; these streams ask how much is left at every single operation.
    Its value as a float is the seconds at the time of its making; inf stands for no bound.

    Args:
        seconds: how long, or None for no bound of its own.
        at: the deadline, as of ``time.monotonic()``.

    Attributes:
        seconds: the same.
        at: the same.
    """

    __slots__ = ("_until", "at", "seconds")

    at: float
    seconds: float | None
    _until: float | None

    def __new__(cls, seconds: float | None, at: float = math.inf) -> FloatTimeout:
        """Clip the seconds by the deadline."""
        left = max(0.0, at - time.monotonic())
        self = float.__new__(cls, left if seconds is None or left < seconds else seconds)
        self.seconds = seconds
        self.at = at
        self._until = None
        return self

    def restart(self) -> float:
        """Start the clock anew, and return its end."""
        self._until = AttemptTimeouts(at=self.at).until(self.seconds)
        return self._until

    @property
    def until(self) -> float:
        """The end of the time."""
        return self.restart() if self._until is None else self._until


def until_of(timeout: float | None) -> float:
    """Return the end of a timeout; a plain float begins now."""
    return timeout.until if isinstance(timeout, FloatTimeout) else AttemptTimeouts().until(timeout)


def float_timeouts(waits: AttemptTimeouts) -> dict[str, FloatTimeout | None]:
    """Return the request extension ``timeout`` that says the same."""
    phases = {"connect": waits.connect, "read": waits.read, "write": waits.write, "pool": waits.pool}
    unbounded = waits.at == math.inf
    return {
        name: None if seconds is None and unbounded else FloatTimeout(seconds, waits.at)
        for name, seconds in phases.items()
    }


def attempt_timeouts_of(timeouts: Mapping[str, float | None]) -> AttemptTimeouts:
    """Return what the request extension ``timeout`` says."""
    at, seconds = math.inf, dict[str, float | None]()
    for phase in ("connect", "read", "write", "pool"):
        given = timeouts.get(phase)
        if isinstance(given, FloatTimeout):
            at = min(at, given.at)
            given = given.seconds
        seconds[phase] = given
    return AttemptTimeouts(at=at, **seconds)
