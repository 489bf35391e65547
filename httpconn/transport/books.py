"""A lock for bookkeeping that finalizers take part in."""

from __future__ import annotations

import threading

__all__ = ["Books"]


class Books:
    """Open to one thread at a time.

    The collector of garbage runs finalizers at any moment, also in the midst of what the same thread has open: at a
    plain lock it would wait for itself for ever. Entering says how deep one is in; who is deeper than 1 is such a
    finalizer, and must change nothing now.
    """

    __slots__ = ("_depth", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> int:
        self._lock.acquire()
        self._depth += 1
        return self._depth

    def __exit__(self, *exc_info: object) -> None:
        self._depth -= 1
        self._lock.release()
