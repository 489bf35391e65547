"""The httpx clients that send the requests of a connection object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import httpx

import httpconn

from ..adapters.httpx import AsyncHTTPTransport, HTTPTransport
from ..adapters.throughhttpx import AsyncPlainTransport, PlainTransport, through_httpx
from ..adapters.transports import OBSERVED
from ..core.messages import Origin
from ..http.engine import Engine
from .asyncport import AsyncPort
from .syncport import SyncPort, WorkerPort

T = TypeVar("T")


class _Routing(Generic[T]):
    """A mixin that gives access to the transport; ``plain`` replaces it while requests go through httpx."""

    _unpatched: ClassVar[Callable[..., Any]]
    _transport_for_url: Callable[[httpx.URL], T]
    _event_hooks: dict[str, list[Any]]
    _transport: T

    def __init__(self, *, plain: T | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.plain = plain

    @property
    def pools(self) -> list[httpconn.PoolStats]:
        stats = getattr(self._transport, "stats", None)
        return [stats] if isinstance(stats, httpconn.PoolStats) else []

    def transport_for(self, origin: Origin) -> T:
        """Return the transport of an origin, which a library such as respx may have replaced."""
        kind = type(self)
        if kind._transport_for_url is not kind._unpatched:
            return self._transport_for_url(httpx.URL(f"{origin.scheme}://{origin.netloc}"))
        return self.plain if through_httpx.depth and self.plain is not None else self._transport

    def engine_for(self, origin: Origin) -> Engine | None:
        """Return the engine of an origin; None if httpx hooks, instrumentation or patches have to see the request."""
        transport, hooks, kind = self._transport, self._event_hooks, type(self)
        if hooks["request"] or hooks["response"] or not OBSERVED.isdisjoint(transport.__dict__):
            return None
        if through_httpx.depth or kind._transport_for_url is not kind._unpatched:
            transport = self.transport_for(origin)
        return getattr(transport, "engine", None)


class SyncClient(_Routing[httpx.BaseTransport], httpx.Client):
    """An ``httpx.Client`` that also gives access to its transports.

    A transport sends a request unchanged, without the cookies, the authentication flow and the redirects of httpx, and
    without its log line, which would hold the secrets of the URL.
    """

    own_transport = HTTPTransport
    plain_transport = PlainTransport
    port = SyncPort
    worker_port = WorkerPort
    _unpatched = httpx.Client._transport_for_url

    def close(self) -> None:
        super().close()
        if self.plain is not None:
            self.plain.close()


class AsyncClient(_Routing[httpx.AsyncBaseTransport], httpx.AsyncClient):
    """An ``httpx.AsyncClient`` that also gives access to its transports."""

    own_transport = AsyncHTTPTransport
    plain_transport = AsyncPlainTransport
    port = AsyncPort
    _unpatched = httpx.AsyncClient._transport_for_url

    @property
    def closes_at_once(self) -> bool:
        """Whether ``aclose`` never waits, because httpconn's own transport holds all connections."""
        own = type(self._transport) is AsyncHTTPTransport
        return own and isinstance(self.plain, AsyncPlainTransport) and not self.plain.clients

    async def aclose(self) -> None:
        await super().aclose()
        if self.plain is not None:
            await self.plain.aclose()
