"""Starting threads, so that a signal handler cannot interrupt it half-way."""

from __future__ import annotations

import _thread
import threading


def start_thread(thread: threading.Thread) -> None:
    """Start a thread, from a helper thread.

    ``Thread.start`` waits until the new thread runs. If a signal handler raises in that wait, it can leave a lock held
    that the new thread needs, and the new thread never begins. Signal handlers run in the main thread only.

    Raises:
        RuntimeError: the system has no more threads. If it has one more, the helper does the work itself.
    """
    _thread.start_new_thread(_start, (thread,))


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError:
        thread.run()
