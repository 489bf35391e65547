"""The machine's own time and chance, which both ports offer to flows."""

from __future__ import annotations

import random
import time


class SystemClock:
    """See :class:`httpconn.ports.base.Port`."""

    def now(self) -> float:
        """A monotonic clock, in seconds."""
        return time.monotonic()

    def timestamp(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def chance(self) -> float:
        """Drawn evenly from 0 to 1."""
        return random.random()  # noqa: S311 - jitter, not a secret
