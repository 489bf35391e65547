"""A store of responses in memory."""

from collections import OrderedDict

from ..runtime.forking import renew_in_child
from .caching import SHARE, Record
from .locks import Lock


class MemoryStore:
    """A store of the most recently used responses."""

    is_on_disk: bool = False

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._records: OrderedDict[str, Record] = OrderedDict()
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Renew the lock and the size in a child process, because a thread of the parent may be changing the store."""
        self._lock = Lock()
        self._size = sum(record.cost for record in self._records.values())

    def get(self, key: str) -> Record | None:
        """Return the record of a key, or None, and mark it as the most recently used."""
        with self._lock:
            record = self._records.get(key)
            if record is not None:
                self._records.move_to_end(key)
            return record

    def put(self, key: str, record: Record) -> None:
        """Store a record in place of an older one, and remove the least recently used records."""
        with self._lock:
            self._remove(key)
            if record.cost * SHARE > self._max:
                return
            self._records[key] = record
            self._size += record.cost
            while self._size > self._max:
                self._remove(next(iter(self._records)))

    def drop(self, key: str) -> None:
        with self._lock:
            for each in [key] if key in self._records else [each for each in self._records if each.startswith(key)]:
                self._remove(each)

    def _remove(self, key: str) -> None:
        removed = self._records.pop(key, None)
        if removed is not None:
            self._size -= removed.cost
