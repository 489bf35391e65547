"""Transports for clients of httpx2, and transports of httpx2 behind the interface of httpx."""

from typing import Any

import httpx
import httpx2

from ..http.engine import Engine
from .crossing import request_for, response_for, translated
from .library import HTTPX, Library
from .transports import OBSERVED, AsyncTransport, SyncTransport

HTTPX2 = Library(httpx2)


class HTTPTransport(SyncTransport[httpx2.Request, httpx2.Response], httpx2.BaseTransport):
    """A transport for ``httpx2.Client``, with the options of :class:`httpconn.transport.HTTPTransport`."""

    _library = HTTPX2


class AsyncHTTPTransport(AsyncTransport[httpx2.Request, httpx2.Response], httpx2.AsyncBaseTransport):
    """A transport for ``httpx2.AsyncClient`` on asyncio and trio. Each event loop needs its own.

    The options are those of :class:`HTTPTransport`. ``resolver`` may be a coroutine function.
    """

    _library = HTTPX2


class _Foreign:
    """A wrapped httpx2 transport, with the access policy, the engine and the statistics of that transport."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._translated = translated(HTTPX2, HTTPX)
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


class ForeignTransport(_Foreign, httpx.BaseTransport):
    """An httpx2 transport for synchronous calls."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._translated:
            received = self._transport.handle_request(request_for(HTTPX2, request, HTTPX))
            response: httpx.Response = response_for(HTTPX, received, HTTPX2)
            return response

    def close(self) -> None:
        self._transport.close()


class AsyncForeignTransport(_Foreign, httpx.AsyncBaseTransport):
    """An httpx2 transport for asynchronous calls."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with self._translated:
            received = await self._transport.handle_async_request(request_for(HTTPX2, request, HTTPX))
            response: httpx.Response = response_for(HTTPX, received, HTTPX2)
            return response

    async def aclose(self) -> None:
        await self._transport.aclose()


WRAPPERS: dict[type, Any] = {httpx.BaseTransport: ForeignTransport, httpx.AsyncBaseTransport: AsyncForeignTransport}
