"""The synchronous execution of coroutines that never suspend."""

import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..errors import TransportError

_BLOCKED = (
    "This synchronous call blocked a running event loop: no task of the loop, such as a server, could run."
    " Await the asynchronous method, such as async_get_bytes."
)

T = TypeVar("T")


def run_sync(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, and return its result."""
    # A flow over a synchronous port blocks instead of suspending. It therefore runs in one step, and its traceback
    # leads from the caller to the socket.
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except TransportError as error:
        if _blocks_event_loop():
            error.advise(_BLOCKED)
        raise
    coro.close()
    raise RuntimeError("The coroutine suspended, which synchronous code does not support")


def _blocks_event_loop() -> bool:
    from .events import running_asyncio  # here, because it loads timers, which few programs need

    trio = sys.modules.get("trio")
    return running_asyncio() is not None or (trio is not None and trio.lowlevel.in_trio_run())
