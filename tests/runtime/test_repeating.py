"""Functions that a thread calls at intervals."""

from __future__ import annotations

import threading

from httpconn.runtime import repeating
from httpconn.runtime.repeating import Repeated
from tests.servers.faces import PATIENCE


def require_calls() -> None:
    calls = threading.Semaphore(0)
    with Repeated(calls.release, 0.001):
        assert all(calls.acquire(timeout=PATIENCE) for _ in range(3))


def test_calls_continue_if_the_system_has_no_further_thread(monkeypatch):
    start, left = threading.Thread.start, [1]

    def start_if_possible(thread: threading.Thread) -> None:
        if thread.name == "httpconn-timer" and left:
            left.clear()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_possible)
    monkeypatch.setattr(repeating, "_running", None)
    require_calls()
    assert left == []
    require_calls()
