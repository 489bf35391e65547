"""Python calls of a warm GET and a warm download of 1 KB: ``python -m tests.benchmarks.calls [--functions]``.

A count does not depend on how fast or how busy the machine is, so a change of a few calls shows in one run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from tempfile import TemporaryDirectory
from types import FrameType

import trio

from httpconn import HTTPConnection
from tests.servers.scripted import ScriptedServer, response

WARM = 20
"""Number of warm-up calls, which prepare connections, caches and memory."""


class Count:
    """Counts calls of Python functions, and of built-in ones, in this thread."""

    def __init__(self) -> None:
        self.functions: Counter[str] = Counter()
        self.builtins = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            code = frame.f_code
            self.functions[f"{code.co_filename.rpartition('/')[2]}:{code.co_qualname}"] += 1
        elif event == "c_call":
            self.builtins += 1

    def __enter__(self) -> None:
        sys.setprofile(self)

    def __exit__(self, *exc_info: object) -> None:
        sys.setprofile(None)


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


FACES: dict[str, Callable[[str], Count]] = {
    "sync": of_sync,
    "asyncio": lambda url: asyncio.run(of_async(url)),
    "trio": lambda url: trio.run(of_async, url),
    "download": of_download,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", action="store_true", help="List the functions that are called.")
    wanted = parser.parse_args()
    with ScriptedServer(response(body=b"x" * 1024)) as server:
        for face, counted in FACES.items():
            count = counted(server.url)
            print(f"{face}: {count.functions.total()} Python functions, {count.builtins} built-in ones")
            if wanted.functions:
                print("".join(f"  {times:3} {name}\n" for name, times in count.functions.items()))


if __name__ == "__main__":
    main()
