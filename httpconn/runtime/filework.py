"""Blocking file work of tasks in threads, at a fraction of the cost of ``anyio.to_thread``."""

from __future__ import annotations

import atexit
import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import anyio.to_thread

from .events import running_asyncio
from .threads import CHECK_INTERVAL, WorkerThreads, required_threads

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

MAX_THREADS = 40  # as many as the threads of anyio, which do the work above this limit
IDLE_TIME = 1.0  # seconds that a thread waits for further work, such as the next block of a body

_threads = WorkerThreads("httpconn-files", MAX_THREADS, IDLE_TIME)


@atexit.register
def _finish() -> None:
    """Wait for work that cancelled tasks have left, because daemon threads end with the interpreter.

    The wait has no limit, as Python's wait for threads that are no daemons. An exit in the middle of a copy into the
    target would leave a truncated file under the final name. An exception of a signal handler (Ctrl-C) ends the wait.
    """
    while _threads.are_busy:
        time.sleep(CHECK_INTERVAL)


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Call a function in a thread with the context variables of the task. It always runs to its end.

    A cancelled cancel scope takes effect after the function has returned. A cancellation of asyncio itself ends the
    wait at once. If the system has no more threads, the function runs in the event loop.
    """
    loop, work = running_asyncio(), _Work(partial(copy_context().run, function, *args))
    if not await (_await_in_trio(work) if loop is None else _await_in_asyncio(work, loop)):
        try:
            await anyio.to_thread.run_sync(work.run)
        except RuntimeError:
            if not work.run():  # a thread has called the function, which raises nothing itself
                raise
    return work.result()


async def in_abandoned_thread(function: Callable[..., T], *args: Any) -> T:
    """Call a function in a thread. A cancellation ends the wait, and the function continues.

    Raises InvalidRequest: no thread can be started.
    """
    work = _Work(partial(function, *args))
    with required_threads():
        await anyio.to_thread.run_sync(work.run, abandon_on_cancel=True)
    return work.result()


class _Work(Generic[T]):
    """A function call in a thread, and its outcome."""

    __slots__ = ("_calls", "_error", "_result", "has_ended", "waiter")

    def __init__(self, call: Callable[[], T]) -> None:
        self._calls = [call]  # empty when the call has begun
        self._error: BaseException | None = None
        self.has_ended = False
        self.waiter: Any = None  # the future of asyncio or the task of trio that waits for the end

    def run(self) -> bool:
        """Call the function, unless it was called before. Return whether this method has called it."""
        try:
            call = self._calls.pop()  # atomic: two threads never call the function
        except IndexError:
            return False
        try:
            self._result = call()
        except BaseException as error:  # noqa: BLE001 - ``result`` raises it
            self._error = error
        return True

    def result(self) -> T:
        if self._error is None:
            return self._result
        try:
            raise self._error
        finally:
            self._error = None  # breaks a reference cycle of the error and the frames of its traceback


async def _await_in_asyncio(work: _Work[Any], loop: asyncio.AbstractEventLoop) -> bool:
    """Wait for the end of work. Return False if no thread is free."""
    from asyncio import CancelledError

    work.waiter = loop.create_future()
    if not _threads.start(work.run, partial(_report, loop.call_soon_threadsafe, _wake_future, work)):
        return False
    try:
        await work.waiter
    except CancelledError:
        # A scope around each wait would cost as much as the wait itself. This scope begins only after a cancellation.
        if anyio.current_effective_deadline() == -math.inf and not work.has_ended:
            work.waiter = loop.create_future()
            with anyio.CancelScope(shield=True):
                await work.waiter
        raise
    return True


async def _await_in_trio(work: _Work[Any]) -> bool:
    """Wait for the end of work. Return False if no thread is free."""
    trio = sys.modules["trio"].lowlevel
    await trio.checkpoint_if_cancelled()
    if not _threads.start(work.run, partial(_report, trio.current_trio_token().run_sync_soon, _wake_task, work)):
        return False
    work.waiter = trio.current_task()
    try:
        await trio.wait_task_rescheduled(lambda _: trio.Abort.FAILED)
    finally:
        work.waiter = None  # a signal handler can raise before the wait
    return True


def _report(
    call_in_loop: Callable[..., object], wake: Callable[[_Work[Any]], None], work: _Work[Any], _: object
) -> None:
    with suppress(RuntimeError):  # the loop was closed
        call_in_loop(wake, work)


def _wake_future(work: _Work[Any]) -> None:
    work.has_ended = True
    if not work.waiter.done():
        work.waiter.set_result(None)


def _wake_task(work: _Work[Any]) -> None:
    if work.waiter is not None:
        sys.modules["trio"].lowlevel.reschedule(work.waiter)
