"""A call can be interrupted at any moment, and leaves no slot, waiter, thread or descriptor behind.

``python -m tests.torture.interrupts`` interrupts many more calls.
"""

from __future__ import annotations

import gc
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

import anyio
import pytest

from httpconn import HTTPConnection, Limits, RateLimit
from httpconn.core.deadlines import Deadline
from httpconn.core.rates import RateLimiter
from httpconn.exchange.ratelimits import wait_for_rate_limit
from httpconn.runtime.interruption import Interruption
from httpconn.runtime.stepping import run_sync
from tests.exchange.scripted_port import ScriptedPort
from tests.torture.interrupts import Alarm, actions, respond, storm

# An interrupted call can drop a coroutine that has not begun, or a socket that it has just made: Python closes both.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

STEP = 7
"""Of the moments of a longer call, one in so many is tried."""


@pytest.fixture(autouse=True)
def _no_garbage() -> None:
    """Destroy the objects of other tests first: an exception in one of their finalizers would fail this test."""
    gc.collect()


@pytest.fixture
def url(scripted) -> str:
    return scripted(respond).url


@pytest.fixture
def connection() -> Any:
    with HTTPConnection(limits=Limits(max_connections=2)) as opened:
        yield opened


class RaisingAt:
    """Raises at the n-th moment at which CPython would run a signal handler: a call has begun, or one of C is over."""

    def __init__(self, moment: int) -> None:
        self._left = moment
        self.raised = False

    def __call__(self, frame: Any, event: str, called: object) -> None:
        if event == "call" and frame.f_code.co_flags & inspect.CO_GENERATOR and frame.f_lasti > 0:
            return  # a generator that is closed runs no handler
        if event == "c_return" and sys.version_info >= (3, 15) and getattr(called, "__name__", "") == "__enter__":
            return  # no handler runs between the acquisition of a lock and its ``with`` block
        if event in ("call", "c_return", "c_exception"):
            self._left -= 1
            if not self._left:
                sys.setprofile(None)
                self.raised = True
                raise Alarm


def interrupted(action: Callable[[], object], moment: int) -> bool:
    """Whether the action was interrupted before its end."""
    raising = RaisingAt(moment)
    sys.setprofile(raising)
    try:
        action()
    except Alarm:
        pass
    finally:
        sys.setprofile(None)
    return raising.raised


def require_free(connection: HTTPConnection) -> None:
    pool = connection.stats().connections
    assert (pool.open, pool.waiting) == (pool.idle, 0)


@pytest.mark.parametrize(("kind", "step"), [(0, 1), (1, STEP), (3, STEP)], ids=["json", "stream", "dropped stream"])
def test_a_handler_that_raises_at_any_moment_costs_no_slot(connection, url, kind, step):
    action = actions(connection, url)[kind]
    action()
    moment = 1
    while interrupted(action, moment):
        require_free(connection)
        moment += step
    assert moment > 100
    assert connection.get_json(f"{url}/small") == {"a": 1}


def test_a_handler_that_raises_at_any_moment_of_http2_costs_no_stream_and_no_role(http2_server, certificates):
    url = f"{http2_server}/json"
    with HTTPConnection(http2=True, verify=certificates.trust(), retries=0, timeout=100) as connection:
        expected = connection.get_bytes(url)
        moment = 1
        while interrupted(lambda: connection.get_bytes(url), moment):
            require_free(connection)
            assert connection.get_bytes(url) == expected
            moment += 3
    assert moment > 100


def test_a_waiting_call_gets_the_slot_of_an_interrupted_call(url):
    results: list[object] = []
    with HTTPConnection(limits=Limits(max_connections=1)) as connection:
        for moment in range(100, 250, 5):
            with connection.get_response(f"{url}/large", stream=True) as streamed:
                waiting = threading.Thread(target=lambda: results.append(connection.get_json(f"{url}/small")))
                waiting.start()
                interrupted(streamed.close, moment - 99)
            connection.stats()
            waiting.join()
    assert results == [{"a": 1}] * 30


def test_a_call_that_leads_equal_calls_can_be_interrupted_at_any_moment(url):
    with HTTPConnection(coalesce=True) as connection:

        def call() -> object:
            return connection.get_json(f"{url}/small", timeout=100)

        call()
        moment = 1
        while interrupted(call, moment):
            assert call() == {"a": 1}
            moment += 2
        assert moment > 100


def test_a_call_that_waits_for_a_rate_limit_can_be_interrupted_at_any_moment():
    limiter, port = RateLimiter(RateLimit(1), max_waiting=1), ScriptedPort()

    def call() -> None:
        waiting = wait_for_rate_limit(port, limiter, "a", Deadline(None))
        if waiting is not None:
            run_sync(waiting)

    moment = 1
    while interrupted(call, moment):
        assert limiter.waiting == 0
        call()
        moment += 1
    assert moment > 30


def test_a_stop_that_is_interrupted_at_any_moment_ends_every_wait_when_it_is_repeated():
    moment, was_interrupted = 1, True
    while was_interrupted:
        interruption, ended = Interruption(), list[int]()
        for number in range(3):
            interruption.attach(number, partial(ended.append, number))
        was_interrupted = interrupted(interruption.request, moment)
        already = set(ended)
        interruption.detach(2)  # its connection serves another request now
        interruption.request()
        assert already | {0, 1} == set(ended)
        moment += 1
    assert moment > 5


def test_a_storm_of_signals_leaves_nothing_behind():
    assert storm(150, seed=1) == []


class CancelledAt:
    """Awaits a coroutine, and cancels it when it waits for the n-th time."""

    def __init__(self, coroutine: Coroutine[Any, Any, object], moment: int, cancel: Callable[[], object]) -> None:
        self._coroutine = coroutine
        self._left = moment
        self._cancel = cancel

    def __await__(self) -> Generator[Any, Any, object]:
        steps = self._coroutine.__await__()
        step: Callable[[], Any] = lambda: steps.send(None)  # noqa: E731
        while True:
            try:
                awaited = step()
            except StopIteration as stop:
                return stop.value
            self._left -= 1
            if not self._left:
                self._cancel()
            step = yield from self._waited(awaited, steps)

    @staticmethod
    def _waited(awaited: object, steps: Any) -> Generator[Any, Any, Callable[[], Any]]:
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001 - of the coroutine that waits
            raised = error
            return lambda: steps.throw(raised)
        return lambda: steps.send(sent)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", ["json", "stream", "many"])
def test_a_cancellation_at_any_checkpoint_leaves_nothing_behind(backend, kind, url):
    async def call(connection: HTTPConnection) -> None:
        if kind == "json":
            await connection.async_get_json(f"{url}/small")
        elif kind == "stream":
            async with await connection.get_async_response(f"{url}/large", stream=True) as streamed:
                async for _ in streamed.aiter_bytes():
                    pass
        else:
            async with connection.async_get_many([f"{url}/small"] * 4, concurrency=3) as results:
                async for each in results:
                    each.result()

    async def main() -> None:
        async with HTTPConnection(limits=Limits(max_connections=2)) as connection:
            moment, interrupted = 1, True
            while interrupted:
                with anyio.CancelScope() as scope:
                    await CancelledAt(call(connection), moment, scope.cancel)
                require_free(connection)
                interrupted = scope.cancel_called
                moment += 1
            assert moment > 2
            assert await connection.async_get_json(f"{url}/small") == {"a": 1}

    anyio.run(main, backend=backend)
