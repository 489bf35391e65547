"""Timeouts for transports of the caller: floats that carry the deadline of the call."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from ..errors import MalformedRequest
from ..runtime.timeouts import AttemptTimeouts


class FloatTimeout(float):
    """A timeout that never ends after the deadline of the call.

    Transports pass on the values of the ``timeout`` extension unchanged. A transport of httpconn reads the deadline and
    the seconds. Any other transport uses the value as a float: the seconds that were left at its creation; infinity
    means no limit.

    Args:
        seconds: the timeout, or None for the deadline alone.
        at: the deadline, as of ``time.monotonic()``.
    """

    __slots__ = ("at", "seconds")

    at: float
    seconds: float | None

    def __new__(cls, seconds: float | None, at: float = math.inf) -> FloatTimeout:
        """Limit the seconds to the time left until the deadline."""
        left = max(0.0, at - time.monotonic())
        self = float.__new__(cls, left if seconds is None or left < seconds else seconds)
        self.seconds = seconds
        self.at = at
        return self


def float_timeouts(waits: AttemptTimeouts) -> dict[str, FloatTimeout | None]:
    """Return the request extension ``timeout`` for the timeouts of an attempt."""
    phases = {"connect": waits.connect, "read": waits.read, "write": waits.write, "pool": waits.pool}
    unbounded = waits.at == math.inf
    return {
        name: None if seconds is None and unbounded else FloatTimeout(seconds, waits.at)
        for name, seconds in phases.items()
    }


def attempt_timeouts_of(timeouts: object) -> AttemptTimeouts:
    """Return the timeouts of an attempt from the request extension ``timeout``."""
    if not isinstance(timeouts, Mapping):
        raise MalformedRequest(f"The extension timeout must be a mapping, not {type(timeouts).__name__}")
    at, seconds = math.inf, dict[str, float | None]()
    for phase in ("connect", "read", "write", "pool"):
        given = timeouts.get(phase)
        if given is not None and (not isinstance(given, int | float) or given != given):
            raise MalformedRequest(f"The {phase} timeout of a request must be a number of seconds or None")
        if isinstance(given, FloatTimeout):
            at = min(at, given.at)
            given = given.seconds
        seconds[phase] = given
    return AttemptTimeouts(at=at, **seconds)
