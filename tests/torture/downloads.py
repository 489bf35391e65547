"""Downloads on several connections from a server that breaks off at random, in processes that are killed."""

from __future__ import annotations

import mmap
import random
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import httpconn
from httpconn.downloads import segmented as segments
from httpconn.testing import Close, Pause, Received, Reset, ScriptedServer, Step, response
from tests.servers.files import Served, cut
from tests.torture.processes import finished_well, start

SIZE = 6 * 1024 * 1024 + 7
PIECE = 64 * 1024


@cache
def content(version: int) -> bytes:
    """Return the content of a version of the file."""
    return random.Random(version).randbytes(SIZE)


class Downloads:
    """A server in its own process, and processes that download from it.

    Attributes:
        longest: maximum seconds until a process is killed.
        tidy: whether the process that completes the file leaves no other file.
    """

    longest = 0.12
    tidy = True

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._version = mmap.mmap(-1, 1)  # shared with the server

    def __enter__(self) -> Self:
        self._line, end = socket.socketpair()
        self._server = start(lambda: self._serve(end))
        end.close()
        self._url = self._line.recv(100).decode("ascii")
        with httpconn.HTTPConnection() as connection:
            connection.get_sync_client()  # imports what each process would otherwise import until it is killed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()
        if not finished_well(self._server, maybe_killed=False) and error is None:
            raise RuntimeError("The server failed")

    def content(self, version: int) -> bytes:
        """Return the content of a version."""
        return content(version)

    def start(self, target: Path, version: int) -> int:
        """Start a process that downloads this version; return its ID."""
        self._version[0] = version
        connections, retries = self._chance.randint(1, 6), self._chance.randint(0, 2)
        return start(lambda: _download(self._url, target, connections, retries))

    def _serve(self, line: socket.socket) -> None:
        self._line.close()
        with ScriptedServer(self._answer) as server:
            line.sendall(server.url.encode("ascii"))
            line.recv(1)

    def _answer(self, request: Received) -> Sequence[Step]:
        version = self._version[0]
        served, chance = Served(content(version), etag=f'"{version}"'), self._chance.random()
        if chance < 0.1:
            return [response(503)]
        end = self._chance.choice([Close(), Reset()])
        steps = cut(self._chance.randrange(SIZE), end)(served, request) if chance < 0.4 else served.respond(request)
        return [part for step in steps for part in paced(step)]


def paced(step: Step) -> Sequence[Step]:
    """Send slowly, so that other connections can take over ranges."""
    if not isinstance(step, bytes):
        return [step]
    starts = range(0, len(step), PIECE)
    return [part for start in starts for part in (step[start : start + PIECE], Pause(0.002))]


def _download(url: str, target: Path, connections: int, retries: int) -> None:
    """Run one call. Faults of the server are allowed, and no other error."""
    segments.CHECKPOINT_EVERY = 0.001  # otherwise each process would be killed before its first checkpoint
    failures = suppress(httpconn.TransportError, httpconn.ResponseError)
    with failures, httpconn.HTTPConnection(retries=httpconn.RetryPolicy(attempts=retries + 1, backoff=0)) as connection:
        connection.download(url, target, segments=connections)
