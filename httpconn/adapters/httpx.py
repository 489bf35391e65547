"""Transports for clients of httpx."""

import httpx

from .library import HTTPX
from .transports import AsyncTransport, SyncTransport


class HTTPTransport(SyncTransport[httpx.Request, httpx.Response], httpx.BaseTransport):
    """A transport for ``httpx.Client``.

    Args:
        ssl_context: the TLS context of all connections. None means a context that verifies servers. Transports
            with the same settings share this context, and httpconn renews it when certificate files change.
        limits: the number of connections, the number of idle connections, and the seconds that idle connections stay
            open.
        http2: offer HTTP/2 on TLS connections. Requests to one origin then share a connection, which counts once for
            ``max_connections`` and ``max_per_host``. Up to 256 requests share it, or fewer if the server limits them.
        proxy: the URL of an http, https, socks5 or socks5h proxy, or a :class:`httpconn.Proxy`.
        uds: the path of a Unix socket that replaces every host.
        local_address: the address to connect from.
        socket_options: the arguments of one ``socket.setsockopt`` call each.
        trust_env: use the environment variables for certificate authorities and SSLKEYLOGFILE for a new context.
        access: the policy for URLs and addresses; None allows all.
        resolver: a function from host and port to addresses, used instead of the system's resolver. It runs in its own
            thread. ``access`` checks the addresses.

    Raises:
        InvalidRequest: the proxy is not valid, ``access`` does not trust proxies, or an optional package is missing.
    """

    _library = HTTPX


class AsyncHTTPTransport(AsyncTransport[httpx.Request, httpx.Response], httpx.AsyncBaseTransport):
    """A transport for ``httpx.AsyncClient`` on asyncio and trio. Each event loop needs its own.

    The options are those of :class:`HTTPTransport`. ``resolver`` may be a coroutine function.
    """

    _library = HTTPX
