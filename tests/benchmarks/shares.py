"""Where a request's CPU time goes: ``python -m tests.benchmarks.shares KIND``, of sync, asyncio and trio.

Samples of the processor's time, each counted for the line of Python that it found: unlike cProfile, this adds no cost
to calls, so small functions do not look expensive. A line that calls the system counts for the system.
"""

from __future__ import annotations

import argparse
import linecache
import re
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tests.benchmarks.child import measure
from tests.benchmarks.machine import on_core
from tests.benchmarks.measuring import SMALL
from tests.benchmarks.server import find_nginx, running_servers
from tests.benchmarks.table import drawn

COUNT = 50_000
TASKS = {"sync": 1, "asyncio": 32, "trio": 32}
INTERVAL = 0.001
SYSTEM = "system calls: send, receive, wait"
CALLS = re.compile(r"\b(send|recv|recv_into|select|poll|register|modify|epoll_wait)\(")
# The first pattern that matches a path counts: inside the package, and then packages beside it.
PARTS = {
    r"httpconn/http/(http1|headerblock|chunked)": "HTTP/1.1: heads and bodies",
    r"httpconn/http/(pool|placement|lease)\.": "pool",
    r"httpconn/(network/(tls)?stream|runtime/(readiness|events|runtimes|looptimers|timeouts))\.": (
        "sockets, waiting, timeouts"
    ),
    r"httpconn/(http|network|adapters)/": "engine: from the request to the socket and back",
    r"httpconn/core": "decisions: URLs, headers, redirects, retries, limits",
    r"httpconn/": "flows, ports and methods",
    r"tests/benchmarks": "the benchmark's own loop",
    r"/(asyncio|selectors)|/trio/|/outcome/": "event loop",
    r"/httpx/": "httpx's types",
    r"/(anyio|sniffio)/": "anyio",
}
OTHER = "the rest of the standard library"


class Samples:
    """Counts the running lines at each tick of CPU time."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, int | None]] = Counter()

    def take(self, _signal: int, frame: FrameType | None) -> None:
        if frame is not None:
            self.found[frame.f_code.co_filename, frame.f_lineno] += 1

    @contextmanager
    def taken(self) -> Iterator[None]:
        signal.signal(signal.SIGPROF, self.take)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def by_part(self) -> Counter[str]:
        parts: Counter[str] = Counter()
        for place, count in self.found.items():
            parts[part_of(*place)] += count
        return parts


def part_of(file: str, line: int | None) -> str:
    if line is not None and CALLS.search(linecache.getline(file, line)):
        return SYSTEM
    return next((name for path, name in PARTS.items() if re.search(path, file)), OTHER)


def shares(kind: str, base: str, folder: str) -> str:
    """Return a table for this process, which has imported httpconn before."""
    samples, job = Samples(), {"base": base, "size": SMALL, "count": COUNT, "tasks": TASKS[kind], "folder": folder}
    with samples.taken(), on_core(0):
        before = resource.getrusage(resource.RUSAGE_SELF)
        figures = measure(f"{kind}:httpconn", job)
        after = resource.getrusage(resource.RUSAGE_SELF)
    user, kernel = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    total = samples.found.total()
    rows = [(name, f"{count / total:.0%}") for name, count in samples.by_part().most_common()]
    note = f"{figures['cpu'] * 1e6:.0f} µs per request, {kernel / (user + kernel):.0%} in the kernel."
    return f"### 1 KiB, {kind}\n\n{drawn([(f'{total} samples', 'share'), *rows])}\n\n{note}\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="shares", description="Where a request's CPU time goes.")
    parser.add_argument("kind", choices=TASKS)
    kind = parser.parse_args().kind
    with running_servers({SMALL}, find_nginx()) as servers, tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(shares(kind, servers.plain, folder))


if __name__ == "__main__":
    main()
