"""Timeouts of the steps of an attempt. The end of a wait is a time of ``time.monotonic()``."""

import math
import time
from typing import NamedTuple

from ..options import MAX_SECONDS


class AttemptTimeouts(NamedTuple):
    """The timeouts of one attempt in seconds, None for no limit, and the deadline of the call."""

    connect: float | None = None  # for name resolution, connection and TLS handshake together
    read: float | None = None  # for the head of the response, and for each wait for more of the body
    write: float | None = None  # for each portion of the request
    pool: float | None = None  # for a free connection of the pool
    at: float = math.inf  # the deadline, as of ``time.monotonic()``; infinity for none

    def until(self, seconds: float | None) -> float:
        """Return the end of a wait that starts now: after ``seconds``, but not after the deadline."""
        if seconds is None:
            return self.at
        end = time.monotonic() + seconds
        return end if end < self.at else self.at


def until(seconds: float | None) -> float:
    return math.inf if seconds is None else time.monotonic() + seconds


def seconds_left(until: float) -> float | None:
    """Return the seconds until a time; None if they exceed the longest wait that systems support."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out")
    return None if seconds > MAX_SECONDS else seconds
