"""The client pair: made on first use, one for threads and one for each event loop, closed with what uses it."""

from __future__ import annotations

import http.cookiejar
import inspect
import os
import sys
import threading
import warnings
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import anyio
import httpx

from ..access import AccessPolicy
from ..adapters.httpx import AsyncHTTPTransport, HTTPTransport
from ..adapters.transports import OBSERVED
from ..core.headers import Fields
from ..core.messages import Origin
from ..errors import InvalidRequest
from ..hooks import Hook, Hooks
from ..http.engine import Engine
from ..network.dns import CachingResolver
from ..network.environment import EnvironmentProxies, EnvironmentRouting, ProxyChoice
from ..network.proxies import Proxy, proxy_of, require_trusted
from ..network.routes import Routing
from ..network.security import Security, Verify
from ..network.tlscontext import Certificate
from ..options import Limits, Timeouts
from ..runtime.events import running_asyncio
from ..runtime.forking import renew_in_child
from ..stats import PoolStats

T = TypeVar("T")

_MAX_ORIGINS = 1024


class _Routing(Generic[T]):
    """The choice of a transport for each origin, made once."""

    _transport_for_url: Callable[[httpx.URL], T]
    _by_origin: dict[Origin, T]
    _event_hooks: dict[str, list[Any]]
    _transport: T

    @property
    def pools(self) -> list[PoolStats]:
        """The connections of its transport, if it has a pool."""
        stats = getattr(self._transport, "stats", None)
        return [stats] if isinstance(stats, PoolStats) else []

    def transport_for(self, origin: Origin) -> T:
        """Return its transport, or the one that a library such as respx puts in its place."""
        found = self._by_origin.get(origin)
        if found is None:
            if len(self._by_origin) >= _MAX_ORIGINS:
                self._by_origin.clear()
            url = httpx.URL(f"{origin.scheme}://{origin.netloc}")
            found = self._by_origin[origin] = self._transport_for_url(url)
        return found

    def engine_for(self, origin: Origin) -> Engine | None:
        """The engine of its transport, where nobody but that has to see the request or the response."""
        transport = self._by_origin.get(origin) or self.transport_for(origin)
        hooks = self._event_hooks
        if hooks["request"] or hooks["response"] or not OBSERVED.isdisjoint(transport.__dict__):
            return None
        return getattr(transport, "engine", None)


class SyncClient(_Routing[httpx.BaseTransport], httpx.Client):
    """An ``httpx.Client`` whose transports can also be used by themselves.

    A request that is handed to one goes as it is: no cookie jar, no auth flow, no redirects, no log line that holds
    the URL's secrets.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._by_origin = {}


class AsyncClient(_Routing[httpx.AsyncBaseTransport], httpx.AsyncClient):
    """The same for event loops."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._by_origin = {}


@dataclass(frozen=True)
class ClientOptions:
    """What both clients are made of."""

    fields: Fields
    timeouts: Timeouts
    limits: Limits
    verify: Verify
    cert: Certificate | None
    proxy: Proxy | None
    trust_env: bool
    http2: bool
    hooks: Hooks
    transport: httpx.BaseTransport | None
    async_transport: httpx.AsyncBaseTransport | None
    access: AccessPolicy
    names: CachingResolver
    environment: EnvironmentProxies = field(default_factory=EnvironmentProxies)

    def __post_init__(self) -> None:
        if self.proxy is not None:
            require_trusted(self.access)
        for option, transport in (("transport", self.transport), ("async_transport", self.async_transport)):
            _require_guarded(option, transport, self.access)
        if self.proxy is not None and (self.transport or self.async_transport):
            raise InvalidRequest("A transport of your own brings its own proxy: give transport= or proxy=, not both")

    def sync_client(self) -> SyncClient:
        """A new client for threads."""
        transport = self.transport or HTTPTransport(proxy=self._routing(), **self._transport_options())
        self.hooks.require_plain()
        hooks = {"request": list(self.hooks.request), "response": list(self.hooks.response)}
        return SyncClient(transport=transport, event_hooks=hooks, **self._client_options())

    def async_client(self) -> AsyncClient:
        """A new client for one event loop."""
        transport = self.async_transport or AsyncHTTPTransport(proxy=self._routing(), **self._transport_options())
        hooks = {
            "request": [_awaitable(hook) for hook in self.hooks.request],
            "response": [_awaitable(hook) for hook in self.hooks.response],
        }
        return AsyncClient(transport=transport, event_hooks=hooks, **self._client_options())

    def _transport_options(self) -> dict[str, Any]:
        security = Security(self.verify, self.cert, trust_env=self.trust_env, http2=self.http2)
        return {
            "ssl_context": security,
            "limits": self.limits,
            "http2": self.http2,
            "trust_env": self.trust_env,
            "access": self.access,
            "resolver": self.names,
        }

    def _routing(self) -> Proxy | Routing | None:
        choice = self._choice()
        return self.proxy if choice is None else EnvironmentRouting(choice)

    def _choice(self) -> ProxyChoice | None:
        """Return the environment's choice of proxies, or None where it does not count.

        An explicit proxy counts alone, as in httpx. The environment's proxies were not set for untrusted URLs, so they
        count only if the policy trusts proxies.
        """
        trusted = self.access.trusted_proxy or not self.access.judges_addresses
        return self.environment.read(os.environ) if self.trust_env and self.proxy is None and trusted else None

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """Return the proxy of an origin, or None for a direct connection or a transport of the caller's.

        Raises:
            InvalidRequest: the option or the variable does not hold the URL of a proxy.
        """
        if self.transport or self.async_transport:
            return None
        if self.proxy is not None:
            return self.proxy
        choice = self._choice()
        variable = choice and choice(origin)
        return variable and proxy_of(variable)

    def _client_options(self) -> dict[str, Any]:
        """What httpx itself is told: nothing of the environment, and a jar that stays empty."""
        phases = {
            "connect": self.timeouts.connect,
            "read": self.timeouts.read,
            "write": self.timeouts.write,
            "pool": self.timeouts.pool,
        }
        jar = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
        return {"headers": list(self.fields), "timeout": httpx.Timeout(**phases), "cookies": jar, "trust_env": False}


