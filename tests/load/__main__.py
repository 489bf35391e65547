"""The example of the documentation under ``wrk``: ``python -m tests.load [--seconds N] [--users N]``.

Each tenth request names a URL that somebody made up to do harm. Prints what users were answered, how long it took, and
what the server's process held; ends with 1 when an answer was none that the API promises, or something was left behind.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.servers.scripted import Close, Drip, Received, ScriptedServer, Stall, response

MIB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20_000)
BOMB = response(headers={"Content-Encoding": "gzip"}, body=gzip.compress(bytes(100 * MIB)))
SCRIPT = Path(__file__).with_name("media.lua")
GROWTH = 128 * MIB
"""What the process may hold at the peak on top of an idle one, for hundreds of users with an image each."""
LATEST = 12.0
"""Seconds after which each request has its answer: ten for all images, and a loaded machine."""


def images(request: Received) -> list[Any]:
    """The answers of the images' server: good ones, and each kind of harm."""
    path = request.target.decode()
    answers: dict[str, list[Any]] = {
        "/bomb": [BOMB],
        "/large": [response(headers={"Content-Length": "50000000"}, body=PNG), Close()],
        "/drip": [response(headers={"Content-Length": "1000"}), Drip(PNG[:1000], every=0.5)],
        "/stall": [response(headers={"Content-Length": "1000"}), Stall()],
        "/cut": [response(headers={"Content-Length": "1000"}, body=PNG[:500]), Close()],
        "/loop": [response(302, {"Location": "/loop"})],
        "/page": [response(headers={"Content-Type": "image/png"}, body=b"<html>")],
    }
    return answers.get(path) or [response(body=PNG)]


@contextmanager
def serving() -> Iterator[tuple[psutil.Process, str]]:
    """The application in a process of its own: its process and its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "uvicorn", "--log-level", "critical", "--fd", str(listener.fileno())]
        command.append("tests.load.app:app")
        # It tells its operator of each image that was not fetched.
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        try:
            yield psutil.Process(process.pid), f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait(30)


def wrk(*options: str, url: str, argument: str) -> dict[str, Any]:
    """What ``wrk`` has to tell."""
    command = ["wrk", "-t1", *options, "-s", str(SCRIPT), url, "--", argument]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(told.rpartition("JSON ")[2])
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(prog="load", description="The example of the documentation under wrk.")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--users", type=int, default=200)
    options = parser.parse_args(arguments)
    if shutil.which("wrk") is None:
        parser.error("this needs wrk (Debian's package has that name)")
    with ScriptedServer(images) as server, serving() as (process, url):
        wrk("-c1", "-d1s", url=url, argument=server.url)
        idle = held(process)
        load = [f"-c{options.users}", f"-d{options.seconds}s", f"--timeout={LATEST:.0f}s"]
        found = wrk(*load, url=url, argument=server.url)
        peak = held(process)
        time.sleep(LATEST)  # what wrk left is still under way
        after = held(process)
    return report(found, idle, peak, after)


def held(process: psutil.Process) -> dict[str, int]:
    """Of the system's: the peak of memory in bytes, and descriptors."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return {"peak": int(status.partition("VmHWM:")[2].split()[0]) * 1024, "descriptors": process.num_fds()}


def report(found: dict[str, Any], idle: dict[str, int], peak: dict[str, int], after: dict[str, int]) -> int:
    """Print it; 1 if there is something that must not be."""
    answers = ", ".join(f"{status}: {count:,}" for status, count in found["statuses"].items() if count)
    print(f"answers          {answers}")
    print(f"per second       {found['requests'] / found['seconds']:,.0f}")
    print(f"latency          {found['p50']:.0f} ms median, {found['p99']:.0f} ms 99th percentile")
    print(f"memory           {(peak['peak'] - idle['peak']) / MIB:.1f} MiB at the peak on top of an idle process")
    print(
        f"descriptors      {idle['descriptors']} idle, {peak['descriptors']} under load, {after['descriptors']} after"
    )
    violations = {
        "answers that the API does not promise": found["statuses"]["0"],
        "requests without an answer": found["broken"],
        "MiB too many": max(0, peak["peak"] - idle["peak"] - GROWTH) // MIB,
        "descriptors left": max(0, after["descriptors"] - idle["descriptors"] - 20),  # connections that are kept
    }
    for name, count in violations.items():
        if count:
            print(f"VIOLATION: {count} {name}")
    return 1 if any(violations.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
