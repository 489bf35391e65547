"""The library's transports and httpx's own, asked the same and answered with the same bytes."""

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
    """What a transport made of an answer: all of it, or the error."""

    status: int = 0
    reason: bytes = b""
    version: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    error: str = ""


class Rival:
    """One transport on its face."""

    def __init__(self, face: Face, transport: httpx.BaseTransport | httpx.AsyncBaseTransport) -> None:
        self._face = face
        self._transport = transport

    def ask(self, method: str, url: str) -> Outcome:
        return self._face.run(self._outcome, httpx.Request(method, url, extensions={"timeout": TIMEOUT}))

    def leave(self) -> None:
        self._face.close(self._transport)

    async def _outcome(self, request: httpx.Request) -> Outcome:
        try:
            return await self._answer(request)
        except httpx.TransportError as error:  # no other is theirs to raise
            return Outcome(error=type(error).__name__)

    async def _answer(self, request: httpx.Request) -> Outcome:
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


class Stage:
    """A server for all deliveries, and who receives them.

    Attributes:
        ours: this library's, by the name of their face; every exchange has a connection of its own.
        keeping: the same, and connections are kept.
        proxied: the same as ``ours``; the server is their proxy, so that httpcore speaks for them.
        theirs: httpx's own; every exchange has a connection of its own.
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
            opened.callback(rival.leave)

    def deliver(self, rival: Rival, pieces: Iterable[bytes], method: str = "GET") -> Outcome:
        """Answer with the pieces, one segment each as far as the network goes, and close."""
        return self.play(rival, [*pieces, Close()], method)

    def play(self, rival: Rival, steps: list[Step], method: str = "GET") -> Outcome:
        """Answer with the steps."""
        target = f"/{next(self._numbers)}"
        self._steps[target] = steps
        return rival.ask(method, self._server.url_for(target))

    def _script(self, request: Received) -> list[Step]:
        return self._steps.pop(httpx.URL(request.target.decode()).path)


@contextmanager
def stage() -> Iterator[Stage]:
    """The server, and both libraries' transports on every face."""
    with ExitStack() as opened:
        yield Stage(opened)


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
    """Byte by byte; the middle of a large answer in larger pieces."""
    edge = SMALL // 2
    middle = raw[edge : len(raw) - edge]
    step = len(middle) // PIECES or 1
    larger = [middle[start : start + step] for start in range(0, len(middle), step)]
    ends = (raw[:edge], raw[max(edge, len(raw) - edge) :])
    first, last = ([end[i : i + 1] for i in range(len(end))] for end in ends)
    return [*first, *larger, *last]


def at_random(raw: bytes) -> list[bytes]:
    """At a few places that look random, the same for the same bytes."""
    random = Random(raw)
    return split(raw, [random.randint(0, len(raw)) for _ in range(random.randint(1, 8))])


def split(raw: bytes, places: Iterable[int]) -> list[bytes]:
    """At the places, counted round where they lie behind the end."""
    cuts = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    return [raw[start:end] for start, end in pairwise(cuts)]
