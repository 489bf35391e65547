"""Collections: processes are killed, run in pairs, and meet a full disk and a server that breaks off.

After each kill, every target is absent or complete, every byte that a sidecar names is on disk, and the state file is
right. The next process requests no byte that was on disk. The last process completes the folder, and another run
then sends no request.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import resource
import signal
import socket
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import httpconn
from httpconn.disk.hiddennames import HiddenNames
from httpconn.disk.knownfiles import NAME
from httpconn.disk.sidecar import load
from httpconn.downloads import saving, segmented
from httpconn.testing import Close, Received, Reset, ScriptedServer, Step, response
from tests.servers.files import Served, cut
from tests.torture.downloads import paced
from tests.torture.processes import finished_well, start

KILLED = 6
LONGEST = 0.15  # seconds until a process is killed
SIZES = [0, 1, 70_000, 400_001, 1_000_000, 2 * 1024 * 1024 + 7, 3 * 1024 * 1024]
FAULTS = 0.3  # probability of a fault of the server for each request
FULL = 0.2  # probability of a full disk for each process

Ranges = dict[str, tuple[tuple[int, int], ...]]
"""The ranges of each file that are on disk."""


class Collection:
    """A server of several files in its own process, and a folder.

    Args:
        folder: the folder; the log of the server is beside it.
        chance: decides about sizes, faults and moments.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder / "files"
        self._log = folder / "requests"
        self._log.touch()
        self._chance = chance
        self._run = 0  # requests of a killed process can reach the log late
        self._bodies = {f"{n % 2}/{n}": random.Random(n).randbytes(size) for n, size in enumerate(SIZES)}

    def survives(self) -> bool:
        """Run a round; return whether all was well."""
        with ExitStack() as stack:
            url = self._serve(stack)
            with httpconn.HTTPConnection() as connection:
                connection.get_sync_client()  # imports what each process would otherwise import until it is killed
            proven: Ranges = {}
            for _ in range(KILLED):
                if not (self._run_and_kill(url) and self._requested_none_of(proven) and self._is_sound()):
                    return False
                proven = self._proven()
            return self._is_completed(url)

    def _serve(self, stack: ExitStack) -> str:
        line, end = socket.socketpair()
        server = start(lambda: self._answer_until(line, end))
        end.close()
        stack.callback(finished_well, server, maybe_killed=False)
        stack.callback(line.close)
        return line.recv(100).decode("ascii")

    def _answer_until(self, line: socket.socket, end: socket.socket) -> None:
        line.close()
        with ScriptedServer(self._answer) as server:
            end.sendall(server.url.encode("ascii"))
            end.recv(1)

    def _answer(self, request: Received) -> Sequence[Step]:
        target = request.target if isinstance(request.target, str) else request.target.decode()
        served = Served(self._bodies[target[1:]], etag=f'"{target}"')
        with self._log.open("a") as log:
            log.write(f"{request.header('X-Run')} {target[1:]} {request.header('Range') or 'bytes=0-'}\n")
        chance = self._chance.random()
        if chance < FAULTS / 3:
            return [response(503)]
        fault = cut(self._chance.randrange(len(served.body) + 1), self._chance.choice([Close(), Reset()]))
        steps = fault(served, request) if chance < FAULTS else served.respond(request)
        return [part for step in steps for part in paced(step)]

    def _start(self, url: str, *, faults: bool) -> int:
        digests = {name: hashlib.sha256(body).hexdigest() for name, body in self._bodies.items()}
        items = [httpconn.Item(f"{url}/{name}", name, f"sha256:{value}") for name, value in digests.items()]
        segments = self._chance.choice([None, 1, 3])
        full = self._chance.randrange(max(SIZES)) if faults and self._chance.random() < FULL else None
        return start(partial(_download, items, self._folder, self._run, segments, full))

    def _run_and_kill(self, url: str) -> bool:
        self._run += 1
        started = [self._start(url, faults=True) for _ in range(self._chance.choice([1, 1, 2]))]
        time.sleep(self._chance.random() * LONGEST)
        for process in started:
            os.kill(process, signal.SIGKILL)
        ends = [finished_well(process, maybe_killed=True) for process in started]
        return all(ends)

    def _requested_none_of(self, proven: Ranges) -> bool:
        """Whether no request of this run began with a byte that was on disk."""
        starts = defaultdict(list)
        for name, requested in self._requests():
            starts[name].append(int(re.findall(r"\d+", requested)[0]))
        # A complete partial file is proven to be the newest version by a request for its last byte.
        return not any(
            first <= each < end and each != len(self._bodies[name]) - 1
            for name, ranges in proven.items()
            for first, end in ranges
            for each in starts[name]
        )

    def _requests(self) -> list[tuple[str, str]]:
        """Return the file and the Range of each request of this run."""
        lines = [line.split(" ") for line in self._log.read_text().splitlines()]
        return [(name, requested) for run, name, requested in lines if run == str(self._run)]

    def _is_sound(self) -> bool:
        """Whether targets, sidecars and the state file are right."""
        targets = {name: self._folder / name for name in self._bodies}
        whole = all(not path.exists() or path.read_bytes() == self._bodies[name] for name, path in targets.items())
        return whole and all(map(self._is_proven, targets)) and self._is_state_right()

    def _is_proven(self, name: str) -> bool:
        names = HiddenNames(str(self._folder / name))
        record = load(names.sidecar)
        if record is None or not Path(names.part(record.token)).exists():
            return True
        found = Path(names.part(record.token)).read_bytes()
        return all(found[start:end] == self._bodies[name][start:end] for start, end in record.sidecar.ranges)

    def _is_state_right(self) -> bool:
        state = self._folder / NAME
        files = json.loads(state.read_bytes())["files"] if state.exists() else {}
        return all(
            digest == f"sha256:{hashlib.sha256(self._bodies[name]).hexdigest()}"
            for name, (_, _, _, digest) in files.items()
        )

    def _proven(self) -> Ranges:
        found: Ranges = {}
        for name, body in self._bodies.items():
            names = HiddenNames(str(self._folder / name))
            record = load(names.sidecar)
            if (self._folder / name).exists():
                found[name] = ((0, len(body) + 1),)
            elif record is not None and Path(names.part(record.token)).exists():
                found[name] = record.sidecar.ranges
        return found

    def _is_completed(self, url: str) -> bool:
        """Whether processes that are let alone complete the folder, and another run sends no request."""
        while not all((self._folder / name).exists() for name in self._bodies):
            if not finished_well(self._start(url, faults=False), maybe_killed=False):
                return False
        self._run += 1
        if not finished_well(self._start(url, faults=False), maybe_killed=False) or self._requests():
            return False
        found = {path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*") if path.is_file()}
        # A process that is killed after the rename leaves its lock file. No process holds it.
        found -= {each for each in found if each.endswith(".httpconn-lock")}
        return self._is_sound() and found == {NAME, *self._bodies}


def _download(items: list[httpconn.Item], folder: Path, run: int, segments: int | None, full: int | None) -> None:
    """Run one call. Faults of the server and of the disk are allowed, and no other error."""
    # Otherwise each process would be killed before its first checkpoint.
    segmented.CHECKPOINT_EVERY = saving.CHECKPOINT_EVERY = 0.001
    if full is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
    retries = httpconn.RetryPolicy(attempts=3, backoff=0)
    with suppress(httpconn.DiskFull), httpconn.HTTPConnection(retries=retries) as connection:
        result = connection.download_all(items, folder, segments=segments, extra_headers={"X-Run": str(run)})
        for each in result.failed:
            if not isinstance(each.error, httpconn.TransportError | httpconn.ResponseError | httpconn.DiskFull):
                each.result()
