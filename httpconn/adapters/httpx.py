"""The pair of transports for httpx's clients."""

from __future__ import annotations

import httpx

from ..runtime.stepping import run_sync
from .library import HTTPX
from .transports import AsyncTransport, SyncTransport


class HTTPTransport(SyncTransport, httpx.BaseTransport):
    """A transport for ``httpx.Client``.

    Args:
        ssl_context: for all connections; None for the verifying context that the process shares, kept up to date.
        limits: connections at once, idle ones, and how long these are kept.
        http2: offer HTTP/2 on TLS connections. Requests to one origin then share a connection, which counts once for
            ``max_connections`` and ``max_per_host``; as many run at once as the server allows, up to 256.
        proxy: the URL of an http, https, socks5 or socks5h proxy, or a :class:`httpconn.Proxy`.
        uds: path of a Unix socket, dialled instead of any host.
        local_address: the address to connect from.
        socket_options: as ``socket.setsockopt`` takes them.
        trust_env: honour the variables for authorities and SSLKEYLOGFILE where a context has to be made.
        access: which URLs may be asked for, and which addresses dialled; None for all.
        resolver: a function of a host and a port that gives the addresses to connect to, in place of the system's
            resolver; it is called in a thread of its own. What it gives is judged by ``access``.

    Raises:
        InvalidRequest: the proxy is not valid, ``access`` does not trust proxies, or an optional package is missing.
    """

    _library = HTTPX

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return when the head of the response is there.

        Raises ``httpx.TransportError`` and ``AccessDenied``.
        """
        response: httpx.Response = run_sync(self._exchange(request))
        return response


class AsyncHTTPTransport(AsyncTransport, httpx.AsyncBaseTransport):
    """For ``httpx.AsyncClient``, on asyncio and trio; one for each event loop. See :class:`HTTPTransport`.

    ``resolver`` may be a coroutine function.
    """

    _library = HTTPX

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return when the head of the response is there.

        Raises ``httpx.TransportError`` and ``AccessDenied``.
        """
        response: httpx.Response = await self._exchange(request)
        return response
