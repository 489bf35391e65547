"""The faulty server, in its own process: ``python -m tests.soak.server SEED`` prints its port.

``/N`` returns ``body_of(N)``. ``/tally/M`` returns the counts so far, and the numbers with M or more faults that cost
an attempt. The server ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from itertools import accumulate
from typing import Any, cast

from tests.soak.content import body_of
from tests.soak.faults import FAULTS, Fault

HOST = "127.0.0.1"
BACKLOG = 4096
ABORT = struct.pack("ii", 1, 0)


class Score:
    """The faults so far, and the choice of the next one."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._choices: list[Fault | None] = [*FAULTS, None]
        self._weights = list(
            accumulate([*(fault.probability for fault in FAULTS), 1 - sum(f.probability for f in FAULTS)])
        )
        self.requests = 0
        self.connections = 0
        self.played: Counter[str] = Counter()
        self.struck: Counter[int] = Counter()

    def next_fault(self, number: int) -> Fault | None:
        """Return the fault of this request, or None."""
        self.requests += 1
        fault = self._chance.choices(self._choices, cum_weights=self._weights)[0]
        if fault is not None:
            self.played[fault.name] += 1
            self.struck[number] += fault.costs_an_attempt
        return fault

    def report(self, least: int) -> dict[str, Any]:
        """Return the content of ``/tally/LEAST``."""
        struck = [number for number, times in self.struck.items() if times >= least]
        played = {fault.name: self.played[fault.name] for fault in FAULTS}
        return {"requests": self.requests, "connections": self.connections, "faults": played, "struck": struck}


class Conversation(asyncio.Protocol):
    """One connection; a ``Line`` for the faults."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._score.connections += 1

    def data_received(self, data: bytes) -> None:
        *heads, self._unread = (self._unread + data).split(b"\r\n\r\n")
        for head in heads:
            self._answer(head.split(b" ", 2)[1].decode("ascii").split("/")[1:])

    def _answer(self, path: list[str]) -> None:
        if path[0] == "tally":
            self.send(framed(json.dumps(self._score.report(int(path[1]))).encode(), chunked=False))
            return
        number = int(path[0])
        response = framed(body_of(number), chunked=number % 3 == 0)
        fault = self._score.next_fault(number)
        if fault is None:
            self.send(response)
        else:
            fault.play(self, response)

    def send(self, data: bytes) -> None:
        self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def reset(self) -> None:
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        self._transport.abort()

    def later(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        asyncio.get_running_loop().call_later(seconds, self._unless_ended, action, *arguments)

    def _unless_ended(self, action: Callable[..., None], *arguments: object) -> None:
        if not self._transport.is_closing():
            action(*arguments)


def framed(body: bytes, *, chunked: bool) -> bytes:
    """Return the correct response."""
    if not chunked:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    half = (len(body) + 1) // 2
    pieces = [piece for piece in (body[:half], body[half:]) if piece]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded


async def serve(seed: int) -> None:
    """Serve until standard input ends."""
    loop, score = asyncio.get_running_loop(), Score(seed)
    server = await loop.create_server(lambda: Conversation(score), HOST, 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def running_server(seed: int) -> Iterator[int]:
    """Run a server in another process; yield its port."""
    command = [sys.executable, "-m", __name__, str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()
        process.wait(timeout=200)


def tally(port: int, least: int) -> dict[str, Any]:
    """Return the report of the server at a port. The standard library fetches it, because httpconn is under test."""
    with contextlib.closing(HTTPConnection(HOST, port, timeout=200)) as client:
        client.request("GET", f"/tally/{least}")
        return cast(dict[str, Any], json.loads(client.getresponse().read()))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
