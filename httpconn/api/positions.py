"""The position of a file object that threads may share."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..core.locks import RLock


@dataclass(slots=True, eq=False)
class Position:
    """A position that a seek has set.

    Attributes:
        offset: the offset of the next byte.
        is_used: whether a read has started there. From then on, all threads may continue from it.
    """

    offset: int
    is_used: bool = False


class Positions:
    """The positions of a file object, as :class:`RemoteFile` describes them.

    Threads can hand the file over to each other. Threads that seek before each read do not disturb each other.
    """

    def __init__(self, offset: int = 0) -> None:
        self._own = threading.local()
        self._last = Position(offset)
        self._lock = RLock()  # reentrant, because a signal handler may read

    def after_fork(self) -> None:
        """Replace the lock, which another thread of the parent process may hold."""
        self._lock = RLock()

    def current(self) -> Position:
        """Return the position of the next read of this thread."""
        own: Position | None = getattr(self._own, "position", None)
        return self._last if own is None or own.is_used else own

    def seek(self, offset: int, whence: int, size: int) -> int:
        """Set the position of this thread, as :meth:`io.IOBase.seek` does, and return it."""
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self.current().offset, io.SEEK_END: size}
        if whence not in origins:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        offset += origins[whence]
        if offset < 0:
            raise ValueError(f"negative seek position {offset}")
        self._last = self._own.position = Position(offset)
        return offset

    def use(self) -> Position:
        """Return the position of the next read of this thread. Other threads can continue from it."""
        with self._lock:
            position = self._last = self.current()
            position.is_used = True
            return position

    @contextmanager
    def taken(
        self, count: int | None, size: int, limit: Callable[[int], int] | None = None
    ) -> Iterator[tuple[int, int]]:
        """Advance the position, and yield the start and the end of the next bytes. Undo the advance after an error.

        Args:
            limit: returns the end of the bytes for their start, if they may end earlier.
        """
        with self._lock:
            position = self.use()
            start = position.offset
            end = size if count is None or count < 0 else min(start + count, size)
            position.offset = end = max(start, end if limit is None else min(end, limit(start)))
        try:
            yield start, end
        except BaseException:
            with self._lock:
                if position.offset == end:  # otherwise another thread has read further bytes
                    position.offset = start
                    position.is_used = False
            raise
