"""The way through httpcore's pools: HTTP/2, and proxies."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import httpcore
import httpx

from ..errors import InvalidRequest
from ..http.credentials import PasswordCredentials
from ..options import Limits
from ..stats import PoolStats
from .allowance import until_of
from .backend import AsyncBackend, SyncBackend
from .bodies import AsyncBody, RequestBody, SyncBody
from .gate import Gate, Place
from .guard import Guard
from .leases import AsyncPool, SyncPool
from .logs import keep_secrets
from .messages import are_fields
from .passages import Passage
from .proxies import ProxyLike, checked_proxy
from .routes import Routing
from .runtimes import BlockingRuntime, EventLoopRuntime, Runtime
from .security import Security
from .translation import httpx_errors

VERSIONS = frozenset({b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2"})

OnClose = Callable[[Any], None]


class Pooled(ABC):
    """A gate, a pool behind it, and the bodies that are open; the same for both faces.

    Args:
        limits: connections at once, idle ones, and how long these are kept.
        options: those of httpcore's pools.
    """

    _pool: Any
    _backend: Any

    def __init__(self, runtime: Runtime, limits: Limits, options: dict[str, Any]) -> None:
        keep_secrets()
        self._limits = limits
        self._bracketed = _writes_hosts(options.get("proxy"))
        self._closed = False
        self._exchanges = 0
        self._bodies: set[Any] = set()  # SyncBody or AsyncBody, each of one face
        self._kept = limits.max_idle
        self._gate = Gate(limits, runtime)
        self._options = {
            **options,
            "max_connections": limits.max_connections,
            "max_keepalive_connections": limits.max_connections,  # see _surplus
            "keepalive_expiry": limits.keepalive_expiry,
        }

    def __repr__(self) -> str:
        return repr(self._pool)

    @property
    def stats(self) -> PoolStats:
        """The connections of the pool; requests on one that is shared count as reuse."""
        connections = self._pool.connections
        idle = sum(connection.is_idle() for connection in connections)
        made: int = self._pool.made
        return PoolStats(len(connections), idle, self._gate.waiting, made, max(0, self._exchanges - made))

    def _surplus(self) -> bool:
        """Whether an idle connection is to go: more are idle than are kept, and nobody waits to use one.

        httpcore's own rule counts the busy ones too, and so closes connections just when they are needed.
        """
        return not self._gate.waiting and len(self._pool.connections) - self._gate.held >= self._kept

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """Send, and return as soon as the header is there."""
        url = request.url
        host = url.raw_scheme, url.raw_host, url.port
        place = await self._gate.enter(host, until_of(request.extensions.get("timeout", {}).get("pool")))
        passage = Passage(self._limits)
        self._exchanges += 1
        try:
            if self._closed:
                raise httpx.ConnectError("The transport is closed")
            with httpx_errors(), passage.current():
                response = await self._send(_core_request(request, passage, bracketed=self._bracketed))
        except BaseException:
            passage.discard_unused()
            self._gate.leave(place)
            raise
        if _is_http(response):
            passage.left = _length(request.method, response)
            passage.whole = not passage.left
        body = self._body(response, passage, partial(self._ended, place))
        self._bodies.add(body)
        if not _is_http(response):
            await self._leave(body)
            raise httpx.RemoteProtocolError("The header of the answer is malformed")
        return httpx.Response(response.status, headers=response.headers, stream=body, extensions=response.extensions)

    def _ended(self, place: Place, body: SyncBody | AsyncBody) -> None:
        self._bodies.discard(body)
        self._gate.leave(place)

    @abstractmethod
    async def _send(self, request: httpcore.Request) -> httpcore.Response: ...

    @abstractmethod
    def _body(self, response: httpcore.Response, passage: Passage, on_close: OnClose) -> SyncBody | AsyncBody: ...

    @abstractmethod
    async def _leave(self, body: Any) -> None: ...

    @abstractmethod
    async def close(self) -> None:
        """Close all connections, be they in use; what is asked for later is refused."""


class SyncPooled(Pooled):
    """For threads; ``dialling`` judges what the pool dials, which may be a proxy."""

    def __init__(self, limits: Limits, dialling: Guard, options: dict[str, Any]) -> None:
        super().__init__(BlockingRuntime(), limits, options)
        self._backend = SyncBackend(dialling)
        self._pool = SyncPool(self._surplus, network_backend=self._backend, **self._options)

    async def _send(self, request: httpcore.Request) -> httpcore.Response:
        response: httpcore.Response = self._pool.handle_request(request)
        return response

    def _body(self, response: httpcore.Response, passage: Passage, on_close: OnClose) -> SyncBody:
        return SyncBody(response.stream, passage, on_close)

    async def _leave(self, body: Any) -> None:
        body.close()

    async def close(self) -> None:
        """See :class:`Pooled`."""
        self._closed = True
        with httpx_errors():
            for body in list(self._bodies):
                body.close()
            self._pool.close()
            self._backend.close()


class AsyncPooled(Pooled):
    """For the tasks of one event loop; see :class:`SyncPooled`."""

    def __init__(self, limits: Limits, dialling: Guard, options: dict[str, Any]) -> None:
        super().__init__(EventLoopRuntime(), limits, options)
        self._backend = AsyncBackend(dialling)
        self._pool = AsyncPool(self._surplus, network_backend=self._backend, **self._options)

    async def _send(self, request: httpcore.Request) -> httpcore.Response:
        response: httpcore.Response = await self._pool.handle_async_request(request)
        return response

    def _body(self, response: httpcore.Response, passage: Passage, on_close: OnClose) -> AsyncBody:
        return AsyncBody(response.stream, passage, on_close)

    async def _leave(self, body: Any) -> None:
        await body.aclose()

    async def close(self) -> None:
        """See :class:`Pooled`; also in a cancelled task."""
        self._closed = True
        passage = Passage()
        with anyio.CancelScope(shield=True), httpx_errors(), passage.current():
            for body in list(self._bodies):
                await passage.complete(body.aclose())
            await passage.complete(self._pool.aclose())
            await self._backend.aclose(passage)


def _length(method: str, response: httpcore.Response) -> float:
    """Bytes that follow the header (RFC 9110 section 6.4.1), by HTTP/2 mostly in the same breath."""
    if method == "HEAD" or response.status in (204, 304):
        return 0
    lengths = [value for name, value in response.headers if name.lower() == b"content-length"]
    return int(lengths[0]) if len(lengths) == 1 and lengths[0].isdigit() and len(lengths[0]) < 19 else math.inf


def _is_http(response: httpcore.Response) -> bool:
    """Whether its status is a final one (RFC 9110 section 15), its version exists, and its fields are fields.

    h11 takes any status and version; for HTTP/2, httpcore has h2 take any field.
    """
    known = 200 <= response.status <= 999 and response.extensions.get("http_version") in VERSIONS
    return known and are_fields(response.headers)


def _writes_hosts(proxy: httpcore.Proxy | None) -> bool:
    """Whether httpcore writes the host into text for a proxy, and not into SOCKS's bytes."""
    return proxy is not None and not proxy.url.scheme.startswith(b"socks")


