"""Functions that a thread calls from time to time, however long a transfer stalls.

One thread serves all transfers of the process. It starts with the first one, and ends when its next call is due and no
transfer is left.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from typing import Self
from weakref import ref

from .forking import in_child
from .threadstart import start_thread

_entries: dict[int, ref[Repeated]] = {}
_lock = threading.Lock()
_wake = threading.Event()
_thread: threading.Thread | None = None


class Repeated:
    """A function that is called again and again while a block lasts, and once more if the program exits meanwhile.

    Args:
        function: is called in another thread, one call at a time. It must bear a call after the block has ended.
        seconds: between two calls.

    Attributes:
        error: what the function raised; it is not called again then.
    """

    __slots__ = ("__weakref__", "_due", "_function", "_seconds", "error")

    def __init__(self, function: Callable[[], object], seconds: float) -> None:
        self.error: Exception | None = None
        self._function = function
        self._seconds = seconds
        self._due = time.monotonic() + seconds

    def __enter__(self) -> Self:
        # A weak reference: an exception of a signal handler may come between here and the block, which then never ends.
        _entries[id(self)] = ref(self)
        if _thread is None:
            _start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        _entries.pop(id(self), None)

    def soon(self) -> None:
        """Have the function called at once."""
        self._due = 0.0
        _wake.set()

    def check(self) -> None:
        """Raise what the function raised."""
        if self.error is not None:
            raise self.error

    def _call(self, now: float) -> float:
        """Call the function if it is due; return when it is due next."""
        if self._due <= now and self.error is None:
            self._due = now + self._seconds
            self._finish()
        return self._due

    def _finish(self) -> None:
        try:
            self._function()
        except Exception as error:  # noqa: BLE001 - raised where the transfer is waited for
            self.error = error


def _start() -> None:
    global _thread
    with _lock:
        if _thread is None:
            thread = threading.Thread(target=_run, name="httpconn-timer", daemon=True)
            start_thread(thread)
            _thread = thread  # at the end: a thread that an exception has kept from being noted here ends itself


def _run() -> None:
    global _thread
    while True:
        now = time.monotonic()
        nexts = [entry._call(now) for entry in _alive()]
        _wake.wait(max(0.0, min(nexts, default=now) - time.monotonic()))
        _wake.clear()
        with _lock:
            if _thread is not threading.current_thread():
                return
            if not _entries:
                _thread = None
                return


def _alive() -> list[Repeated]:
    """What is to be called; entries whose block was never left are forgotten."""
    found = {key: reference() for key, reference in list(_entries.items())}
    for key, entry in found.items():
        if entry is None:
            _entries.pop(key, None)
    return [entry for entry in found.values() if entry is not None]


@atexit.register
def _finish_all() -> None:
    """Before the program exits: transfers in other threads, and in event loops that were left, end without notice."""
    for entry in _alive():
        entry._finish()


@in_child
def _forget_in_child() -> None:
    global _lock, _wake, _thread
    _lock, _wake, _thread = threading.Lock(), threading.Event(), None
    _entries.clear()
