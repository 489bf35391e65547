"""The httpx clients of a connection object: one for all threads and one for each event loop.

The engine and the ports are imported with the first client.
"""

from __future__ import annotations

import http.cookiejar
import inspect
import os
import sys
import warnings
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from ..access import AccessPolicy
from ..core.headers import Fields
from ..core.lazymodules import LazyModule
from ..core.locks import Lock
from ..core.messages import Origin
from ..errors import InvalidRequest
from ..hooks import Hook, Hooks
from ..hosts import Hosts
from ..network.dns import CachingResolver
from ..options import Limits, Timeouts
from ..runtime.forking import renew_in_child

if TYPE_CHECKING:
    from ..network import proxies, routes, security
    from ..network.tlscontext import Certificate
    from ..runtime import events
    from ..stats import PoolStats
    from . import httpxclients
    from .httpxclients import AsyncClient, SyncClient
else:
    names = "proxies", "routes", "security"
    proxies, routes, security = (LazyModule(f"network.{name}") for name in names)
    events, httpxclients = LazyModule("runtime.events"), LazyModule("api.httpxclients")

C = TypeVar("C", "SyncClient", "AsyncClient")


@dataclass(slots=True, eq=False, repr=False)
class ClientOptions:
    """The options of both clients."""

    fields: Fields
    timeouts: Timeouts
    limits: Limits
    verify: security.Verify
    cert: Certificate | None
    proxy: proxies.Proxy | None
    trust_env: bool
    http2: bool
    hooks: Hooks
    transport: httpx.BaseTransport | None
    async_transport: httpx.AsyncBaseTransport | None
    access: AccessPolicy
    names: CachingResolver
    hosts: Hosts
    warned: dict[tuple[str, ...], object] = field(default_factory=dict)  # the invalid NO_PROXY lists that were logged

    def __post_init__(self) -> None:
        if self.proxy is not None or self.hosts.own_proxies:
            proxies.require_trusted(self.access)
        for option, transport in (("transport", self.transport), ("async_transport", self.async_transport)):
            _require_guarded(option, transport, self.access)
        if self.transport or self.async_transport:
            if self.proxy is not None:
                raise InvalidRequest("transport= and proxy= cannot be combined: a transport has its own proxy")
            if self.hosts.routing(None) is not None:
                raise InvalidRequest("transport= cannot be combined with the proxy= or max_connections= of HostOptions")

    def sync_client(self) -> SyncClient:
        self.hooks.require_plain()
        return self._client(httpxclients.SyncClient, self.transport, list)

    def async_client(self) -> AsyncClient:
        return self._client(
            httpxclients.AsyncClient, self.async_transport, lambda hooks: [_awaitable(hook) for hook in hooks]
        )

    def _client(self, kind: type[C], given: Any, hooks_of: Callable[[Sequence[Hook]], list[Hook]]) -> C:
        routing, phases = self._routing(), self.timeouts
        return kind(
            plain=None if given else kind.plain_transport(self._plain_options, routing),
            transport=given or kind.own_transport(proxy=routing, **self._transport_options()),
            event_hooks={"request": hooks_of(self.hooks.request), "response": hooks_of(self.hooks.response)},
            headers=list(self.fields),
            timeout=httpx.Timeout(connect=phases.connect, read=phases.read, write=phases.write, pool=phases.pool),
            cookies=_empty_jar(),
            trust_env=False,
        )

    def _plain_options(self, proxy: proxies.Proxy | None) -> dict[str, Any]:
        """Return the options of a plain httpx client, which makes its own connections, through the proxy if any."""
        limits = self.limits
        return {
            "verify": security.Security(self.verify, self.cert, trust_env=self.trust_env).foreign_context(),
            "proxy": None if proxy is None else proxy.as_httpx(),
            "trust_env": False,
            "limits": httpx.Limits(
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_idle,
                keepalive_expiry=limits.keepalive_expiry,
            ),
            "cookies": _empty_jar(),
        }

    def _transport_options(self) -> dict[str, Any]:
        settings = security.Security(self.verify, self.cert, trust_env=self.trust_env, http2=self.http2)
        return {
            "ssl_context": settings,
            "limits": self.limits,
            "http2": self.http2,
            "trust_env": self.trust_env,
            "access": self.access,
            "resolver": self.names,
        }

    def _routing(self) -> proxies.Proxy | routes.Routing | None:
        """Return the proxy of the caller, the proxies of the environment, or None.

        An explicit proxy replaces the proxies of the environment, as in httpx. A proxy of the environment may reach
        internal addresses, so the environment applies only if the access policy trusts proxies.
        """
        trusted = self.access.trusted_proxy or not self.access.judges_addresses
        if self.trust_env and self.proxy is None and trusted:
            return self.hosts.routing(routes.environment_routing(os.environ, self.warned))
        return self.hosts.routing(self.proxy)

    def proxy_for(self, origin: Origin) -> str | None:
        """Return the URL of an origin's proxy, or None for a direct connection or a caller's transport."""
        if self.transport or self.async_transport:
            return None
        proxy = routes.Routing.of(self._routing()).proxy_for(origin)
        return None if proxy is None else str(proxy.url)


