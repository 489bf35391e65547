"""The clock and the random numbers of the system, and the deadline of a block."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..core.deadlines import SHARED, Deadline
from ..errors import InvalidRequest
from ..options import MAX_SECONDS
from .repeating import Repeated


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Set a deadline for all calls in a block, in seconds from its start.

    The timeout of each call and the deadline of an outer block also apply. The earliest one counts. The deadline limits
    every wait of a call: for a name, for a connection, for a response and between two attempts.

    Tasks that start in the block inherit the deadline. Threads do not inherit it, except the threads of ``get_many``
    and ``download_many``. Use a plain ``with`` in synchronous and in asynchronous functions::

        with httpconn.deadline(5):
            index = connection.get_json("https://example.com/index.json")
            image = connection.get_bytes(index["image"])

    Args:
        seconds: a number greater than 0.

    Raises:
        InvalidRequest: ``seconds`` is not a number greater than 0.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= MAX_SECONDS:
        raise InvalidRequest("A deadline must be a number of seconds greater than 0")
    token = SHARED.set(Deadline.after(seconds, time.monotonic()).sooner(SHARED.get()))
    try:
        yield
    finally:
        SHARED.reset(token)


class SystemClock:
    """The methods of :class:`httpconn.runtime.port.Port` for time and random numbers."""

    now: staticmethod[[], float] = staticmethod(time.monotonic)
    timestamp: staticmethod[[], float] = staticmethod(time.time)
    chance: staticmethod[[], float] = staticmethod(random.random)
    repeat: staticmethod[[Callable[[], object], float], Repeated] = staticmethod(Repeated)
