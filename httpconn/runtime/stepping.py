"""The synchronous execution of coroutines that never suspend."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_sync(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, and return its result.

    A flow over a synchronous port blocks instead of suspending. It therefore runs in one step, and its traceback leads
    from the caller to the socket.

    Raises:
        RuntimeError: the coroutine suspended.
    """
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    coro.close()
    raise RuntimeError("The coroutine suspended, which synchronous code does not support")
