"""HTTPConnection: the public face, put together."""

from __future__ import annotations

import atexit
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import httpx

from ._version import __version__
from .access import AccessPolicy, access_of
from .adapters.foreign import AsyncLike, SyncLike, as_async_transport, as_sync_transport
from .api.arguments import Calls, Headers, Timeout, bandwidth_of, require
from .api.downloading import Downloading
from .api.fetching import Fetching
from .api.many import ManyURLs
from .api.opening import Opening
from .api.pickling import given, picklable
from .cache import Cache, store_of
from .core.decoding import offered
from .core.rates import RateLimiter
from .core.requestbuilder import RequestBuilder
from .core.urls import URL, vet
from .exchange.requeststate import Rules
from .hooks import Hooks
from .options import Limits, RateLimit, RedirectPolicy, RetryPolicy, Timeouts, without_total
from .pins import Pinned
from .ports.clients import ClientOptions, Clients
from .stats import Stats, stats_of
from .transport.names import NameResolver, Names
from .transport.proxies import ProxyLike, checked_proxy
from .transport.tls import Certificate

DEFAULT_TIMEOUTS = Timeouts()


class HTTPConnection(Fetching, ManyURLs, Downloading, Opening):
    """Fetches bytes, text, JSON and files over HTTP, from synchronous code, asyncio and trio.

    One object serves any number of threads, event loops and forked processes at once. It opens nothing until it is
    used. Close it with ``close`` or ``aclose``, or use it in a ``with`` or ``async with`` block; a closed one opens
    anew when it is used again. It pickles, as its options: the other process opens its own connections.

    Args:
        reuse_client: keep connections between calls; False makes and closes a client for each call.
        user_agent: the User-Agent; by default ``httpconn/VERSION``.
        headers: sent with every request; those of a call win. On a redirect they stay on their origin.
        timeout: a number of seconds for the whole of each call, or :class:`Timeouts`; by default what ``access`` says.
        limits: see :class:`Limits`; None for what ``access`` says.
        retries: a number of retries, or :class:`RetryPolicy`.
        access: which URLs may be fetched; see :class:`AccessPolicy`.
        redirects: see :class:`RedirectPolicy`; None for what ``access`` says.
        rate_limit: how often requests may start; one :class:`RateLimit`, or several which hold together.
        bandwidth: bytes per second of all bodies together, as they are sent; None means no bound.
        coalesce: calls of ``get_bytes``, ``get_text`` and ``get_json`` that are under way at once and ask for the same
            (URL, headers, limits) share one transfer: those of all threads, and those of one event loop. Each keeps
            its own deadline; a call with a ``budget`` fetches for itself.
        cache: keep what is fetched to be held in memory, between calls; see :class:`Cache`. None keeps nothing.
        verify: True (certifi's authorities, or those of the environment), False, the path of a PEM file or a folder,
            "system" (the operating system's store), an ``ssl.SSLContext``, or :class:`Pinned`.
        cert: a client certificate: a path, (certificate, key) or (certificate, key, password).
        proxy: the URL of a proxy for everything.
        trust_env: honour the environment's variables for proxies (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY),
            authorities (SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE) and SSLKEYLOGFILE.
        resolver: a function of a host and a port that gives the addresses to connect to, in place of the system's
            resolver; called in a thread of its own, or awaited if it is a coroutine function, which serves the
            asynchronous methods alone. ``access`` judges what it gives. Answers are kept for 10 seconds.
        http2: speak HTTP/2 where the server does; needs the extra ``http2``.
        event_hooks: lists of functions for the events "request" and "response", as in httpx, and "retry", "redirect"
            and "download", which are told of a :class:`RetryEvent`, a :class:`RedirectEvent` and a
            :class:`Downloaded`. Coroutine functions serve the asynchronous methods alone.
        transport: any httpx or httpx2 transport, for the synchronous methods.
        async_transport: any asynchronous httpx or httpx2 transport, for the asynchronous ones.

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
        limits: Limits | None = None,
        retries: RetryPolicy | int = RetryPolicy(),  # noqa: B008 - frozen
        access: AccessPolicy = AccessPolicy.anywhere(),  # noqa: B008 - frozen
        redirects: RedirectPolicy | None = None,
        rate_limit: RateLimit | Sequence[RateLimit] | None = None,
        bandwidth: float | None = None,
        coalesce: bool = False,
        cache: Cache | None = None,
        verify: ssl.SSLContext | Pinned | str | bool = True,
        cert: Certificate | None = None,
        proxy: ProxyLike | None = None,
        trust_env: bool = True,
        resolver: NameResolver | None = None,
        http2: bool = False,
        event_hooks: Mapping[str, Sequence[Callable[..., Any]]] | None = None,
        transport: SyncLike | None = None,
        async_transport: AsyncLike | None = None,
    ) -> None:
        self._options = given(HTTPConnection.__init__, locals())
        require(limits=(limits, Limits | None), access=(access, AccessPolicy))
        require(redirects=(redirects, RedirectPolicy | None))
        require(event_hooks=(event_hooks, Mapping | None))
        require(reuse_client=(reuse_client, bool), trust_env=(trust_env, bool), http2=(http2, bool))
        require(coalesce=(coalesce, bool), cache=(cache, Cache | None))
        builder = RequestBuilder(
            user_agent=f"httpconn/{__version__}" if user_agent is None else user_agent,
            accept_encoding=offered(),
            headers_given=headers,
            access=access,
        )
        hooks = Hooks.of(event_hooks)
        defaults = access.defaults
        limits = limits or defaults.limits
        is_default = timeout is DEFAULT_TIMEOUTS
        timeouts = defaults.timeouts if is_default else _timeouts_of(timeout)
        self._calls = Calls(
            Rules(
                builder,
                limits,
                RetryPolicy.of(retries),
                redirects or defaults.redirects,
                _rates_of(rate_limit, limits),
                hooks,
                bandwidth=bandwidth_of(bandwidth),
                in_flight={} if coalesce else None,
                cache=store_of(cache, access),
            ),
            timeouts,
            # A file takes as long and as much as it takes, unless somebody said otherwise, or its URL is a stranger's.
            file_timeouts=without_total(timeouts) if is_default and not access.public else timeouts,
            file_bytes=limits.max_bytes if access.public else None,
        )
        self._clients = Clients(
            ClientOptions(
                fields=builder.fields,
                timeouts=timeouts,
                limits=limits,
                verify=verify,
                cert=cert,
                proxy=None if proxy is None else checked_proxy(proxy),
                trust_env=trust_env,
                http2=http2,
                hooks=hooks,
                transport=as_sync_transport(transport),
                async_transport=as_async_transport(async_transport),
                access=access,
                names=Names(resolver),
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

    def proxy_for(self, url: URL) -> str | None:
        """Return the URL of the proxy that requests for a URL go through, without user and password.

        Args:
            url: an http or https URL. Nothing is sent.

        Returns:
            The proxy's URL. None for a direct connection, and where ``transport=`` or ``async_transport=`` is given.

        Raises:
            InvalidURL: the URL cannot be fetched.
            InvalidRequest: the option or the variable that names the proxy does not hold the URL of a proxy.
        """
        return self._clients.proxy_for(vet(url).origin)

    def stats(self) -> Stats:
        """What its calls came to so far, on all threads and event loops, and which connections it holds."""
        return stats_of(self._calls.rules.counters, self._clients.pools())

    def close(self) -> None:
        """Close what the synchronous methods opened; what event loops hold is closed by them."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close what the methods awaited in this event loop opened, and what ``close`` does."""
        await self._clients.aclose()

    def __getstate__(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The options, and what a subclass holds beside them."""
        beside = {
            name: value for name, value in self.__dict__.items() if name not in ("_options", "_calls", "_clients")
        }
        return picklable(self._options), beside

    def __setstate__(self, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
        options, beside = state
        # Not that of a subclass, whose arguments are other ones.
        HTTPConnection.__init__(self, **options)
        self.__dict__.update(beside)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


def _rates_of(given: RateLimit | Sequence[RateLimit] | None, limits: Limits) -> RateLimiter | None:
    if given is None:
        return None
    require(rate_limit=(given, RateLimit | list | tuple))
    rates = [given] if isinstance(given, RateLimit) else given
    for each in rates:
        require(rate_limit=(each, RateLimit))
    return RateLimiter(*rates, max_waiting=limits.max_waiting)


def _timeouts_of(timeout: Timeout) -> Timeouts:
    return Timeouts(total=None) if timeout is None else Timeouts.of(timeout)


global_http_connection: HTTPConnection = HTTPConnection(access=access_of(os.environ))
"""The connection that programs share; it opens nothing until it is used. HTTPCONN_ACCESS says what it may fetch."""

atexit.register(global_http_connection.close)