def _empty_jar() -> http.cookiejar.CookieJar:
    return http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))


def _require_guarded(option: str, transport: object, access: AccessPolicy) -> None:
    """Require that the ``access`` of a caller's transport checks addresses if the access policy does."""
    if transport is None or not access.judges_addresses:
        return
    own = getattr(transport, "access", None)
    if not isinstance(own, AccessPolicy) or not own.judges_addresses or own.public < access.public:
        raise InvalidRequest(
            f"{option}= connects to addresses that the access policy cannot check;"
            " give an HTTPTransport or AsyncHTTPTransport with the same access="
        )


def _awaitable(hook: Hook) -> Callable[..., Awaitable[None]]:
    """Return a coroutine function that calls a hook, which may be a plain function."""

    async def called(message: Any) -> None:
        result = hook(message)
        if inspect.isawaitable(result):
            await result

    return called


class Clients:
    """The clients of one connection object.

    Attributes:
        options: the options of the clients.
        reuse: whether calls share a client.
        warns: whether an object that is dropped without ``close`` warns.
    """

    warns = True

    def __init__(self, options: ClientOptions, *, reuse: bool) -> None:
        self.options: ClientOptions = options
        self.reuse = reuse
        self._start()
        renew_in_child(self)

    def _start(self) -> None:
        self._lock = Lock()
        self._sync: SyncClient | None = None
        self._by_loop: dict[object, tuple[AsyncClient, AsyncGenerator[None, None]]] = {}

    def sync_client(self) -> SyncClient:
        """Return the client for threads, or a new one if clients are not reused."""
        if not self.reuse:
            return self.options.sync_client()
        if self._sync is None:
            with self._lock:
                if self._sync is None:
                    self._sync = self.options.sync_client()
        return self._sync

    def current(self) -> AsyncClient | None:
        """Return the existing client of the running event loop, or None."""
        entry = self._by_loop.get(running_loop()) if self.reuse else None
        return None if entry is None else entry[0]

    async def async_client(self) -> AsyncClient:
        """Return the client of the running event loop, or a new one if clients are not reused."""
        if not self.reuse:
            return self.options.async_client()
        token = running_loop()
        entry = self._by_loop.get(token)
        if entry is None:
            self._forget_closed_loops()
            client = self.options.async_client()
            lifetime = _until_the_loop_ends(client, weakref.ref(self), token)
            entry = self._by_loop[token] = client, lifetime
            await anext(lifetime)
        return entry[0]

    def pools(self) -> list[PoolStats]:
        clients: list[SyncClient | AsyncClient] = [entry[0] for entry in list(self._by_loop.values())]
        if self._sync is not None:
            clients.append(self._sync)
        return [pool for client in clients for pool in client.pools]

    def _forget_closed_loops(self) -> None:
        """Remove loops that were closed without closing their generators, as ``loop.close()`` does."""
        for token in list(self._by_loop):
            if getattr(token, "is_closed", bool)():
                self._by_loop.pop(token, None)

    def close(self) -> None:
        """Close the synchronous client. Event loops close their own clients."""
        with self._lock:
            client, self._sync = self._sync, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close the client of the running event loop and the synchronous client."""
        entry = self._by_loop.pop(running_loop(), None)
        if entry is not None:
            await entry[1].aclose()
        self.close()

    def after_fork(self) -> None:
        """Drop the clients in the child of a fork. Their connections belong to the parent, so they are not closed."""
        _inherited.append((self._sync, self._by_loop))
        self._start()

    def __del__(self) -> None:
        # The attributes are missing if __init__ has failed.
        if getattr(self, "_sync", None) is not None or getattr(self, "_by_loop", None):
            if self.warns:
                text = "An HTTPConnection was left open: call close() or use it in a with block"
                warnings.warn(text, ResourceWarning, stacklevel=2)
            self.close()


def running_loop() -> object:
    """Return an object that identifies the running event loop."""
    # Not anyio's token of the event loop, which takes as long to get as a head takes to parse.
    return events.running_asyncio() or sys.modules["trio"].lowlevel.current_trio_token()


async def _until_the_loop_ends(
    client: AsyncClient, owner: weakref.ref[Clients], token: object
) -> AsyncGenerator[None, None]:
    """Close a client at the end of its event loop.

    asyncio and trio close open generators at the end of the loop. At that time, sockets can still be closed.
    """
    import anyio

    try:
        yield
    finally:
        clients = owner()
        if clients is not None:
            clients._by_loop.pop(token, None)
        if client.closes_at_once:  # without anyio, whose code for asyncio takes 2 MB of memory
            await client.aclose()
        else:
            with anyio.move_on_after(1.0, shield=True):
                await client.aclose()


_inherited: list[object] = []
"""The clients of the parent process. This reference keeps them from being closed in the child."""
