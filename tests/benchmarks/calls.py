"""Python calls of a warm GET, download and URL of ``get_many``: ``python -m tests.benchmarks.calls [--functions]``.

It prints a Markdown table, which is ``docs/benchmarks/calls.md``.

A count does not depend on how fast or how busy the machine is, so a change of a few calls shows in one run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from tempfile import TemporaryDirectory
from types import FrameType

import trio

from httpconn import HTTPConnection
from tests.benchmarks.table import drawn
from tests.servers.scripted import ScriptedServer, response

WARM = 20
"""Number of warm-up calls, which prepare connections, caches and memory."""

URLS = 400
"""Number of URLs of a counted ``get_many``. The counts are for each URL."""


class Count:
    """Counts calls of Python functions, and of built-in ones, in this thread and in threads that it starts.

    Attributes:
        urls: number of requests that share the counts.
    """

    def __init__(self, urls: int = 1) -> None:
        self.urls = urls
        self.functions: Counter[str] = Counter()
        self.builtins = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            code = frame.f_code
            self.functions[f"{code.co_filename.rpartition('/')[2]}:{code.co_qualname}"] += 1
        elif event == "c_call":
            self.builtins += 1

    @property
    def python(self) -> float:
        return self.functions.total() / self.urls

    def __str__(self) -> str:
        each = {name: round(times / self.urls) for name, times in self.functions.items()}
        return "\n".join(f"  {times:3} {name}" for name, times in each.items() if times)

    def __enter__(self) -> None:
        threading.setprofile(self)
        sys.setprofile(self)

    def __exit__(self, *exc_info: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)


def of_sync(url: str) -> Count:
    count = Count()
    with HTTPConnection() as connection:
        for _ in range(WARM):
            connection.get_bytes(url)
        with count:
            connection.get_bytes(url)
    return count


def of_download(url: str) -> Count:
    count = Count()
    with TemporaryDirectory() as folder, HTTPConnection() as connection:
        for number in range(WARM):
            connection.download_file(url, f"{folder}/{number}")
        with count:
            connection.download_file(url, f"{folder}/counted")
    return count


async def of_async(url: str) -> Count:
    count = Count()
    async with HTTPConnection() as connection:
        for _ in range(WARM):
            await connection.async_get_bytes(url)
        with count:
            await connection.async_get_bytes(url)
    return count


def of_many(url: str) -> Count:
    count = Count(URLS)
    with HTTPConnection() as connection:
        list(connection.get_many([url] * WARM))
        with count, connection.get_many([url] * URLS) as results:
            for fetched in results:
                fetched.result()
    return count


async def of_async_many(url: str) -> Count:
    count = Count(URLS)
    async with HTTPConnection() as connection:
        for counted in (nullcontext(), count):
            with counted:
                async with connection.async_get_many([url] * URLS) as results:
                    async for fetched in results:
                        fetched.result()
    return count


async def of_async_download(url: str) -> Count:
    """Count the calls in the thread of the event loop. Worker threads open, write and commit the file."""
    count = Count()
    with TemporaryDirectory() as folder:
        async with HTTPConnection() as connection:
            for number in range(WARM):
                await connection.async_download_file(url, f"{folder}/{number}")
            with count:
                await connection.async_download_file(url, f"{folder}/counted")
    return count


FACES: dict[str, Callable[[str], Count]] = {
    "sync": of_sync,
    "asyncio": lambda url: asyncio.run(of_async(url)),
    "trio": lambda url: trio.run(of_async, url),
    "download, sync": of_download,
    "download, asyncio": lambda url: asyncio.run(of_async_download(url)),
    "download, trio": lambda url: trio.run(of_async_download, url),
    "many, sync": of_many,
    "many, asyncio": lambda url: asyncio.run(of_async_many(url)),
    "many, trio": lambda url: trio.run(of_async_many, url),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", action="store_true", help="List the functions that are called.")
    wanted = parser.parse_args()
    with ScriptedServer(response(body=b"x" * 1024)) as server:
        counts = {face: counted(server.url) for face, counted in FACES.items()}
    rows = [(face, f"{of.python:.0f}", f"{of.builtins / of.urls:.0f}") for face, of in counts.items()]
    listed = [f"\n{face}\n{of}" for face, of in counts.items()] if wanted.functions else []
    try:
        print(drawn([("", "Python functions", "built-in functions"), *rows]), *listed, sep="\n", flush=True)
    except BrokenPipeError:  # such as ``| head``: nothing more can be printed, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
