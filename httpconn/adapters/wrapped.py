"""httpx2 transports behind the interface of httpx."""

from typing import Any

import httpx

from ..http.engine import Engine
from .crossing import request_for, response_for, translated
from .httpx2 import HTTPX2
from .library import HTTPX
from .transports import OBSERVED


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

    def _sent(self, request: httpx.Request) -> Any:
        return request_for(HTTPX2, request, HTTPX)

    def _received(self, response: Any) -> httpx.Response:
        received: httpx.Response = response_for(HTTPX, response, HTTPX2)
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
