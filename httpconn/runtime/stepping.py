"""The whole trick by which a synchronous call runs an async-shaped flow."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_sync(coro: Coroutine[Any, Any, T]) -> T:
    """Run a flow that never suspends, in one step: the traceback leads straight from the caller to the socket.

    Raises:
        RuntimeError: the flow suspended, which no flow does whose port blocks.
    """
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    coro.close()
    raise RuntimeError("A flow suspended under the synchronous port")
