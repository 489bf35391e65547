"""Interrupting threads: what they wait for is ended by another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

from ..errors import ReadFailed
from .events import ThreadEvent


class Interruption:
    """The request extension ``interruption``: ends the waits of the requests that carry it.

    A thread that dials or resolves a name is not woken, and comes to its end at its own timeout.

    Attributes:
        is_requested: whether it has come.
    """

    def __init__(self) -> None:
        # Held by who requests it, and who meets that: others change the dictionary in single steps, and look afterwards
        # whether it has come. A finalizer may run meanwhile.
        self._lock = threading.RLock()
        self._ends: dict[Hashable, Callable[[], object]] = {}
        self._requested = ThreadEvent()
        self.is_requested: bool = False

    def within(self, seconds: float) -> bool:
        """Wait for it: whether it came."""
        return self._requested.block(seconds)

    def attach(self, key: Hashable, end: Callable[[], object]) -> None:
        """Something will be waited for, which ``end`` ends from any thread; ReadFailed if it has come."""
        self._ends[key] = end
        if self.is_requested:
            self.detach(key)
            raise ReadFailed("The request was interrupted")

    def detach(self, key: Hashable) -> None:
        """It will not be waited for any more, nor is it being ended: it may be another's next."""
        if self._ends.pop(key, None) is None:
            with self._lock:  # until all are ended
                pass

    def request(self) -> None:
        """End all waits, and let nothing new begin."""
        with self._lock:
            self.is_requested = True
            self._requested.set()
            for key in list(self._ends):
                end = self._ends.pop(key, None)
                if end is not None:
                    end()
