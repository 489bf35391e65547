"""Transports for clients of httpx2."""

import httpx2

from .library import Library
from .transports import AsyncTransport, SyncTransport

HTTPX2 = Library(httpx2)


class HTTPTransport(SyncTransport[httpx2.Request, httpx2.Response], httpx2.BaseTransport):
    """A transport for ``httpx2.Client``, with the options of :class:`httpconn.transport.HTTPTransport`."""

    _library = HTTPX2


class AsyncHTTPTransport(AsyncTransport[httpx2.Request, httpx2.Response], httpx2.AsyncBaseTransport):
    """A transport for ``httpx2.AsyncClient`` on asyncio and trio. Each event loop needs its own.

    The options are those of :class:`HTTPTransport`. ``resolver`` may be a coroutine function.
    """

    _library = HTTPX2
