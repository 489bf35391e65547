"""Files on several connections, against ``aria2c`` and ``curl``: ``python -m tests.benchmarks.segmented``.

One large file from a server that limits the bytes per second of each connection, and many small files. The lowest wall
time of alternating rounds counts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from httpconn import HTTPConnection

MIB = 1024 * 1024
PORTION = 256 * 1024
Run = Callable[[str, Path], object]


class Limited:
    """Serves zeros: ``/SIZE/RATE/NAME`` at RATE bytes a second for each connection, 0 for as fast as it can."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await self._answer((await reader.readuntil(b"\r\n\r\n")).decode(), writer)
        writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        size, rate = map(int, head.split(" ")[1].split("/")[1:3])
        asked = next((line[13:] for line in head.split("\r\n") if line.lower().startswith("range: bytes=")), None)
        first, last = 0, size - 1
        if asked is not None:
            start, _, end = asked.partition("-")
            first, last = int(start), min(int(end or last), last)
        status = "200 OK" if asked is None else f"206 Partial Content\r\nContent-Range: bytes {first}-{last}/{size}"
        length = last - first + 1
        writer.write(
            f'HTTP/1.1 {status}\r\nETag: "v1"\r\nAccept-Ranges: bytes\r\nContent-Length: {length}\r\n\r\n'.encode()
        )
        began, sent = time.monotonic(), 0
        while sent < length:
            count = min(PORTION, length - sent)
            writer.write(bytes(count))
            await writer.drain()
            sent += count
            if rate and (early := began + sent / rate - time.monotonic()) > 0:
                await asyncio.sleep(early)


def serve(listener: socket.socket) -> None:
    async def forever() -> None:
        server = await asyncio.start_server(Limited().serve, sock=listener, limit=MIB)
        await server.serve_forever()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(forever())


@contextmanager
def server() -> Iterator[str]:
    """Run the server in its own process; yield its URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        process = multiprocessing.get_context("fork").Process(target=serve, args=(listener,), daemon=True)
        process.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.join()


def quietly(*command: str | Path, given: str = "") -> None:
    subprocess.run(command, check=True, input=given, text=True, capture_output=True)


def httpconn_large(url: str, folder: Path) -> None:
    with HTTPConnection() as connection:
        connection.download(url, folder / "file", segments=16)


def httpconn_many(url: str, folder: Path) -> None:
    items = [(f"{url}/{number}", folder / str(number)) for number in range(32)]
    with HTTPConnection() as connection, connection.download_many(items, concurrency=8) as results:
        for saved in results:
            saved.result()


def aria2c_large(url: str, folder: Path) -> None:
    quietly("aria2c", "-x16", "-s16", "-k1M", "--file-allocation=falloc", "-d", folder, "-o", "file", url)


def aria2c_many(url: str, folder: Path) -> None:
    quietly("aria2c", "-j8", "-d", folder, "-i", "-", given="".join(f"{url}/{number}\n" for number in range(32)))


def curl_many(url: str, folder: Path) -> None:
    quietly("curl", "--parallel", "--fail", "--output-dir", folder, "--remote-name-all", f"{url}/[0-31]")


def curl_many_to_disk(url: str, folder: Path) -> None:
    """Flush the files, too, so that a crash of the machine loses none."""
    curl_many(url, folder)
    quietly("sync", *folder.iterdir(), folder)


WORKS: dict[str, tuple[int, int, dict[str, Run]]] = {
    "512 MiB at 20 MB/s for each connection": (
        512 * MIB,
        20_000_000,
        {"httpconn, 16 segments": httpconn_large, "aria2c -x16 -s16": aria2c_large},
    ),
    "32 files of 1 MiB": (
        MIB,
        0,
        {
            "httpconn, 8 at once": httpconn_many,
            "aria2c -j8": aria2c_many,
            "curl --parallel": curl_many,
            "curl --parallel, then sync": curl_many_to_disk,
        },
    ),
}


def seconds(run: Run, url: str) -> float:
    """Return the seconds of one download to an empty folder."""
    with tempfile.TemporaryDirectory(prefix="bench-segmented-") as folder:
        began = time.perf_counter()
        run(url, Path(folder))
        return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=int, default=1, help="divides the size of the large file")
    chosen = parser.parse_args()
    with server() as base:
        for title, (size, rate, runs) in WORKS.items():
            url = f"{base}/{max(MIB, size // chosen.share)}/{rate}"
            runs = {
                name: run for name, run in runs.items() if name.startswith("httpconn") or shutil.which(name.split()[0])
            }
            rounds = [{name: seconds(run, url) for name, run in runs.items()} for _ in range(chosen.rounds)]
            best = {name: min(each[name] for each in rounds) for name in runs}
            ours = next(iter(best.values()))
            for name, taken in best.items():
                print(f"{title}, {name}: {taken:.3f} s, {taken / ours:.2f} times httpconn's")


if __name__ == "__main__":
    main()
