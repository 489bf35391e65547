"""Locks, and signal handlers that raise."""

from __future__ import annotations

import threading

import pytest

from httpconn.core.locks import Lock, RLock
from tests.runtime.test_interruption import interrupted


def is_free(lock: Lock | RLock) -> bool:
    """Whether another thread can acquire a lock."""
    results: list[bool] = []

    def try_it() -> None:
        results.append(lock.acquire(blocking=False))
        if results[0]:
            lock.release()

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.parametrize("kind", [Lock, RLock])
def test_an_interrupted_with_statement_leaves_the_lock_free(kind):
    lock = kind()

    def use() -> None:
        with lock:
            len("")

    moment = 1
    while interrupted(use, moment):
        assert is_free(lock)
        moment += 1
    assert moment > 2
    assert is_free(lock)


def test_an_interrupted_inner_with_statement_keeps_the_outer_lock():
    lock = RLock()

    def use() -> None:
        with lock:
            len("")

    moment = 1
    with lock:
        while interrupted(use, moment):
            assert not is_free(lock)
            moment += 1
    assert is_free(lock)
