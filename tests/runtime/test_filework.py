"""File work of tasks in threads: results, exceptions, cancellation, forks and the end of the process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from contextvars import ContextVar
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from httpconn.runtime import filework
from httpconn.runtime.filework import in_thread
from httpconn.runtime.threads import WorkerThreads
from tests.http.children import exit_code_of

TIMEOUT = 30

variable: ContextVar[str] = ContextVar("variable")


@pytest.fixture(params=["asyncio", "trio"])
def run(request):
    return partial(anyio.run, backend=request.param)


class Slow:
    """A function that returns when the test allows it."""

    def __init__(self) -> None:
        self.has_begun, self.may_end, self.has_ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.has_begun.set()
        assert self.may_end.wait(TIMEOUT)
        self.has_ended.set()
        return "result"

    async def begun(self) -> None:
        await anyio.to_thread.run_sync(self.has_begun.wait, TIMEOUT)


def failing(error: BaseException) -> None:
    raise error


def test_a_thread_calls_the_function_with_the_context_of_the_task(run):
    def function(*args):
        return args, variable.get(), threading.current_thread() is not threading.main_thread()

    async def main():
        variable.set("of the task")
        return await in_thread(function, 1, 2)

    assert run(main) == ((1, 2), "of the task", True)


@pytest.mark.parametrize("error", [OSError("broken"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_of_the_function_is_raised(run, error):
    async def main():
        with pytest.raises(type(error)) as caught:
            await in_thread(failing, error)
        assert caught.value is error
        return await in_thread(str, 5)

    assert run(main) == "5"


def test_stop_iteration_becomes_a_runtime_error(run):
    with pytest.raises(RuntimeError, match="StopIteration"):
        run(in_thread, failing, StopIteration())


def test_a_cancelled_scope_takes_effect_after_the_work(run):
    slow = Slow()

    async def main():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(in_thread, slow)
            await slow.begun()
            tasks.cancel_scope.cancel()
            await anyio.lowlevel.cancel_shielded_checkpoint()
            slow.may_end.set()
        return slow.has_ended.is_set()

    assert run(main)


def test_a_loop_of_steps_can_be_cancelled(run):
    async def main():
        with anyio.CancelScope() as scope:
            scope.cancel()
            while True:
                await in_thread(str)
        return scope.cancelled_caught

    assert run(main)


def test_a_cancellation_of_asyncio_ends_the_wait_and_the_work_continues():
    slow = Slow()

    async def main():
        task = asyncio.create_task(in_thread(slow))
        await slow.begun()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not slow.has_ended.is_set()
    slow.may_end.set()
    assert slow.has_ended.wait(TIMEOUT)
    assert asyncio.run(in_thread(str, 5)) == "5"  # the loop of the first step is closed


def test_above_the_limit_of_threads_the_work_still_runs(run, monkeypatch):
    monkeypatch.setattr(filework, "_threads", WorkerThreads("httpconn-files", 1, 1.0))
    slow = Slow()

    async def main():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(in_thread, slow)
            await slow.begun()
            assert await in_thread(str, 5) == "5"
            slow.may_end.set()

    run(main)


def test_a_late_error_of_a_thread_does_not_repeat_the_work(run, monkeypatch):
    async def failing_late(function):
        function()
        raise RuntimeError("late")

    monkeypatch.setattr(filework, "_threads", WorkerThreads("httpconn-files", 0, 1.0))
    monkeypatch.setattr(anyio.to_thread, "run_sync", failing_late)
    calls: list[int] = []
    with pytest.raises(RuntimeError, match="late"):
        run(in_thread, calls.append, 1)
    assert calls == [1]


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_has_its_own_threads(run):
    assert run(in_thread, str, 5) == "5"
    assert exit_code_of(lambda: run(in_thread, str, 5) == "5") == 0


LEFT_WORK = """
import asyncio, sys, threading, time
from httpconn.runtime.filework import in_thread
begun = threading.Event()
def work():
    begun.set()
    time.sleep(float(sys.argv[1]))
    print("done", flush=True)
async def main():
    task = asyncio.create_task(in_thread(work))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    task.cancel()
asyncio.run(main())
print("exit", flush=True)
"""


def leave_work(seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LEFT_WORK, str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_the_process_ends_after_work_that_a_cancelled_task_has_left():
    with leave_work(0.2) as process:
        assert "done" in process.communicate(timeout=TIMEOUT)[0]


def test_a_signal_ends_the_wait_for_work_at_exit():
    with leave_work(TIMEOUT) as process:
        assert process.stdout.readline() == "exit\n"
        while process.poll() is None:  # a signal before the wait does not end it
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        assert process.stdout.read() == ""
