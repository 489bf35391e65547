"""How long the steps of an exchange may wait. The end of a wait is a moment of ``time.monotonic()``."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from ..options import MAX_SECONDS


class AttemptTimeouts(NamedTuple):
    """The seconds of each phase, None for no bound, and the moment at which all of them end.

    Attributes:
        connect: for resolving, connecting and the TLS handshake together.
        read: for the head of a response, and for each wait for more of its body.
        write: for each portion of a request.
        pool: for a connection to come free.
        at: the deadline of the call.
    """

    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None
    at: float = math.inf

    def until(self, seconds: float | None) -> float:
        """Return the end of a wait that begins now."""
        if seconds is None:
            return self.at
        end = time.monotonic() + seconds
        return end if end < self.at else self.at


def until(seconds: float | None) -> float:
    """Return the end of a wait of so many seconds; None means without end."""
    return math.inf if seconds is None else time.monotonic() + seconds


def seconds_left(until: float) -> float | None:
    """Return the seconds until a moment; None if that is further away than systems can wait.

    Raises:
        TimeoutError: none are left.
    """
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out")
    return None if seconds > MAX_SECONDS else seconds
