"""HTTPConnection, the class with all methods, and the global connection object."""

from __future__ import annotations

import atexit
import copy
import os
import ssl
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import httpx

import httpconn

from ._version import __version__
from .access import AccessPolicy, access_of
from .adapters.foreign import AsyncLike, SyncLike, as_httpx_transport
from .api.arguments import CallFactory, Headers, Timeout, bandwidth_of, require
from .api.clients import ClientOptions, Clients
from .api.downloading import Downloading
from .api.opening import Opening
from .api.requesting import Requesting
from .core.auth import NONE, Auth, credentials_of
from .core.decoding import offered
from .core.lazymodules import LazyModule
from .core.rates import RateLimiter
from .core.requestbuilder import RequestBuilder
from .core.urls import URL, vet
from .errors import InvalidRequest
from .exchange.rules import Rules, Screen
from .hooks import Hooks
from .hosts import HostOptions, Hosts
from .network.dns import CachingResolver, NameResolver
from .options import Limits, RateLimit, RedirectPolicy, RetryPolicy, Timeouts, rate_limits

if TYPE_CHECKING:
    from .core.caching import Store
    from .network import proxies, tlscontext
else:
    proxies, tlscontext = LazyModule("network.proxies"), LazyModule("network.tlscontext")

DEFAULT_TIMEOUTS = Timeouts()
_HINTS = {
    "verify": 'give the path of a PEM file, or "system"',
    "event_hooks": "give functions that are defined in a module",
    "resolver": "give a function that is defined in a module",
}


