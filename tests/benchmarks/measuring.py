"""What a worker is given: the URL to fetch, how often, and the clocks around it.

Only the standard library is imported here, since each measured process is to hold nothing but its peer.
"""

from __future__ import annotations

import contextlib
import resource
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

SMALL = 1024
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Figures:
    """Seconds for one request; bytes of memory at the peak, and how many came on top of an idle client's."""

    cpu: float
    wall: float
    peak: int
    growth: int


@dataclass
class Job:
    """One measurement. ``call(url)`` fetches once and returns the size that it got.

    Attributes:
        base: the server's URL, without a path.
        size: bytes of each answer.
        count: requests in all.
        tasks: how many are under way at once.
        folder: where downloads go.
        authority: the PEM file of who vouches for an https server.
    """

    base: str
    size: int
    count: int
    tasks: int
    folder: Path
    authority: str | None = None
    figures: Figures | None = None

    @cached_property
    def verify(self) -> ssl.SSLContext | bool:
        """One context for all of a peer's connections over TLS; else what is any client's default."""
        return True if self.authority is None else ssl.create_default_context(cafile=self.authority)

    @property
    def target(self) -> Path:
        """The file of a download."""
        return self.folder / "download"

    def created(self) -> BinaryIO:
        """The file of a download, made anew."""
        return open(self.target, "wb")

    def run(self, call: Callable[[str], int]) -> None:
        """Measure a synchronous worker, after a warm-up on small answers."""
        self._repeat(call, SMALL, self._warm_up)
        with self._measured():
            self._repeat(call, self.size, self.count)

    def run_threads(self, call: Callable[[str], int]) -> None:
        """Measure a synchronous worker from many threads, after a warm-up on small answers."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.tasks) as threads:
            assert set(threads.map(call, [f"{self.base}/{SMALL}"] * self._warm_up)) == {SMALL}
            with self._measured():
                assert set(threads.map(call, [f"{self.base}/{self.size}"] * self.count)) == {self.size}

    async def run_tasks(self, call: Callable[[str], Awaitable[int]]) -> None:
        """Measure an asynchronous worker, after a warm-up on small answers."""
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
        url = f"{self.base}/{size}"
        turns = iter(range(count))

        async def work() -> None:
            for _ in turns:
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
    """So many tasks, by the means of the running loop: a peer without anyio is not charged for it."""
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
    """User and system time of all threads, and of the programs that were run."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def memory(field: str) -> int:
    """Bytes by /proc, since ru_maxrss starts at what the parent had; by ru_maxrss where there is no /proc."""
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024
