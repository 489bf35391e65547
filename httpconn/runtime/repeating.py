"""Functions that a thread calls at intervals, even if a transfer stalls.

One thread serves all transfers of the process. It starts with the first transfer. It ends if no transfer is left when
its next call is due.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from weakref import ref

from ..core.locks import Lock
from .forking import in_child
from .threads import background_thread, start_thread

IDLE = 1.0  # seconds for which the thread waits for another transfer: starting it costs as much as a small file

_entries: dict[int, ref[Repeated]] = {}
_lock = Lock()
_wake = threading.Event()
_running: object = None  # the mark of the thread that runs, or None


class Repeated:
    """A function that a thread calls at intervals during a block, and once if the program exits in the block.

    Calls do not overlap. A call may happen after the end of the block.
    """

    __slots__ = ("__weakref__", "_due", "_function", "_seconds", "error")

    def __init__(self, function: Callable[[], object], seconds: float) -> None:
        # The exception of the function, or None. After an exception, it is not called again.
        self.error: Exception | None = None
        self._function = function
        self._seconds = seconds
        self._due = time.monotonic() + seconds

    def __enter__(self) -> Self:
        # A weak reference, because a signal handler may raise before the block begins. Then __exit__ is never called.
        _entries[id(self)] = ref(self)
        if _running is None:
            _start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        _entries.pop(id(self), None)

    def soon(self) -> None:
        self._due = 0.0
        _wake.set()

    def check(self) -> None:
        if self.error is not None:
            raise self.error

    def _call(self, now: float) -> float:
        """Call the function if it is due, and return the time of its next call."""
        if self._due <= now and self.error is None:
            self._due = now + self._seconds
            self._finish()
        return self._due

    def _finish(self) -> None:
        try:
            self._function()
        except Exception as error:  # noqa: BLE001 - ``check`` raises it
            self.error = error


def _start() -> None:
    global _running
    with _lock:
        if _running is None:
            mark = object()  # not the thread object: a helper thread may do the work
            with suppress(RuntimeError):  # no more threads: the function is only called at the end of the program
                start_thread(background_thread("httpconn-timer", _run, mark))
                _running = mark  # last: if an exception prevents this line, the thread ends itself


def _run(mark: object) -> None:
    global _running
    while True:
        now = time.monotonic()
        nexts = [entry._call(now) for entry in _alive()]
        _wake.wait(max(0.0, min(nexts, default=now + IDLE) - time.monotonic()))
        _wake.clear()
        with _lock:
            if _running is not mark:
                return
            if not _entries:
                _running = None
                return


def _alive() -> list[Repeated]:
    """Return the active entries, and remove those whose objects were destroyed."""
    found = {key: reference() for key, reference in list(_entries.items())}
    for key, entry in found.items():
        if entry is None:
            _entries.pop(key, None)
    return [entry for entry in found.values() if entry is not None]


@atexit.register
def _finish_all() -> None:
    """Call all functions before the program exits. Transfers in other threads and event loops end without notice."""
    for entry in _alive():
        entry._finish()


@in_child
def _forget_in_child() -> None:
    global _lock, _wake, _running
    _lock, _wake, _running = Lock(), threading.Event(), None
    _entries.clear()