def _require_guarded(option: str, transport: object, access: AccessPolicy) -> None:
    """A transport of the caller's dials what it likes, unless it says by its ``access`` that it judges addresses."""
    if transport is None or not access.judges_addresses:
        return
    own = getattr(transport, "access", None)
    if not isinstance(own, AccessPolicy) or not own.judges_addresses or own.public < access.public:
        raise InvalidRequest(
            f"{option}: the access policy cannot judge the addresses that it dials;"
            " give an HTTPTransport or AsyncHTTPTransport that is made with the same access="
        )


def _awaitable(hook: Hook) -> Callable[..., Awaitable[None]]:
    """A plain function serves both clients."""

    async def called(message: Any) -> None:
        result = hook(message)
        if inspect.isawaitable(result):
            await result

    return called


class Clients:
    """Holds the clients of one connection object."""

    def __init__(self, options: ClientOptions, *, reuse: bool) -> None:
        self._options = options
        self.reuse = reuse
        self._start()
        renew_in_child(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._sync: SyncClient | None = None
        self._by_loop: dict[object, tuple[AsyncClient, AsyncGenerator[None, None]]] = {}

    def sync_client(self) -> SyncClient:
        """The client for threads; a new one for each call when clients are not reused."""
        if not self.reuse:
            return self._options.sync_client()
        if self._sync is None:
            with self._lock:
                if self._sync is None:
                    self._sync = self._options.sync_client()
        return self._sync

    def held(self) -> AsyncClient | None:
        """The client that the running event loop has already, if it is to be reused."""
        held = self._by_loop.get(running_loop()) if self.reuse else None
        return None if held is None else held[0]

    async def async_client(self) -> AsyncClient:
        """The client of the running event loop; a new one for each call when clients are not reused."""
        if not self.reuse:
            return self._options.async_client()
        token = running_loop()
        held = self._by_loop.get(token)
        if held is None:
            self._forget_closed_loops()
            client = self._options.async_client()
            lifetime = _until_the_loop_ends(client, weakref.ref(self), token)
            held = self._by_loop[token] = client, lifetime
            await anext(lifetime)
        return held[0]

    def proxy_for(self, origin: Origin) -> str | None:
        """Return the URL of an origin's proxy without its credentials; raises InvalidRequest."""
        proxy = self._options.proxy_for(origin)
        return None if proxy is None else str(proxy.url)

    def pools(self) -> list[PoolStats]:
        """The connections of all clients that are open."""
        clients: list[SyncClient | AsyncClient] = [held[0] for held in list(self._by_loop.values())]
        if self._sync is not None:
            clients.append(self._sync)
        return [pool for client in clients for pool in client.pools]

    def _forget_closed_loops(self) -> None:
        """Loops that were closed without ending their generators, as ``loop.close()`` alone does."""
        for token in list(self._by_loop):
            if getattr(token, "is_closed", bool)():
                self._by_loop.pop(token, None)

    def forget(self, token: object) -> None:
        """The loop has ended."""
        self._by_loop.pop(token, None)

    @property
    def is_open(self) -> bool:
        """Whether a client is held."""
        return self._sync is not None or bool(self._by_loop)

    def close(self) -> None:
        """Close the synchronous client; those of event loops are closed by their loops."""
        with self._lock:
            client, self._sync = self._sync, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close the client of the running event loop, and the others as ``close`` does."""
        held = self._by_loop.pop(running_loop(), None)
        if held is not None:
            await held[1].aclose()
        self.close()

    def after_fork(self) -> None:
        """In the child: the parent's connections are not ours to use or to close; make new ones."""
        _inherited.append((self._sync, self._by_loop))
        self._start()

    def __del__(self) -> None:
        if getattr(self, "_by_loop", None) is not None and self.is_open:  # None: its making failed
            warnings.warn(
                "An HTTPConnection was left open: close() it, or use it in a with block", ResourceWarning, stacklevel=2
            )
            self.close()


def running_loop() -> object:
    """What stands for the event loop that is running."""
    # anyio's token takes as long as reading a header.
    return running_asyncio() or sys.modules["trio"].lowlevel.current_trio_token()


async def _until_the_loop_ends(
    client: AsyncClient, owner: weakref.ref[Clients], token: object
) -> AsyncGenerator[None, None]:
    """Event loops end the generators that are still open when they end, asyncio's and trio's alike.

    So a client that a loop leaves behind is closed while its sockets can still be closed.
    """
    try:
        yield
    finally:
        clients = owner()
        if clients is not None:
            clients.forget(token)
        with anyio.move_on_after(1.0, shield=True):
            await client.aclose()


_inherited: list[object] = []
