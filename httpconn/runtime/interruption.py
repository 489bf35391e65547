"""Interruption of threads: one thread ends the waits of other threads."""

from collections.abc import Callable, Hashable
from contextlib import suppress

from ..core.locks import RLock
from ..errors import ReadFailed
from .events import ThreadEvent


class Interruption:
    """An order to stop, which ends the waits of all requests that carry it as the extension ``interruption``.

    A thread that connects or resolves a name is not woken. It stops at its own timeout.
    """

    def __init__(self) -> None:
        # ``request`` holds the lock, and ``detach`` waits for it. All other changes of the dictionary are atomic, and
        # check ``is_requested`` afterwards, because a finalizer can call ``request`` between any two steps.
        self._lock = RLock()
        self._ends: dict[Hashable, Callable[[], object]] = {}
        self._claimed: dict[Hashable, Callable[[], object]] = {}  # waits that ``request`` has begun to end
        self._requested = ThreadEvent()
        self.is_requested: bool = False

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds`` for the interruption; return whether it was requested."""
        return self._requested.block(seconds)

    def attach(self, key: Hashable, end: Callable[[], object]) -> None:
        """Register a wait, with a function that ends it in any thread."""
        self._ends[key] = end
        if self.is_requested:
            self.detach(key)
            raise ReadFailed("The request was interrupted")

    def detach(self, key: Hashable) -> None:
        """Remove a wait, and return only when no other thread is ending it."""
        # The connection of the wait can then serve another request, which must not be ended.
        if self._ends.pop(key, None) is None:
            with self._lock:  # ``request`` holds the lock until all waits have ended
                self._claimed.pop(key, None)  # a signal handler may have interrupted ``request`` before

    def request(self) -> None:
        """End all registered waits, and reject new ones. A call after an interrupted one ends the remaining waits."""
        with self._lock:
            self.is_requested = True
            self._requested.set()
            with suppress(KeyError):  # ``popitem`` raises it when the dictionary is empty
                # One call of C code: a signal handler cannot interrupt it and lose a wait.
                self._claimed.update(iter(self._ends.popitem, None))
            for key in list(self._claimed):
                if key in self._claimed:
                    self._claimed[key]()
                    self._claimed.pop(key, None)
