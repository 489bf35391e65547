"""Timeouts for transports of the caller: floats that carry the deadline of the call."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from ..errors import MalformedRequest
from ..runtime.timeouts import AttemptTimeouts


class FloatTimeout(float):
    """A timeout that starts at its first use and never ends after the deadline of the call.

    Transports hand the values of the ``timeout`` extension on unchanged, once for a whole body. A transport of httpconn
    that receives one reads the deadline and the seconds from it. Any other transport uses its value as a float: the
    seconds that were left at its creation; infinity means no limit.

    Args:
        seconds: the timeout, or None for the deadline alone.
        at: the deadline, as of ``time.monotonic()``.
    """

    __slots__ = ("_until", "at", "seconds")

    at: float
    seconds: float | None
    _until: float | None

    def __new__(cls, seconds: float | None, at: float = math.inf) -> FloatTimeout:
        """Limit the seconds to the time left until the deadline."""
        left = max(0.0, at - time.monotonic())
        self = float.__new__(cls, left if seconds is None or left < seconds else seconds)
        self.seconds = seconds
        self.at = at
        self._until = None
        return self

    def restart(self) -> float:
        """Restart the timeout, and return its end."""
        self._until = AttemptTimeouts(at=self.at).until(self.seconds)
        return self._until

    @property
    def until(self) -> float:
        """The end of the timeout, as of ``time.monotonic()``. The first use starts it."""
        return self.restart() if self._until is None else self._until


def until_of(timeout: float | None) -> float:
    """Return the end of a timeout. A plain float starts now."""
    return timeout.until if isinstance(timeout, FloatTimeout) else AttemptTimeouts().until(timeout)


def float_timeouts(waits: AttemptTimeouts) -> dict[str, FloatTimeout | None]:
    """Return the request extension ``timeout`` for the timeouts of an attempt."""
    phases = {"connect": waits.connect, "read": waits.read, "write": waits.write, "pool": waits.pool}
    unbounded = waits.at == math.inf
    return {
        name: None if seconds is None and unbounded else FloatTimeout(seconds, waits.at)
        for name, seconds in phases.items()
    }


def attempt_timeouts_of(timeouts: object) -> AttemptTimeouts:
    """Return the timeouts of an attempt from the request extension ``timeout``.

    Raises:
        MalformedRequest: it is not a mapping of phases to seconds or None.
    """
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
