"""The gate: fair, and whole after every failure."""

from __future__ import annotations

import math
import threading

import anyio
import pytest

from httpconn.errors import PoolTimedOut, QueueFull
from httpconn.options import Limits
from httpconn.runtime.stepping import run_sync
from httpconn.transport.gate import Gate
from httpconn.transport.runtimes import BlockingRuntime, EventLoopRuntime
from httpconn.transport.waits import until


def test_threads_enter_in_the_order_of_their_coming():
    gate, order = Gate(Limits(max_connections=1), BlockingRuntime()), []
    first = run_sync(gate.enter("host", math.inf))

    def enter(number: int) -> None:
        place = run_sync(gate.enter("host", math.inf))
        order.append(number)
        gate.leave(place)

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=enter, args=(number,)))
        threads[-1].start()
        while gate.waiting <= number:
            pass
    gate.leave(first)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]
    assert (gate.held, gate.waiting) == (0, 0)


@pytest.mark.parametrize("timeout", [0.01, 0.0])
def test_a_thread_gives_up_in_time(timeout):
    gate = Gate(Limits(max_connections=1), BlockingRuntime())
    held = run_sync(gate.enter("host", math.inf))
    with pytest.raises(PoolTimedOut):
        run_sync(gate.enter("host", until(timeout)))
    assert (gate.held, gate.waiting) == (1, 0)
    gate.leave(held)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_enter_in_the_order_of_their_coming(backend):
    async def main() -> None:
        gate, order = Gate(Limits(max_connections=1), EventLoopRuntime()), []
        first = await gate.enter("host", math.inf)

        async def enter(number: int) -> None:
            place = await gate.enter("host", math.inf)
            order.append(number)
            gate.leave(place)

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(enter, number)
                await anyio.wait_all_tasks_blocked()
            gate.leave(first)
        assert order == [0, 1, 2, 3, 4]
        assert (gate.held, gate.waiting) == (0, 0)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_no_place_is_lost_when_it_is_handed_to_a_task_that_is_being_cancelled(backend):
    async def main() -> None:
        gate = Gate(Limits(max_connections=1), EventLoopRuntime())
        first = await gate.enter("host", math.inf)

        async def enter(scope: anyio.CancelScope) -> None:
            with scope:
                gate.leave(await gate.enter("host", math.inf))

        scope = anyio.CancelScope()
        async with anyio.create_task_group() as tasks:
            for each in (scope, anyio.CancelScope()):
                tasks.start_soon(enter, each)
                await anyio.wait_all_tasks_blocked()
            scope.cancel()
            gate.leave(first)
        assert (gate.held, gate.waiting) == (0, 0)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_task_gives_up_in_time(backend):
    async def main() -> None:
        gate = Gate(Limits(max_connections=1), EventLoopRuntime())
        held = await gate.enter("host", math.inf)
        for timeout in (0.01, 0.0):
            with pytest.raises(PoolTimedOut):
                await gate.enter("host", until(timeout))
        assert (gate.held, gate.waiting) == (1, 0)
        gate.leave(held)

    anyio.run(main, backend=backend)


def test_one_host_holds_no_more_than_its_share():
    gate = Gate(Limits(max_connections=3, max_per_host=2), BlockingRuntime())
    busy = [run_sync(gate.enter("busy", math.inf)) for _ in range(2)]
    with pytest.raises(PoolTimedOut):
        run_sync(gate.enter("busy", 0.0))
    other = run_sync(gate.enter("other", math.inf))
    assert (gate.held, gate.waiting) == (3, 0)
    for place in (*busy, other):
        gate.leave(place)
    assert (gate.held, gate.waiting) == (0, 0)


class Interrupting(str):
    """A host that is asked for its hash in the midst of the bookkeeping, where the collector may run finalizers."""

    def __new__(cls, finalizer):
        made = super().__new__(cls, "host")
        made.finalizer = finalizer
        return made

    def __hash__(self):
        self.finalizer()
        return super().__hash__()


def test_a_finalizer_may_leave_in_the_midst_of_the_bookkeeping():
    gate = Gate(Limits(max_connections=2), BlockingRuntime())
    left = [run_sync(gate.enter("host", math.inf))]
    run_sync(gate.enter(Interrupting(lambda: left and gate.leave(left.pop())), math.inf))
    assert (gate.held, gate.waiting) == (1, 0)


def test_a_full_queue_refuses_at_once():
    gate = Gate(Limits(max_connections=1, max_waiting=1), BlockingRuntime())
    first = run_sync(gate.enter("host", math.inf))
    waiting = threading.Thread(target=lambda: gate.leave(run_sync(gate.enter("host", math.inf))))
    waiting.start()
    while not gate.waiting:
        pass
    with pytest.raises(QueueFull):
        run_sync(gate.enter("host", math.inf))
    gate.leave(first)
    waiting.join()
    assert (gate.held, gate.waiting) == (0, 0)
