"""The job of a worker: the URL, the number of requests, and the measurement.

This module imports only the standard library, because each measured process must import only its peer.
"""

from __future__ import annotations

import contextlib
import resource
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path
from typing import Any, BinaryIO

SMALL = 1024
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Figures:
    """Seconds for one request; peak memory in bytes, and its growth over an idle client."""

    cpu: float
    wall: float
    peak: int
    growth: int


@dataclass
class Job:
    """One measurement. ``call(url)`` fetches once and returns the size that it got.

    Attributes:
        base: the server's URL, without a path.
        size: bytes of each response.
        count: number of requests.
        tasks: number of simultaneous requests.
        folder: folder for downloads.
        authority: PEM file of the authority of an https server.
        proxy: URL of the proxy for all requests.
        http2: whether the server supports HTTP/2.
        hosts: addresses of the server that the requests of tasks go to in turn: 127.0.0.1 and those after it.
    """

    base: str
    size: int
    count: int
    tasks: int
    folder: Path
    authority: str | None = None
    proxy: str | None = None
    http2: bool = False
    hosts: int = 1
    figures: Figures | None = None

    @cached_property
    def verify(self) -> ssl.SSLContext | bool:
        """One TLS context for all connections of a peer, or the default of the client."""
        return True if self.authority is None else ssl.create_default_context(cafile=self.authority)

    @property
    def target(self) -> Path:
        """The file of a download."""
        return self.folder / "download"

    def created(self) -> BinaryIO:
        """Create the file of a download again, and open it."""
        return open(self.target, "wb")

    def run(self, call: Callable[[str], int]) -> None:
        """Measure a synchronous worker, after a warm-up on small responses."""
        self._repeat(call, SMALL, self._warm_up)
        with self._measured():
            self._repeat(call, self.size, self.count)

    def run_threads(self, call: Callable[[str], int]) -> None:
        """Measure a synchronous worker from many threads, after a warm-up on small responses."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.tasks) as threads:
            assert set(threads.map(call, [f"{self.base}/{SMALL}"] * self._warm_up)) == {SMALL}
            with self._measured():
                assert set(threads.map(call, [f"{self.base}/{self.size}"] * self.count)) == {self.size}

    async def run_tasks(self, call: Callable[[str], Awaitable[int]]) -> None:
        """Measure an asynchronous worker, after a warm-up on small responses."""
        await self._spread(call, SMALL, self._warm_up)
        with self._measured():
            await self._spread(call, self.size, self.count)

    @property
    def _warm_up(self) -> int:
        return self.tasks + self.count // 20

    def _repeat(self, call: Callable[[str], int], size: int, count: int) -> None:
        url = f"{self.base}/{size}"
        for _ in range(count):
            assert call(url) == size

    async def _spread(self, call: Callable[[str], Awaitable[int]], size: int, count: int) -> None:
        urls = [f"{self.base.replace('0.0.1', f'0.0.{place}')}/{size}" for place in range(1, self.hosts + 1)]
        turns = islice(cycle(urls), count)

        async def work() -> None:
            for url in turns:
                assert await call(url) == size

        await together(work, self.tasks)

    @contextlib.contextmanager
    def _measured(self) -> Iterator[None]:
        idle = memory("VmRSS")
        wall, cpu = time.perf_counter(), cpu_seconds()
        yield
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
        peak = memory("VmHWM")
        self.figures = Figures(cpu / self.count, wall / self.count, peak, max(peak - idle, 0))


async def together(work: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
    """Run ``count`` tasks with the functions of the running loop, so that a peer without anyio does not import it."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import trio

        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(work)
    else:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(work())


def cpu_seconds() -> float:
    """Return the user and system time of all threads and child processes."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def memory(field: str) -> int:
    """Return memory in bytes from /proc, because ru_maxrss starts at the parent's value; without /proc, ru_maxrss."""
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024
