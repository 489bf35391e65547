"""Many hosts at the same time: the cost of 200 host names, and the delay that slow and dead hosts cause.

``python -m tests.benchmarks.hosts`` prints the CPU time for each URL, divided by that of aiohttp with a semaphore.
Then it prints the time until all URLs of the fast hosts are done, while 5 percent of the URLs are on a host that takes
one second, on a closed port, or on hosts that accept no connection, and divides it by the time without them.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import shutil
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import aiohttp
import anyio
from aiohttp.abc import AbstractResolver, ResolveResult

from httpconn import HTTPConnection, Limits
from tests.benchmarks.machine import on_core
from tests.benchmarks.server import running_servers

HOST = "127.0.0.1"
SIZE = 30 * 1024
SHARE = 20  # one URL of so many is on the slow or dead host

Run = Callable[[list[str], int], int]


def resolve(host: str, port: int) -> list[str]:
    return [HOST]


def in_threads(urls: list[str], concurrency: int, **options: Any) -> int:
    connection = HTTPConnection(resolver=resolve, **options)
    with connection, connection.get_many(urls, concurrency=concurrency) as results:
        return sum(len(fetched.result()) for fetched in results)


async def in_tasks(urls: list[str], concurrency: int) -> int:
    connection = HTTPConnection(resolver=resolve)
    async with connection, connection.async_get_many(urls, concurrency=concurrency) as results:
        return sum([len(fetched.result()) async for fetched in results])


class Loopback(AbstractResolver):
    """A resolver of aiohttp that knows one address."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=HOST, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)]

    async def close(self) -> None:
        """Hold nothing."""


async def with_aiohttp(urls: list[str], concurrency: int) -> int:
    semaphore = asyncio.Semaphore(concurrency)

    async def fetch(url: str) -> int:
        async with semaphore, session.get(url) as response:
            return len(await response.read())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Loopback())) as session:
        return sum(await asyncio.gather(*map(fetch, urls)))


CPU: dict[str, Run] = {
    "aiohttp": lambda urls, at_once: asyncio.run(with_aiohttp(urls, at_once)),
    "asyncio": lambda urls, at_once: asyncio.run(in_tasks(urls, at_once)),
    "trio": lambda urls, at_once: anyio.run(in_tasks, urls, at_once, backend="trio"),
    "threads": in_threads,
}


def cpu_seconds(run: Run, urls: list[str], concurrency: int) -> float:
    """CPU seconds for each URL."""
    began = time.process_time()
    if run(urls, concurrency) != SIZE * len(urls):
        raise RuntimeError("a URL was not fetched")
    return (time.process_time() - began) / len(urls)


def compare_cpu(urls: list[str], rounds: int, concurrency: int, title: str) -> None:
    taken: dict[str, list[float]] = {name: [] for name in CPU}
    for _ in range(rounds):
        for name, run in CPU.items():
            taken[name].append(cpu_seconds(run, urls, concurrency))
    base = statistics.median(taken["aiohttp"])
    for name, seconds in taken.items():
        own = statistics.median(seconds)
        print(f"{title}, {name}: {own * 1e6:.0f} µs of CPU for each URL: {own / base:.2f} times aiohttp")


@contextmanager
def full_backlog() -> Iterator[int]:
    """Provide a port that accepts no further connection: its backlog is full."""
    with socket.create_server((HOST, 0), backlog=0) as server:
        port: int = server.getsockname()[1]
        queued = [socket.socket() for _ in range(4)]
        for each in queued:
            each.setblocking(False)
            each.connect_ex((HOST, port))
        yield port
        for each in queued:
            each.close()


def closed_port() -> int:
    with closing(socket.create_server((HOST, 0))) as server:
        port: int = server.getsockname()[1]
        return port


def until_fast_done(urls: list[str], others: list[str], kind: str, concurrency: int) -> float:
    """Return the seconds until the URLs of the fast hosts are done."""
    mixed = random.Random(5).sample([*urls, *others], len(urls) + len(others))
    left = len(urls)

    async def run() -> float:
        nonlocal left
        connection = HTTPConnection(resolver=resolve, limits=Limits(max_per_host=4))
        began = time.monotonic()
        async with connection, connection.async_get_many(mixed, concurrency=concurrency) as results:
            async for fetched in results:
                left -= fetched.url.endswith(f"/{SIZE}")
                if not left:
                    return time.monotonic() - began
        raise RuntimeError("a URL has no result")

    def run_threads() -> float:
        nonlocal left
        connection = HTTPConnection(resolver=resolve, limits=Limits(max_per_host=4))
        began = time.monotonic()
        with connection, connection.get_many(mixed, concurrency=concurrency) as results:
            for fetched in results:
                left -= fetched.url.endswith(f"/{SIZE}")
                if not left:
                    return time.monotonic() - began
        raise RuntimeError("a URL has no result")

    return run_threads() if kind == "threads" else anyio.run(run, backend=kind)


def compare_fairness(urls: list[str], delaying: str, concurrency: int, rounds: int) -> None:
    count = len(urls) // SHARE
    with full_backlog() as silent:
        hosts = {
            "a slow host": delaying.replace(HOST, "slow.example") + "/delay/1000",
            "a closed port": f"http://closed.example:{closed_port()}/",
            "a silent host": f"http://silent.example:{silent}/",
            "20 silent hosts": f"http://silent{{}}.example:{silent}/",
        }
        for kind in ("asyncio", "trio", "threads"):
            least = dict.fromkeys(["alone", *hosts], math.inf)
            for _ in range(rounds):
                for name in least:
                    others = [hosts[name].format(number % 20) for number in range(count)] if name in hosts else []
                    taken = until_fast_done(urls, others, kind, concurrency)
                    least[name] = min(least[name], taken)
            for name in hosts:
                print(f"{kind}, {name}: {least[name]:.2f} s, {least[name] / least['alone']:.1f} times", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--urls", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--only", choices=("cpu", "fair"))
    chosen = parser.parse_args()
    with running_servers({SIZE}, shutil.which("nginx")) as servers, on_core(0):
        for hosts in (1, 200):
            port = servers.plain.rpartition(":")[2]
            urls = [f"http://h{n % hosts}.example:{port}/{SIZE}" for n in range(chosen.urls)]
            if chosen.only != "fair":
                compare_cpu(urls, chosen.rounds, chosen.concurrency, f"{hosts} hosts")
        if chosen.only != "cpu":
            compare_fairness(urls, servers.delaying, chosen.concurrency, chosen.rounds)


if __name__ == "__main__":
    main()
