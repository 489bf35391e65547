"""Open loop: requests start by a schedule, whether or not earlier requests have ended.

Latency counts from the scheduled moment, so that a client that starts late cannot hide it ("coordinated omission").
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from statistics import fmean

from tests.benchmarks.measuring import cpu_seconds
from tests.benchmarks.workers import worker

SEED = 20
WARM_UP = 20

Get = Callable[[str], Awaitable[object]]
Connect = Callable[[], AbstractAsyncContextManager[Get]]


@dataclass(frozen=True)
class Latency:
    """Seconds from the scheduled start to the end of the responses; ``cpu`` is for each request.

    Attributes:
        delay: milliseconds before the server responds.
        errors: calls without a response, including those that waited too long for a connection.
    """

    delay: int
    mean: float
    p99: float
    cpu: float
    errors: int
    pool_timeouts: int


@dataclass
class OpenLoop:
    """One measurement: ``rate`` requests per second (Poisson arrivals) for ``seconds``, at each delay of the server."""

    base: str
    rate: int
    seconds: float
    delays: Sequence[int]
    figures: list[Latency] = field(default_factory=list)

    async def run(self, connect: Connect, gave_up: type[Exception]) -> None:
        """Measure a worker: a new client for each delay; ``gave_up`` is its error for a full pool."""
        for delay in self.delays:
            async with connect() as get:
                self.figures.append(await self._measured(delay, get, gave_up))

    async def _measured(self, delay: int, get: Get, gave_up: type[Exception]) -> Latency:
        url = f"{self.base}/delay/{delay}"
        await asyncio.gather(*(get(url) for _ in range(WARM_UP)))
        cpu, starts = cpu_seconds(), schedule(self.rate, self.seconds)
        ends = await on_schedule(starts, lambda: get(url))
        cpu = cpu_seconds() - cpu
        latencies = sorted(end for end in ends if isinstance(end, float))
        assert latencies, ends[0]
        errors = Counter(isinstance(end, gave_up) for end in ends if not isinstance(end, float))
        return Latency(
            delay=delay,
            mean=fmean(latencies),
            p99=latencies[int(len(latencies) * 0.99)],
            cpu=cpu / len(starts),
            errors=errors.total(),
            pool_timeouts=errors[True],
        )


def schedule(rate: int, seconds: float) -> list[float]:
    """Return the same random moments for each peer."""
    chances = random.Random(SEED)
    moments, moment = [], 0.0
    while (moment := moment + chances.expovariate(rate)) < seconds:
        moments.append(moment)
    return moments


async def on_schedule(starts: Sequence[float], call: Callable[[], Awaitable[object]]) -> list[float | Exception]:
    """Call at each moment; return the seconds of each call from its moment, or its error."""
    now = asyncio.get_running_loop().time
    origin = now()

    async def timed(start: float) -> float | Exception:
        try:
            await call()
        except Exception as error:  # noqa: BLE001 - counted
            return error
        return now() - origin - start

    tasks = []
    for start in starts:
        # Also if the loop is late, so that responses can be processed.
        await asyncio.sleep(max(origin + start - now(), 0))
        tasks.append(asyncio.create_task(timed(start)))
    return await asyncio.gather(*tasks)


@worker("open:httpconn")
async def httpconn_open(job: OpenLoop) -> None:
    import httpconn

    @asynccontextmanager
    async def connect() -> AsyncIterator[Get]:
        async with httpconn.HTTPConnection() as connection:
            yield connection.async_get_bytes

    await job.run(connect, httpconn.PoolTimedOut)


@worker("open:aiohttp")
async def aiohttp_open(job: OpenLoop) -> None:
    import aiohttp

    @asynccontextmanager
    async def connect() -> AsyncIterator[Get]:
        async with aiohttp.ClientSession() as session:

            async def get(url: str) -> bytes:
                async with session.get(url) as response:
                    return await response.read()

            yield get

    await job.run(connect, aiohttp.ConnectionTimeoutError)


@worker("open:httpx")
async def httpx_open(job: OpenLoop) -> None:
    import httpx

    @asynccontextmanager
    async def connect() -> AsyncIterator[Get]:
        async with httpx.AsyncClient() as client:
            yield client.get

    await job.run(connect, httpx.PoolTimeout)
