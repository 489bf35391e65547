"""The direct way: HTTP/1.1 by our own engine."""

from __future__ import annotations

from functools import partial

import httpx

from ..lazy import LazyResponse, Rest
from ..stats import PoolStats
from .bodies import DirectBody
from .engine import Engine
from .guard import Guard
from .incoming import Incoming
from .messages import Head
from .translation import raise_as_httpx


class Direct:
    """The engine, in the words of httpx, and the guard before it."""

    def __init__(self, engine: Engine, guard: Guard) -> None:
        self._engine = engine
        self._guard = guard

    def __repr__(self) -> str:
        return repr(self._engine)

    @property
    def stats(self) -> PoolStats:
        """The connections of the engine."""
        return self._engine.stats

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """Send, and return as soon as the header is there."""
        return (await self.begin(request))[0]

    async def begin(self, request: httpx.Request) -> tuple[LazyResponse, Incoming]:
        """The same, and the body as the engine has it."""
        self._guard.admit(request)
        try:
            head, body = await self._engine.exchange(request)
        except Exception as error:
            raise_as_httpx(error)
            raise
        return LazyResponse(head.status, head.headers, head.values, request, partial(_rest, head, body)), body

    async def close(self) -> None:
        """Close all connections, be they in use; what is asked for later is refused."""
        self._engine.close()


def _rest(head: Head, body: Incoming) -> Rest:
    extensions = {"http_version": head.version, "reason_phrase": head.reason, "network_stream": body}
    return Rest(DirectBody(body), extensions)
