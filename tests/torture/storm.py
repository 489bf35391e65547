"""Downloads that are interrupted at random moments: by exceptions of a signal handler, or by cancellation.

After each interruption, no lock may be held, and a sidecar must name each partial file. At the end, no descriptor and
no thread may be left, and a download must succeed.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType

import anyio

import httpconn
from httpconn.disk.hiddennames import HiddenNames
from httpconn.disk.lockfile import InUse, lock
from httpconn.disk.sidecar import load
from httpconn.testing import ScriptedServer
from tests.servers.files import Served

SIZE = 1_500_000
BODY = random.Random(0).randbytes(SIZE)
LONGEST = 0.012
"""Maximum seconds until a call is interrupted. Most calls take less without an interruption."""

PATIENCE = 30.0
FACES = ("sync", "asyncio", "trio")


class Interrupted(Exception):
    """The exception of a signal handler, like that of a time limit."""


class Storm:
    """Interrupts calls, and checks the files that they leave.

    Args:
        folder: folder of the target.
        chance: source of the random moments.
        url: URL of the file.
    """

    def __init__(self, folder: Path, chance: random.Random, url: str) -> None:
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._target = folder / "file"
        self._chance = chance
        self._url = url

    def _connect(self) -> httpconn.HTTPConnection:
        return httpconn.HTTPConnection(retries=0, timeout=PATIENCE)

    def run_signals(self, count: int) -> None:
        """Interrupt synchronous calls by SIGALRM; sometimes a second signal follows at once."""
        with alarms():
            self._finish()
            descriptors = open_descriptors()
            for _ in range(count):
                self._interrupt()
                self._look()
            self._finish()
            wait_until(lambda: open_descriptors() <= descriptors, lambda: "descriptors are left")
        wait_until(lambda: not own_threads(), lambda: f"threads are left: {own_threads()}")

    def _interrupt(self) -> None:
        again = self._chance.choice([0, 0, 0, 0.002])
        connection, segments = self._connect(), self._chance.choice([1, 1, 1, 2])
        try:
            signal.setitimer(signal.ITIMER_REAL, self._chance.uniform(1e-6, LONGEST), again)
            try:
                connection.download(self._url, self._target, segments=segments)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupted:
            self.counts["interrupted"] += 1
        else:
            self.counts["complete"] += 1

    def _look(self) -> None:
        """Check the files. An interrupted clean-up continues in its thread."""
        wait_until(lambda: not left_behind(self._target), lambda: f"left behind: {left_behind(self._target)}")
        names = HiddenNames(str(self._target))
        record = load(names.sidecar)
        if record is not None:
            self.counts["resumable"] += 1
            self._require_proven(Path(names.part(record.token)).read_bytes(), record.sidecar.ranges)
        if self._target.exists() and self._target.read_bytes() != BODY:
            raise AssertionError("The target holds wrong bytes")

    def _require_proven(self, found: bytes, ranges: tuple[tuple[int, int], ...]) -> None:
        for start, end in ranges:
            if found[start:end] != BODY[start:end]:
                raise AssertionError(f"Wrong bytes from {start} to {end}")

    def _finish(self) -> None:
        with self._connect() as connection:
            connection.download(self._url, self._target)
        if [path for path in self._folder.iterdir() if path != self._target]:
            raise AssertionError("Files are left")

    def run_cancellations(self, backend: str, count: int) -> None:
        """Cancel asynchronous calls by a scope, in asyncio also by ``Task.cancel``."""
        anyio.run(self._cancellations, count, backend=backend)
        if backend == "asyncio":
            asyncio.run(self._native_cancellations(count))
        wait_until(lambda: not own_threads(), lambda: f"threads are left: {own_threads()}")

    async def _cancellations(self, count: int) -> None:
        async with self._connect() as connection:
            await connection.async_download(self._url, self._target)
            for _ in range(count):
                with anyio.move_on_after(self._chance.uniform(0, 2 * LONGEST)) as scope:
                    await connection.async_download(self._url, self._target, segments=self._chance.choice([1, 1, 1, 2]))
                self.counts["interrupted" if scope.cancelled_caught else "complete"] += 1
                self._look()
            await connection.async_download(self._url, self._target)
        if [path for path in self._folder.iterdir() if path != self._target]:
            raise AssertionError("Files are left")

    async def _native_cancellations(self, count: int) -> None:
        async with self._connect() as connection:
            for _ in range(count):
                task = asyncio.create_task(connection.async_download(self._url, self._target))
                for delay in self._chance.choice([[LONGEST], [LONGEST, LONGEST / 10]]):
                    await asyncio.sleep(self._chance.uniform(0, delay))
                    task.cancel()
                await asyncio.wait([task])
                self.counts["interrupted" if task.cancelled() else "complete"] += 1
                if not task.cancelled():
                    task.result()
                self._look()


def left_behind(target: Path) -> list[str]:
    """Return a held lock, and files that no later download of the target would find."""
    names = HiddenNames(str(target))
    record, noted = load(names.sidecar), noted_in(names.lock)
    if noted is None:
        return [names.lock]
    tokens = noted if record is None else [*noted, *record.tokens]
    known = {names.sidecar, names.lock, names.draft(None), *map(names.part, tokens)}
    return sorted(str(path) for path in target.parent.glob(f".{target.name}.*") if str(path) not in known)


def noted_in(path: str) -> list[str] | None:
    """Return the partial files that a lock file names; None if the lock is held."""
    with suppress(FileNotFoundError), Path(path).open("rb") as file:
        try:
            lock(file.fileno())
        except InUse:
            return None
        return re.findall(r"^[0-9a-f]{16}$", file.read().decode("ascii"), re.MULTILINE)
    return []


@contextmanager
def alarms() -> Iterator[None]:
    """Let SIGALRM raise an exception."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    known = signal.signal(signal.SIGALRM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, known)


@contextmanager
def storm(folder: Path, seed: int) -> Iterator[Storm]:
    """Provide a storm and its server. A coroutine that never started because of an interruption is allowed."""
    with ScriptedServer(Served(BODY)) as server, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        yield Storm(folder, random.Random(seed), f"{server.url}/file")


def open_descriptors() -> int:
    """Return the number of descriptors of regular files and folders, without those of connections and event loops."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found += os.readlink(f"/proc/self/fd/{name}").startswith("/tmp")
    return found


def own_threads(prefix: str = "httpconn-") -> list[threading.Thread]:
    """Return the threads of the library."""
    return [thread for thread in threading.enumerate() if thread.name.startswith(prefix)]


def wait_until(condition: Callable[[], object], problem: Callable[[], str]) -> None:
    """Wait until a condition is true, for a limited time."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(problem())
        time.sleep(0.005)


def run(folder: Path, seed: int, kind: str, count: int) -> Counter[str]:
    """Run a storm: by signals (sync), or by cancellation (asyncio, trio)."""
    with storm(folder, seed) as made:
        step = made.run_signals if kind == "sync" else partial(made.run_cancellations, kind)
        step(count)
        return made.counts
