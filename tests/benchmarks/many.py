"""``get_many`` compared with plain workers: the same URLs and the same concurrency.

``python -m tests.benchmarks.many`` prints the CPU time for each URL and the ratio of the two, for threads, asyncio and
trio. Rounds alternate, so that both see the same machine; the medians count.
"""

from __future__ import annotations

import argparse
import queue
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio

from httpconn import HTTPConnection
from tests.benchmarks.machine import on_core
from tests.benchmarks.server import own_command, process, some_ports, write_certificates, write_files

HOST = "127.0.0.1"
SIZE = 1024


def many_in_threads(urls: list[str], concurrency: int) -> int:
    with HTTPConnection() as connection, connection.get_many(urls, concurrency=concurrency) as results:
        return sum(len(fetched.result()) for fetched in results)


def by_hand_in_threads(urls: list[str], concurrency: int) -> int:
    """Fetch with threads and two queues."""
    jobs: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    results: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work() -> None:
        while (url := jobs.get()) is not None:
            results.put(len(connection.get_bytes(url)))

    with HTTPConnection() as connection:
        threads = [threading.Thread(target=work) for _ in range(concurrency)]
        for thread in threads:
            thread.start()
        for item in [*urls, *[None] * concurrency]:
            jobs.put(item)
        total = sum(results.get() for _ in urls)
        for thread in threads:
            thread.join()
    return total


async def many_in_tasks(urls: list[str], concurrency: int) -> int:
    async with HTTPConnection() as connection, connection.async_get_many(urls, concurrency=concurrency) as results:
        return sum([len(fetched.result()) async for fetched in results])


async def by_hand_in_tasks(urls: list[str], concurrency: int) -> int:
    """Fetch with tasks that share an iterator and a stream."""
    source = iter(urls)
    send, receive = anyio.create_memory_object_stream[int](concurrency)

    async def work() -> None:
        for url in source:
            await send.send(len(await connection.async_get_bytes(url)))

    async with send, receive, HTTPConnection() as connection, anyio.create_task_group() as tasks:
        for _ in range(concurrency):
            tasks.start_soon(work)
        return sum([await receive.receive() for _ in urls])


PAIRS: dict[str, tuple[Callable[[list[str], int], int], Callable[[list[str], int], int]]] = {
    "threads": (many_in_threads, by_hand_in_threads),
    "asyncio": (
        lambda urls, at_once: anyio.run(many_in_tasks, urls, at_once, backend="asyncio"),
        lambda urls, at_once: anyio.run(by_hand_in_tasks, urls, at_once, backend="asyncio"),
    ),
    "trio": (
        lambda urls, at_once: anyio.run(many_in_tasks, urls, at_once, backend="trio"),
        lambda urls, at_once: anyio.run(by_hand_in_tasks, urls, at_once, backend="trio"),
    ),
}


@contextmanager
def server() -> Iterator[str]:
    """Run a server in its own process; yield the URL of a file of ``SIZE`` bytes."""
    with tempfile.TemporaryDirectory(prefix="bench-many-") as folder:
        root = Path(folder)
        write_files(root / "files", {SIZE})
        ports = some_ports(2)
        command = own_command(root, ports, write_certificates(root / "certificates").server)
        with process(command, ports):
            yield f"http://{HOST}:{ports[0]}/{SIZE}"


def measured(run: Callable[[list[str], int], int], urls: list[str], concurrency: int) -> float:
    """CPU seconds for each URL."""
    began = time.process_time()
    if run(urls, concurrency) != SIZE * len(urls):
        raise RuntimeError("something was not fetched")
    return (time.process_time() - began) / len(urls)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--urls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=16)
    chosen = parser.parse_args()
    with server() as url, on_core(0):
        urls = [url] * chosen.urls
        for name, pair in PAIRS.items():
            rounds = [[measured(run, urls, chosen.concurrency) for run in pair] for _ in range(chosen.rounds)]
            many, by_hand = (statistics.median(column) * 1e6 for column in zip(*rounds, strict=True))
            ratio = statistics.median(one / other for one, other in rounds)
            print(f"{name}: {many:.0f} µs by get_many, {by_hand:.0f} µs by hand: {ratio:.2f} times")


if __name__ == "__main__":
    main()
