"""The example of the documentation under ``wrk``: ``python -m tests.load [--seconds N] [--users N]``.

Each tenth request has a hostile URL. The program prints the statuses, the latency, and the memory and descriptors of
the server's process. Its exit code is 1 if a response is not one of the API, or if the process did not release its
resources.
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
"""Allowed growth of the process, for hundreds of users with an image each."""
LATEST = 12.0
"""Seconds within which each request must have a response: ten for all images, and some for a loaded machine."""


def images(request: Received) -> list[Any]:
    """Return the response of the image server: an image, or one kind of attack."""
    path = request.target.decode()
    responses: dict[str, list[Any]] = {
        "/bomb": [BOMB],
        "/large": [response(headers={"Content-Length": "50000000"}, body=PNG), Close()],
        "/drip": [response(headers={"Content-Length": "1000"}), Drip(PNG[:1000], every=0.5)],
        "/stall": [response(headers={"Content-Length": "1000"}), Stall()],
        "/cut": [response(headers={"Content-Length": "1000"}, body=PNG[:500]), Close()],
        "/loop": [response(302, {"Location": "/loop"})],
        "/page": [response(headers={"Content-Type": "image/png"}, body=b"<html>")],
    }
    return responses.get(path) or [response(body=PNG)]


@contextmanager
def serving() -> Iterator[tuple[psutil.Process, str]]:
    """Run the application in its own process; yield the process and its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "uvicorn", "--log-level", "critical", "--fd", str(listener.fileno())]
        command.append("tests.load.app:app")
        # The application logs each image that was not fetched.
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        try:
            yield psutil.Process(process.pid), f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait(30)


def wrk(*options: str, url: str, argument: str) -> dict[str, Any]:
    """Run ``wrk`` and return its report."""
    command = ["wrk", "-t1", *options, "-s", str(SCRIPT), url, "--", argument]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(output.rpartition("JSON ")[2])
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load and return the exit code."""
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
        time.sleep(LATEST)  # requests that wrk abandoned are still running
        after = held(process)
    return report(found, idle, peak, after)


def held(process: psutil.Process) -> dict[str, int]:
    """Return the peak memory of a process in bytes, and its number of descriptors."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return {"peak": int(status.partition("VmHWM:")[2].split()[0]) * 1024, "descriptors": process.num_fds()}


def report(found: dict[str, Any], idle: dict[str, int], peak: dict[str, int], after: dict[str, int]) -> int:
    """Print the results; return 1 if there is a violation."""
    responses = ", ".join(f"{status}: {count:,}" for status, count in found["statuses"].items() if count)
    print(f"responses        {responses}")
    print(f"per second       {found['requests'] / found['seconds']:,.0f}")
    print(f"latency          {found['p50']:.0f} ms median, {found['p99']:.0f} ms 99th percentile")
    print(f"memory           {(peak['peak'] - idle['peak']) / MIB:.1f} MiB at the peak on top of an idle process")
    print(
        f"descriptors      {idle['descriptors']} idle, {peak['descriptors']} under load, {after['descriptors']} after"
    )
    violations = {
        "responses that are not of the API": found["statuses"]["0"],
        "requests without a response": found["broken"],
        "MiB too many": max(0, peak["peak"] - idle["peak"] - GROWTH) // MIB,
        "descriptors left": max(0, after["descriptors"] - idle["descriptors"] - 20),  # idle connections of the pool
    }
    for name, count in violations.items():
        if count:
            print(f"VIOLATION: {count} {name}")
    return 1 if any(violations.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
