"""Name resolution: a slow lookup delays no other, and simultaneous lookups are limited."""

from __future__ import annotations

import asyncio
import socket
import threading

import anyio
import pytest

from httpconn.runtime.resolver import Resolver
from httpconn.runtime.runtimes import BlockingRuntime, EventLoopRuntime

ADDRESS = ("192.0.2.1", 80)


class SlowName:
    """A look-up that takes until ``known`` is set for one name, and no time for others."""

    def __init__(self):
        self.asked, self.known = threading.Event(), threading.Event()
        self.threads = []

    def __call__(self, host, port, **_):
        if host == b"slow.example":
            self.threads.append(threading.current_thread())
            self.asked.set()
            self.known.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ADDRESS)]

    def end(self):
        self.asked.wait(10)
        self.known.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def slow():
    name = SlowName()
    yield name
    name.end()


@pytest.fixture
def runtime(face):
    return (EventLoopRuntime if face.is_async else BlockingRuntime)()


def test_a_slow_lookup_times_out_and_delays_no_other(face, runtime, slow):
    resolver = Resolver(look_up=slow)
    with pytest.raises(TimeoutError):
        face.run(runtime.resolve, resolver, "slow.example", 80, 0.05)
    assert face.run(runtime.resolve, resolver, "fast.example", 80, 10)[0].name == ADDRESS


def test_simultaneous_lookups_are_limited(face, runtime, slow):
    resolver = Resolver(limit=1, look_up=slow)
    with pytest.raises(TimeoutError):
        face.run(runtime.resolve, resolver, "slow.example", 80, 0.05)
    with pytest.raises(OSError, match="too many names are being resolved at once"):
        face.run(runtime.resolve, resolver, "fast.example", 80, 10)
    slow.end()
    assert face.run(runtime.resolve, resolver, "fast.example", 80, 10)[0].name == ADDRESS


def test_many_lookups_in_a_row_are_all_reported(face, runtime):
    resolver = Resolver(look_up=lambda host, port, **_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))])
    for port in range(200):
        assert face.run(runtime.resolve, resolver, "name.example", port, 10)[0].name == (b"name.example", port)


def test_an_error_of_the_system_is_raised(face, runtime):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(socket.gaierror, match="unknown"):
        face.run(runtime.resolve, Resolver(look_up=unknown), "name.example", 80, 10)


def test_a_lookup_that_ends_its_thread_is_reported_and_frees_its_slot(face, runtime):
    def look_up(*_: object, **__: object) -> None:
        raise SystemExit

    resolver = Resolver(limit=1, look_up=look_up)
    for _ in range(2):
        with pytest.raises(OSError, match="ended with SystemExit"):
            face.run(runtime.resolve, resolver, "any.example", 80, 10)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_task_and_its_loop_do_not_wait_for_a_slow_lookup(backend, slow):
    async def main():
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(EventLoopRuntime().resolve, Resolver(look_up=slow), "slow.example", 80, None)
                await anyio.to_thread.run_sync(slow.asked.wait)
                scope.cancel()

    anyio.run(main, backend=backend)
    assert not slow.known.is_set()


def test_slow_lookups_do_not_use_the_threads_of_asyncio(slow):
    async def main():
        runtime, resolver = EventLoopRuntime(), Resolver(look_up=slow)
        waiting = [asyncio.ensure_future(runtime.resolve(resolver, "slow.example", 80, None)) for _ in range(64)]
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, slow.asked.wait), 10)
        slow.known.set()
        return await asyncio.gather(*waiting)

    assert all(found[0].name == ADDRESS for found in asyncio.run(main()))
