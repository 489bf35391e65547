"""HTTPConnection: the public face, put together."""

from __future__ import annotations

import atexit
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import httpx

from ._version import __version__
from .access import AccessPolicy
from .calls import Calls, Headers, Timeout, require
from .core.decoding import offered
from .core.rates import RateLimiter
from .core.requests import RequestBuilder
from .downloading import Downloading
from .fetching import Fetching
from .flows.exchange import Rules
from .options import Limits, RateLimit, RedirectPolicy, RetryPolicy, Timeouts, without_total
from .ports.clients import ClientOptions, Clients
from .transport.tls import Certificate

DEFAULT_TIMEOUTS = Timeouts()


class HTTPConnection(Fetching, Downloading):
    """Fetches bytes, text, JSON and files over HTTP, from synchronous code, asyncio and trio.

    One object serves any number of threads, event loops and forked processes at once. It opens nothing until it is
    used. Close it with ``close`` or ``aclose``, or use it in a ``with`` or ``async with`` block; a closed one opens
    anew when it is used again.

    Args:
        reuse_client: keep connections between calls; False makes and closes a client for each call.
        user_agent: the User-Agent; by default ``httpconn/VERSION``.
        headers: sent with every request; those of a call win. On a redirect they stay on their origin.
        timeout: a number of seconds for the whole of each call, or :class:`Timeouts`.
        limits: see :class:`Limits`.
        retries: a number of retries, or :class:`RetryPolicy`.
        access: which URLs may be fetched; see :class:`AccessPolicy`.
        redirects: see :class:`RedirectPolicy`.
        rate_limit: how often requests to one host may start; see :class:`RateLimit`.
        verify: True (certifi's authorities, or those of SSL_CERT_FILE or SSL_CERT_DIR), False, the path of a PEM
            file or a folder, "system" (the operating system's store), or an ``ssl.SSLContext``.
        cert: a client certificate: a path, (certificate, key) or (certificate, key, password).
        proxy: the URL of a proxy for everything.
        trust_env: honour HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR, SSLKEYLOGFILE.
        http2: speak HTTP/2 where the server does; needs the extra ``http2``.
        event_hooks: as in httpx: ``{"request": [...], "response": [...]}``.
        transport: any httpx transport, for the synchronous methods.
        async_transport: any asynchronous httpx transport, for the asynchronous ones.

    Raises:
        InvalidRequest: an option is not valid.
    """

    def __init__(
        self,
        *,
        reuse_client: bool = True,
        user_agent: str | None = None,
        headers: Headers = None,
        timeout: Timeout = DEFAULT_TIMEOUTS,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        retries: RetryPolicy | int = RetryPolicy(),  # noqa: B008 - frozen
        access: AccessPolicy = AccessPolicy.anywhere(),  # noqa: B008 - frozen
        redirects: RedirectPolicy = RedirectPolicy(),  # noqa: B008 - frozen
        rate_limit: RateLimit | None = None,
        verify: ssl.SSLContext | str | bool = True,
        cert: Certificate | None = None,
        proxy: str | httpx.URL | httpx.Proxy | None = None,
        trust_env: bool = True,
        http2: bool = False,
        event_hooks: Mapping[str, Sequence[Callable[..., Any]]] | None = None,
        transport: httpx.BaseTransport | None = None,
        async_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        require(limits=(limits, Limits), access=(access, AccessPolicy), redirects=(redirects, RedirectPolicy))
        require(rate_limit=(rate_limit, RateLimit | None), event_hooks=(event_hooks, Mapping | None))
        require(reuse_client=(reuse_client, bool), trust_env=(trust_env, bool), http2=(http2, bool))
        require(transport=(transport, httpx.BaseTransport | None))
        require(async_transport=(async_transport, httpx.AsyncBaseTransport | None))
        builder = RequestBuilder(
            user_agent=f"httpconn/{__version__}" if user_agent is None else user_agent,
            accept_encoding=offered(),
            headers_given=headers,
            access=access,
        )
        rates = None if rate_limit is None else RateLimiter(rate_limit)
        timeouts = Timeouts(total=None) if timeout is None else Timeouts.of(timeout)
        self._calls = Calls(
            Rules(builder, limits, RetryPolicy.of(retries), redirects, rates),
            timeouts,
            # A file takes as long as it takes, unless somebody said otherwise.
            file_timeouts=without_total(timeouts) if timeout is DEFAULT_TIMEOUTS else timeouts,
        )
        self._clients = Clients(
            ClientOptions(
                fields=builder.fields,
                timeouts=timeouts,
                limits=limits,
                verify=verify,
                cert=cert,
                proxy=proxy,
                trust_env=trust_env,
                http2=http2,
                event_hooks=event_hooks or {},
                transport=transport,
                async_transport=async_transport,
            ),
            reuse=reuse_client,
        )

    @property
    def reuse_client(self) -> bool:
        """Whether clients are kept between calls."""
        return self._clients.reuse

    def get_sync_client(self) -> httpx.Client:
        """The ``httpx.Client`` of the synchronous methods; with ``reuse_client=False`` a new one, yours to close."""
        return self._clients.sync_client()

    async def get_async_client(self) -> httpx.AsyncClient:
        """The ``httpx.AsyncClient`` of this event loop; with ``reuse_client=False`` a new one, yours to close."""
        return await self._clients.async_client()

    def close(self) -> None:
        """Close what the synchronous methods opened; what event loops hold is closed by them."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close what the methods awaited in this event loop opened, and what ``close`` does."""
        await self._clients.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


global_http_connection: HTTPConnection = HTTPConnection()
"""The connection that programs share; it opens nothing until it is used."""

atexit.register(global_http_connection.close)
