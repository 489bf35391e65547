"""Transports for clients of httpx2."""

from __future__ import annotations

import httpx2

from ..runtime.stepping import run_sync
from .library import Library
from .transports import AsyncTransport, SyncTransport

_HTTPX2 = Library(httpx2)


class HTTPTransport(SyncTransport, httpx2.BaseTransport):
    """A transport for ``httpx2.Client``, with the options of :class:`httpconn.transport.HTTPTransport`."""

    _library = _HTTPX2

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and return its response when the head has arrived.

        Raises:
            httpx2.TransportError: the request failed. The error of httpconn, such as ``AccessDenied``, is its cause.
        """
        response: httpx2.Response = run_sync(self._exchange(request))
        return response


class AsyncHTTPTransport(AsyncTransport, httpx2.AsyncBaseTransport):
    """A transport for ``httpx2.AsyncClient`` on asyncio and trio. Each event loop needs its own.

    The options are those of :class:`HTTPTransport`. ``resolver`` may be a coroutine function.
    """

    _library = _HTTPX2

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and return its response when the head has arrived.

        Raises:
            httpx2.TransportError: the request failed. The error of httpconn, such as ``AccessDenied``, is its cause.
        """
        response: httpx2.Response = await self._exchange(request)
        return response
