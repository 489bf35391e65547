"""The transports of httpconn and httpx, for comparing their results with the same requests and responses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count, pairwise
from random import Random
from typing import NamedTuple

import httpx

from httpconn.options import Limits
from httpconn.testing import Step
from httpconn.transport import AsyncHTTPTransport, HTTPTransport
from tests.servers.faces import FACES, Face, open_face
from tests.servers.scripted import Close, Received, ScriptedServer

TIMEOUT = dict.fromkeys(("connect", "read", "write", "pool"), 20.0)
SMALL = 1000
PIECES = 100


class Outcome(NamedTuple):
    """The result of a transport: the whole response or the error."""

    status: int = 0
    reason: bytes = b""
    version: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    error: str = ""


class Rival:
    """A transport on a face."""

    def __init__(self, face: Face, transport: httpx.BaseTransport | httpx.AsyncBaseTransport) -> None:
        self._face = face
        self._transport = transport

    def send(self, method: str, url: str) -> Outcome:
        return self._face.run(self._outcome, httpx.Request(method, url, extensions={"timeout": TIMEOUT}))

    def close(self) -> None:
        self._face.close(self._transport)

    async def _outcome(self, request: httpx.Request) -> Outcome:
        try:
            return await self._response(request)
        except httpx.TransportError as error:  # transports raise no other errors
            return Outcome(error=type(error).__name__)

    async def _response(self, request: httpx.Request) -> Outcome:
        if isinstance(self._transport, httpx.AsyncBaseTransport):
            response = await self._transport.handle_async_request(request)
            try:
                body = b"".join([part async for part in response.stream])
            finally:
                await response.aclose()
        else:
            response = self._transport.handle_request(request)
            try:
                body = b"".join(response.stream)
            finally:
                response.close()
        extensions = response.extensions
        head = (response.status_code, extensions["reason_phrase"], extensions["http_version"])
        return Outcome(*head, tuple(response.headers.raw), body)


class Comparison:
    """A scripted server and the transports under comparison.

    Attributes:
        ours: the transports of httpconn by the name of their face, with a new connection for each exchange.
        keeping: the transports of httpconn with persistent connections.
        proxied: the transports of httpconn with the server as their proxy.
        theirs: the transports of httpx, with a new connection for each exchange.
    """

    def __init__(self, opened: ExitStack) -> None:
        self._server = opened.enter_context(ScriptedServer(self._script))
        self._numbers = count()
        self._steps: dict[str, list[Step]] = {}
        faces = [opened.enter_context(open_face(name)) for name in FACES]
        self.ours = {face.name: Rival(face, _ours(face, keep=0)) for face in faces}
        self.proxied = {face.name: Rival(face, _ours(face, keep=0, proxy=self._server.url)) for face in faces}
        self.keeping = {face.name: Rival(face, _ours(face, keep=1)) for face in faces}
        self.theirs = {face.name: Rival(face, _theirs(face)) for face in faces}
        for rival in (*self.ours.values(), *self.proxied.values(), *self.keeping.values(), *self.theirs.values()):
            opened.callback(rival.close)

    def deliver(self, rival: Rival, pieces: Iterable[bytes], method: str = "GET") -> Outcome:
        """Respond with the parts, each in its own segment if the network allows, and close."""
        return self.play(rival, [*pieces, Close()], method)

    def play(self, rival: Rival, steps: list[Step], method: str = "GET") -> Outcome:
        """Respond with the steps."""
        target = f"/{next(self._numbers)}"
        self._steps[target] = steps
        return rival.send(method, self._server.url_for(target))

    def _script(self, request: Received) -> list[Step]:
        return self._steps.pop(httpx.URL(request.target.decode()).path)


@contextmanager
def comparison() -> Iterator[Comparison]:
    """Open the server and the transports of both libraries on every face."""
    with ExitStack() as opened:
        yield Comparison(opened)


def _ours(face: Face, keep: int, proxy: str | None = None) -> HTTPTransport | AsyncHTTPTransport:
    limits = Limits(max_keepalive_connections=keep)
    make = AsyncHTTPTransport if face.is_async else HTTPTransport
    return make(limits=limits, proxy=proxy)


def _theirs(face: Face) -> httpx.HTTPTransport | httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncHTTPTransport(limits=limits) if face.is_async else httpx.HTTPTransport(limits=limits)


def whole(raw: bytes) -> list[bytes]:
    return [raw] if raw else []


def single_bytes(raw: bytes) -> list[bytes]:
    """Divide into single bytes, and the middle of a large response into larger parts."""
    edge = SMALL // 2
    middle = raw[edge : len(raw) - edge]
    step = len(middle) // PIECES or 1
    larger = [middle[start : start + step] for start in range(0, len(middle), step)]
    ends = (raw[:edge], raw[max(edge, len(raw) - edge) :])
    first, last = ([end[i : i + 1] for i in range(len(end))] for end in ends)
    return [*first, *larger, *last]


def at_random(raw: bytes) -> list[bytes]:
    """Divide at a few pseudo-random positions, which depend only on the bytes."""
    random = Random(raw)
    return split(raw, [random.randint(0, len(raw)) for _ in range(random.randint(1, 8))])


def split(raw: bytes, places: Iterable[int]) -> list[bytes]:
    """Divide at the positions, modulo the length."""
    cuts = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    return [raw[start:end] for start, end in pairwise(cuts)]
