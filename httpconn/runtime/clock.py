"""The machine's own time and chance, which both ports offer to flows."""

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
    """Let all calls in the block end within so many seconds from its beginning.

    Each call's own timeout holds as well, and so does the deadline of a block around this one: the nearest counts. It
    reaches every wait of a call: for a name, a connection, an answer, between two attempts. Tasks that are started
    in the block inherit it; threads do not, but for those of ``get_many`` and ``download_many``. It works in
    synchronous and asynchronous functions alike, in a plain ``with``::

        with httpconn.deadline(5):
            index = connection.get_json("https://example.com/index.json")
            image = connection.get_bytes(index["image"])

    Args:
        seconds: more than 0.

    Raises:
        InvalidRequest: ``seconds`` is no such number.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= MAX_SECONDS:
        raise InvalidRequest("A deadline needs a number of seconds, more than 0")
    token = SHARED.set(Deadline.after(seconds, time.monotonic()).sooner(SHARED.get()))
    try:
        yield
    finally:
        SHARED.reset(token)


class SystemClock:
    """See :class:`httpconn.runtime.port.Port`."""

    def now(self) -> float:
        """A monotonic clock, in seconds."""
        return time.monotonic()

    def timestamp(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def repeat(self, function: Callable[[], object], seconds: float) -> Repeated:
        """See :class:`httpconn.runtime.port.Port`."""
        return Repeated(function, seconds)

    def chance(self) -> float:
        """Drawn evenly from 0 to 1."""
        return random.random()  # noqa: S311 - jitter, not a secret
