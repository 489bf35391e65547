"""The pair of transports for httpx2's clients."""

from __future__ import annotations

import httpx2

from ..runtime.stepping import run_sync
from .library import Library
from .transports import AsyncTransport, SyncTransport

_HTTPX2 = Library(httpx2)


class HTTPTransport(SyncTransport, httpx2.BaseTransport):
    """For ``httpx2.Client``. Options as of :class:`httpconn.transport.HTTPTransport`."""

    _library = _HTTPX2

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return when the head of the response is there.

        Raises ``httpx2.TransportError``; an error of httpconn, such as ``AccessDenied``, is its ``__cause__``.
        """
        response: httpx2.Response = run_sync(self._exchange(request))
        return response


class AsyncHTTPTransport(AsyncTransport, httpx2.AsyncBaseTransport):
    """For ``httpx2.AsyncClient``, on asyncio and trio; one for each event loop. See :class:`HTTPTransport`.

    ``resolver`` may be a coroutine function.
    """

    _library = _HTTPX2

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return when the head of the response is there.

        Raises ``httpx2.TransportError``; an error of httpconn, such as ``AccessDenied``, is its ``__cause__``.
        """
        response: httpx2.Response = await self._exchange(request)
        return response