class HTTPConnection(Requesting, Downloading, Opening):
    """A connection object, which fetches bytes, text, JSON and files in synchronous code, asyncio and trio.

    One object serves any number of threads, event loops and forked processes at the same time. It opens connections
    when a call needs them. Close it with ``close`` or ``aclose``, or use it in a ``with`` or ``async with`` block. A
    closed object can be used again; it then opens new connections.

    Pickling a connection object pickles its options. The receiving process opens its own connections.

    Args:
        reuse_client: keep connections between calls. With False, each call makes and closes its own client.
        user_agent: the User-Agent. The default is ``httpconn/VERSION``.
        headers: header fields for every request. Those of a call replace them. A redirect or a mirror on another
            origin does not get them.
        auth: credentials for each call: (user, password), :class:`Bearer`, an ``httpx.Auth`` such as
            ``httpx.DigestAuth``, or "netrc". Redirects and mirrors on other origins do not get them. "netrc" sends the
            passwords of the file ``~/.netrc`` (or NETRC) to their hosts, also after redirects.
        hosts: a :class:`HostOptions` for each pattern of hosts, as in :class:`AccessPolicy`: a name, an address, or
            ``*.example.com``. The longest pattern that matches a host wins.
        timeout: seconds for each call as a whole, or :class:`Timeouts`. The default depends on ``access``.
        limits: see :class:`Limits`. The default depends on ``access``.
        retries: number of retries (default 2), or :class:`RetryPolicy`.
        access: the URLs that may be fetched. See :class:`AccessPolicy`.
        redirects: see :class:`RedirectPolicy`. The default depends on ``access``.
        rate_limit: limit for the number of requests per second: one :class:`RateLimit`, or several that all apply.
        bandwidth: bytes per second of all bodies together, before content decoding. None means no limit.
        coalesce: share one transfer between equal calls of ``get_bytes``, ``get_text`` and ``get_json`` that run at the
            same time. Equal calls have the same URL, headers and limits. Calls of all threads can share a transfer,
            and so can calls of one event loop. Each call keeps its own deadline. Calls with a ``budget`` share nothing.
        cache: keep the responses of ``get_bytes``, ``get_text`` and ``get_json`` between calls. See :class:`Cache`.
        verify: the certificate authorities to trust. True means those of certifi or of the environment, and "system"
            those of the operating system. False disables verification. The path of a PEM file or a folder, an
            ``ssl.SSLContext`` and :class:`Pinned` are also accepted.
        cert: a client certificate: a path, (certificate, key) or (certificate, key, password).
        proxy: the URL of a proxy for all requests.
        trust_env: use the environment variables for proxies (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY),
            certificate authorities (SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE) and SSLKEYLOGFILE.
        resolver: a function that gets a host and a port and returns addresses. It replaces the system's resolver. A
            thread calls it; a coroutine function is awaited and works only with the asynchronous methods. ``access``
            checks the addresses. They are cached for 10 seconds.
        http2: use HTTP/2 with https servers that support it.
        event_hooks: lists of functions for the events "request" and "response", as in httpx, and for "retry",
            "redirect" and "download". The last three get a :class:`RetryEvent`, a :class:`RedirectEvent`
            or a :class:`Downloaded`. Coroutine functions work only with the asynchronous methods.
        transport: an httpx or httpx2 transport for the synchronous methods.
        async_transport: an asynchronous httpx or httpx2 transport for the asynchronous methods.

    Raises:
        InvalidRequest: an option is not valid.
    """

    def __init__(
        self,
        *,
        reuse_client: bool = True,
        user_agent: str | None = None,
        headers: Headers = None,
        auth: Auth | None = None,
        hosts: Mapping[str, HostOptions] | None = None,
        timeout: Timeout = DEFAULT_TIMEOUTS,
        limits: Limits | None = None,
        retries: RetryPolicy | int = RetryPolicy(),  # noqa: B008 - frozen
        access: AccessPolicy = AccessPolicy.anywhere(),  # noqa: B008 - frozen
        redirects: RedirectPolicy | None = None,
        rate_limit: RateLimit | Sequence[RateLimit] | None = None,
        bandwidth: float | None = None,
        coalesce: bool = False,
        cache: httpconn.Cache | None = None,
        verify: ssl.SSLContext | httpconn.Pinned | str | bool = True,
        cert: tlscontext.Certificate | None = None,
        proxy: proxies.ProxyLike | None = None,
        trust_env: bool = True,
        resolver: NameResolver | None = None,
        http2: bool = False,
        event_hooks: Mapping[str, Sequence[Callable[..., Any]]] | None = None,
        transport: SyncLike | None = None,
        async_transport: AsyncLike | None = None,
    ) -> None:
        self._options = _explicit_options(locals())
        require(limits=(limits, Limits | None), access=(access, AccessPolicy))
        require(redirects=(redirects, RedirectPolicy | None), event_hooks=(event_hooks, Mapping | None))
        require(reuse_client=(reuse_client, bool), trust_env=(trust_env, bool), http2=(http2, bool))
        require(coalesce=(coalesce, bool))
        own = Hosts(hosts, auth)
        builder = _builder_of(user_agent, headers, access, auth, own)
        hooks = Hooks.of(event_hooks)
        limits = limits or access.defaults.limits
        timeouts = _timeouts_of(timeout, access)
        rules = Rules(
            builder,
            limits,
            RetryPolicy.of(retries),
            redirects or access.defaults.redirects,
            _rates_of(rate_limit, limits, own),
            hooks,
            bandwidth=bandwidth_of(bandwidth),
            in_flight={} if coalesce else None,
            cache=_store_of(cache, access),
            limit_for=own.limit_for,
        )
        self._calls = CallFactory.of(rules, timeouts, own, access, is_default=timeout is DEFAULT_TIMEOUTS)
        options = ClientOptions(
            fields=builder.fields,
            timeouts=timeouts,
            limits=limits,
            verify=verify,
            cert=cert,
            proxy=None if proxy is None else proxies.checked_proxy(proxy),
            trust_env=trust_env,
            http2=http2,
            hooks=hooks,
            transport=as_httpx_transport("transport", transport, httpx.BaseTransport),
            async_transport=as_httpx_transport("async_transport", async_transport, httpx.AsyncBaseTransport),
            access=access,
            names=CachingResolver(resolver),
            hosts=own,
        )
        self._clients = Clients(options, reuse=reuse_client)

    @property
    def reuse_client(self) -> bool:
        """Whether clients are kept between calls. It can be assigned; open clients stay open until ``close``."""
        return self._clients.reuse

    @reuse_client.setter
    def reuse_client(self, reuse: bool) -> None:
        require(reuse_client=(reuse, bool))
        self._options["reuse_client"] = self._clients.reuse = reuse

    @property
    def retries(self) -> RetryPolicy:
        """The retry policy. It can be assigned, also as a number of retries; each new call uses the assigned value."""
        return self._calls.rules.retries

    @retries.setter
    def retries(self, retries: RetryPolicy | int) -> None:
        rules = replace(self._calls.rules, retries=RetryPolicy.of(retries))
        self._calls = replace(self._calls, rules=rules)
        self._options["retries"] = retries

    def _screened(self, screen: Screen) -> Self:
        """Return an object that checks each request and response, and shares everything else with this object."""
        screened = object.__new__(type(self))
        screened.__dict__ |= self.__dict__
        screened._calls = replace(self._calls, rules=replace(self._calls.rules, screen=screen))
        return screened

    def get_sync_client(self) -> httpx.Client:
        """Return the ``httpx.Client`` of the synchronous methods, or a new one with ``reuse_client=False``.

        The caller closes a new client.
        """
        return self._clients.sync_client()

    async def get_async_client(self) -> httpx.AsyncClient:
        """Return the ``httpx.AsyncClient`` of this event loop, or a new one with ``reuse_client=False``.

        The caller closes a new client.
        """
        return await self._clients.async_client()

    def proxy_for(self, url: URL) -> str | None:
        """Return the URL of the proxy for requests to a URL, without user and password. No request is sent.

        Args:
            url: an http or https URL.

        Returns:
            The URL of the proxy. None for a direct connection, and with ``transport=`` or ``async_transport=``.

        Raises:
            InvalidURL: the URL is not a valid http or https URL.
            InvalidRequest: the value of ``proxy`` or of an environment variable is not the URL of a proxy.
        """
        return self._clients.options.proxy_for(vet(url).origin)

    def stats(self) -> httpconn.Stats:
        """Return the metrics of all calls so far, on all threads and event loops, and of the open connections."""
        from .stats import stats_of

        return stats_of(self._calls.rules.counters, self._clients.pools())

    def close(self) -> None:
        """Close the connections of the synchronous methods. Each event loop closes its own connections."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close the connections of the synchronous methods and of this event loop."""
        await self._clients.aclose()

    def __getstate__(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the options and the attributes that a subclass added."""
        own = ("_options", "_calls", "_clients")
        return _picklable(self._options), {name: value for name, value in self.__dict__.items() if name not in own}

    def __setstate__(self, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
        options, attributes = state
        # The __init__ of a subclass may have other arguments.
        HTTPConnection.__init__(self, **options)
        self._clients.warns = False  # each task of a process pool unpickles an object and drops it
        self.__dict__.update(attributes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


def _builder_of(
    user_agent: str | None, headers: Headers, access: AccessPolicy, auth: Auth | None, hosts: Hosts
) -> RequestBuilder:
    return RequestBuilder(
        user_agent=f"httpconn/{__version__}" if user_agent is None else user_agent,
        accept_encoding=offered(),
        headers_given=headers,
        access=access,
        auth=NONE if auth == "netrc" else credentials_of(auth),
        of_host=hosts.finds_credentials,
    )


def _store_of(cache: httpconn.Cache | None, access: AccessPolicy) -> Store | None:
    if cache is None:
        return None
    from .cache import store_of

    require(cache=(cache, httpconn.Cache))
    return store_of(cache, access)


def _rates_of(given: RateLimit | Sequence[RateLimit] | None, limits: Limits, hosts: Hosts) -> RateLimiter | None:
    if given is None and not any(hosts.rate_limits.values()):
        return None
    return RateLimiter(*rate_limits(given), max_waiting=limits.max_waiting, hosts=hosts.rate_limits)


def _timeouts_of(timeout: Timeout, access: AccessPolicy) -> Timeouts:
    if timeout is DEFAULT_TIMEOUTS:
        return access.defaults.timeouts
    return Timeouts(total=None) if timeout is None else Timeouts.of(timeout)


def _explicit_options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a new connection object that differ from the defaults."""
    defaults: Mapping[str, Any] = getattr(HTTPConnection.__init__, "__kwdefaults__", {})
    return {name: _snapshot(arguments[name]) for name, default in defaults.items() if arguments[name] is not default}


def _snapshot(value: Any) -> Any:
    """Copy a container, so that later changes by the caller do not affect the pickle."""
    if isinstance(value, dict):
        return {key: _snapshot(item) for key, item in value.items()}
    if isinstance(value, list):
        return [*value]
    return copy.deepcopy(value) if isinstance(value, MutableMapping) else value


def _picklable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as a dict for pickling."""
    import pickle

    # Dask, Ray, Spark and joblib have a copy of cloudpickle each. It can pickle functions of a notebook, too.
    modules = [module for name, module in list(sys.modules.items()) if name.endswith("cloudpickle")]
    pickler: Any = next((module for module in modules if hasattr(module, "dumps")), pickle)
    for name, value in options.items():
        try:
            pickler.dumps(value)
        except Exception as error:
            hint = _HINTS.get(name, "create the connection object in the process that uses it")
            raise InvalidRequest(f"A connection with this {name}= cannot be pickled: {hint}") from error
    return dict(options)


global_http_connection: HTTPConnection = HTTPConnection(access=access_of(os.environ))
"""A connection object that all code of a program can share. The variable HTTPCONN_ACCESS sets its access policy."""

atexit.register(global_http_connection.close)
