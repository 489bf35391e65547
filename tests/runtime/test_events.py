"""Events of threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from httpconn.api.syncport import SyncPort
from httpconn.runtime.events import ThreadEvent
from httpconn.runtime.runtimes import BlockingRuntime

MOST = 100
"""Lines of Python that waiting may take."""


@pytest.mark.parametrize("make", [BlockingRuntime().make_event, lambda: SyncPort(None, owned=False).make_event()])
def test_a_finalizer_wakes_the_thread_that_it_interrupts(make: Callable[[], ThreadEvent]) -> None:
    """At whatever line that is: at a lock, the thread would wait for itself."""
    for line in range(MOST):
        event = make()
        if not interrupted_at(line, lambda: event.block(0), event.set):  # noqa: B023 - called at once
            break
        assert event.is_set()
    assert 0 < line < MOST - 1


def interrupted_at(line: int, step: Callable[[], object], interruption: Callable[[], object]) -> bool:
    """Take a step, and do something in the midst of it, as a finalizer does; False where it has not so many lines."""
    left = line + 1

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal left
        if event == "line" and frame.f_code.co_filename != __file__:
            left -= 1
            if not left:
                interruption()
        return trace

    known = sys.gettrace()
    sys.settrace(trace)
    try:
        step()
    finally:
        sys.settrace(known)
    return left <= 0


def test_it_wakes_all_current_and_later_waiters() -> None:
    event, woken = ThreadEvent(), []
    threads = [threading.Thread(target=lambda: woken.append(event.block(30))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert not event.block(0)
    event.set()
    event.set()
    for thread in threads:
        thread.join()
    assert woken == [True] * 8
    assert event.block(None)
