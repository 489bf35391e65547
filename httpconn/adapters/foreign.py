"""httpx2 transports behind the interface of httpx, for ``HTTPConnection(transport=...)``."""

import sys
from typing import TYPE_CHECKING, Any

import httpx

from ..core.urls import is_of_httpx2
from ..errors import InvalidRequest
from ..http.engine import Engine
from .crossing import request_for, response_for, translated
from .library import HTTPX, Library
from .transports import OBSERVED

if TYPE_CHECKING:
    import httpx2

    SyncLike = httpx.BaseTransport | httpx2.BaseTransport
    AsyncLike = httpx.AsyncBaseTransport | httpx2.AsyncBaseTransport
else:
    SyncLike = httpx.BaseTransport
    AsyncLike = httpx.AsyncBaseTransport


def as_sync_transport(transport: Any) -> httpx.BaseTransport | None:
    """Return the ``transport`` option as an httpx transport; raises InvalidRequest for any other type."""
    if transport is None or isinstance(transport, httpx.BaseTransport):
        return transport
    if is_of_httpx2(transport, "BaseTransport"):
        return ForeignTransport(transport)
    raise InvalidRequest(f"transport does not accept a value of type {type(transport).__name__}")


def as_async_transport(transport: Any) -> httpx.AsyncBaseTransport | None:
    """Return the ``async_transport`` option as an httpx transport; raises InvalidRequest for any other type."""
    if transport is None or isinstance(transport, httpx.AsyncBaseTransport):
        return transport
    if is_of_httpx2(transport, "AsyncBaseTransport"):
        return AsyncForeignTransport(transport)
    raise InvalidRequest(f"async_transport does not accept a value of type {type(transport).__name__}")


class _Foreign:
    """A wrapped httpx2 transport, with the access policy, the engine and the statistics of that transport."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._library = library = Library(sys.modules["httpx2"])
        self._translated = translated(library, HTTPX)
        self.access: object = getattr(transport, "access", None)

    @property
    def engine(self) -> Engine | None:
        """The engine of an httpconn transport, or None. An instrumented transport must receive each request."""
        transport = self._transport
        engine = getattr(transport, "engine", None)
        return engine if isinstance(engine, Engine) and OBSERVED.isdisjoint(vars(transport)) else None

    @property
    def stats(self) -> object:
        return getattr(self._transport, "stats", None)

    def _sent(self, request: httpx.Request) -> Any:
        return request_for(self._library, request, HTTPX)

    def _received(self, response: Any) -> httpx.Response:
        received: httpx.Response = response_for(HTTPX, response, self._library)
        return received


class ForeignTransport(_Foreign, httpx.BaseTransport):
    """An httpx2 transport for synchronous calls."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._translated:
            return self._received(self._transport.handle_request(self._sent(request)))

    def close(self) -> None:
        self._transport.close()


class AsyncForeignTransport(_Foreign, httpx.AsyncBaseTransport):
    """An httpx2 transport for asynchronous calls."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with self._translated:
            return self._received(await self._transport.handle_async_request(self._sent(request)))

    async def aclose(self) -> None:
        await self._transport.aclose()
