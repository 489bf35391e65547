"""A store of answers in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

from ..runtime.forking import renew_in_child
from .caching import SHARE, Record


class MemoryStore:
    """Holds the answers that were used last.

    Args:
        max_bytes: of all together.
    """

    is_on_disk: bool = False

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._size = 0
        self._records: OrderedDict[str, Record] = OrderedDict()
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """In the child: a thread of the parent may hold the lock, in the midst of a change."""
        self._lock = threading.Lock()
        self._size = sum(record.cost for record in self._records.values())

    def get(self, key: str) -> Record | None:
        """The record of a key, which is the last used then."""
        with self._lock:
            record = self._records.get(key)
            if record is not None:
                self._records.move_to_end(key)
            return record

    def put(self, key: str, record: Record) -> None:
        """Keep a record in place of the last one, and let those go that were not used for the longest time."""
        with self._lock:
            self._forget(key)
            if record.cost * SHARE > self._max:
                return
            self._records[key] = record
            self._size += record.cost
            while self._size > self._max:
                self._forget(next(iter(self._records)))

    def drop(self, key: str) -> None:
        """Forget the record of a key."""
        with self._lock:
            self._forget(key)

    def _forget(self, key: str) -> None:
        gone = self._records.pop(key, None)
        if gone is not None:
            self._size -= gone.cost
