"""A bandwidth limit that several bodies share."""

from ..runtime.forking import renew_in_child
from .locks import Lock

MIN_WAIT = 0.01  # Seconds of the shortest wait. Shorter waits add up until they reach it.
PORTION_SECONDS = 0.1  # seconds of bandwidth that a body receives before it waits
MIN_PORTION = 16 * 1024  # bytes that a body receives before it waits, at any rate


class Bandwidth:
    """A limit of the bytes per second of all bodies together, shared by threads and tasks.

    A receiver counts its bytes after they arrived, and then waits until the rate allows them. Receivers wait in the
    order in which their bytes arrived.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        # Bytes to receive before a wait, so that a body arrives evenly.
        self.portion: int = max(MIN_PORTION, int(rate * PORTION_SECONDS))
        self._free_at = 0.0
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        self._lock = Lock()

    def spend(self, count: int, now: float) -> float:
        """Count received bytes, and return the seconds to wait before more bytes are received."""
        with self._lock:
            self._free_at = max(self._free_at, now) + count / self._rate
            wait = self._free_at - now
        return wait if wait >= MIN_WAIT else 0.0