def core_proxy(proxy: ProxyLike | Routing, *, trust_env: bool) -> httpcore.Proxy:
    """Return httpcore's form of a proxy; raises InvalidRequest."""
    if isinstance(proxy, Routing):
        raise InvalidRequest("proxy: HTTP/2 has one proxy for each transport")
    checked = checked_proxy(proxy)
    security = None
    if checked.origin.scheme == "https":
        security = checked.security or Security(True, trust_env=trust_env)
    credentials = checked.auth.raw if isinstance(checked.auth, PasswordCredentials) else checked.credentials
    url = httpcore.URL(scheme=checked.url.raw_scheme, host=checked.url.raw_host, port=checked.url.port, target=b"/")
    context: Any = security  # of which httpcore asks one method
    return httpcore.Proxy(url, auth=credentials, headers=checked.fields, ssl_context=context)


def _core_request(request: httpx.Request, passage: Passage, *, bracketed: bool) -> httpcore.Request:
    """httpx's request as httpcore's.

    httpcore writes an IPv6 address without the brackets that a URL and CONNECT need (RFC 9110 section 7.1): 2001::1
    on port 81 would be 2001::1:81. The extension ``target`` goes into the URL: httpcore would apply it to what it
    sends to a proxy, too. Of a method it says TypeError.
    """
    if not request.method.isascii():
        raise httpx.LocalProtocolError("The method of the request is invalid")
    url = request.url
    host = b"[%b]" % url.raw_host if bracketed and b":" in url.raw_host else url.raw_host
    extensions = dict(request.extensions)
    target = extensions.pop("target", url.raw_path)
    stream = request.stream
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=host, port=url.port, target=target),
        headers=request.headers.raw,
        content=stream if isinstance(stream, httpx.ByteStream) else RequestBody(stream, passage),
        extensions=extensions,
    )
