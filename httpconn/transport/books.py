"""Bookkeeping that finalizers take part in."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Books"]

Entry = TypeVar("Entry")
Left = TypeVar("Left")


class Books(Generic[Entry]):
    """Open to one thread at a time.

    The collector of garbage runs finalizers at any moment, also in the midst of what the same thread has open: at a
    plain lock one would wait for itself for ever, and what it changed would be changed twice. So what finalizers enter
    as well goes through ``post``.
    """

    __slots__ = ("_depth", "_entries", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._entries: deque[Entry] = deque()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *exc_info: object) -> None:
        self._depth -= 1
        self._lock.release()

    def post(self, entry: Entry, make: Callable[[Entry], Left], settle: Callable[[Left], None]) -> None:
        """Make an entry; in the midst of another one it is left to the next who posts or catches up.

        Args:
            make: makes it while the books are open.
            settle: does what that leaves to do once they are closed.
        """
        self._entries.append(entry)
        self.catch_up(make, settle)

    def catch_up(self, make: Callable[[Entry], Left], settle: Callable[[Left], None]) -> None:
        """Make the entries that were left."""
        while self._entries:
            with self._lock:
                if self._depth or not self._entries:
                    return
                self._depth = 1
                try:
                    left = make(self._entries.popleft())
                finally:
                    self._depth = 0
            settle(left)
