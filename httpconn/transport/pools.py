"""The pair of httpx transports, over httpcore's pools and our own dialling."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import anyio
import httpcore
import httpx

from ..options import Limits
from ..stepping import run_sync
from .backend import AsyncBackend, SyncBackend
from .bodies import AsyncBody, DirectBody, SyncBody
from .calls import Call
from .dial import Options
from .engine import Engine
from .gate import AsyncGate, SyncGate
from .leases import AsyncPool, SyncPool
from .logs import keep_secrets
from .proxies import ProxyLike, core_proxy, require
from .runtimes import BlockingRuntime, EventLoopRuntime
from .tls import tls_context
from .translation import httpx_errors


class _Transport(ABC):
    """The options, and a request's way; the same for both transports."""

    _runtime_type: ClassVar[type[Any]]
    _gate_type: ClassVar[type[Any]]
    _backend_type: ClassVar[type[Any]]
    _pool_type: ClassVar[type[Any]]
    _body_type: ClassVar[type[Any]]

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        http2: bool = False,
        proxy: ProxyLike | None = None,
        uds: str | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> None:
        if http2:
            require("h2", option="http2", extra="http2")
        limits = limits or Limits()
        ssl_context = ssl_context or tls_context(True, None, trust_env=True, http2=http2)
        options = None if socket_options is None else tuple(socket_options)
        # HTTP/2 and proxies are httpcore's; everything else goes the direct way.
        self._engine: Engine | None = None
        if not http2 and proxy is None:
            dialling = Options(local_address, options or ())
            self._engine = Engine(self._runtime_type(), limits, ssl_context, dialling, uds)
            return
        keep_secrets()
        self._closed = False
        self._bodies: set[Any] = set()
        self._kept = limits.max_keepalive_connections
        self._gate = self._gate_type(limits.max_connections)
        self._backend = self._backend_type()
        self._pool = self._pool_type(
            self._surplus,
            network_backend=self._backend,
            ssl_context=ssl_context,
            proxy=None if proxy is None else core_proxy(proxy),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_connections,  # see _surplus
            keepalive_expiry=limits.keepalive_expiry,
            http2=http2,
            uds=uds,
            local_address=local_address,
            socket_options=options,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._pool if self._engine is None else self._engine!r}>"

    def _surplus(self) -> bool:
        """Whether an idle connection is to go: more are idle than are kept, and nobody waits to use one.

        httpcore's own rule counts the busy ones too, and so closes connections just when they are needed.
        """
        return not self._gate.waiting and len(self._pool.connections) - self._gate.held >= self._kept

    async def _direct(self, engine: Engine, request: httpx.Request) -> httpx.Response:
        with httpx_errors():
            head, body = await engine.exchange(request)
        extensions = {"http_version": head.version, "reason_phrase": head.reason, "network_stream": body}
        return httpx.Response(head.status, headers=head.headers, stream=DirectBody(body), extensions=extensions)

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        if self._engine is not None:
            return await self._direct(self._engine, request)
        await self._gate.enter(request.extensions.get("timeout", {}).get("pool"))
        call = Call()
        try:
            if self._closed:
                raise httpx.ConnectError("The transport is closed")
            with httpx_errors(), call.current():
                response = await self._send(_core_request(request))
        except BaseException:
            call.discard_unused()
            self._gate.leave()
            raise
        body = self._body_type(response.stream, call, self._ended)
        self._bodies.add(body)
        return httpx.Response(response.status, headers=response.headers, stream=body, extensions=response.extensions)

    def _ended(self, body: Any) -> None:
        self._bodies.discard(body)
        self._gate.leave()

    @abstractmethod
    async def _send(self, request: httpcore.Request) -> httpcore.Response: ...


class HTTPTransport(_Transport, httpx.BaseTransport):
    """For ``httpx.Client``.

    Args:
        ssl_context: for all connections; None for the verifying context that the process shares.
        limits: connections at once, idle ones, and how long these are kept.
        http2: offer HTTP/2; ``max_connections`` then bounds the requests that run at once.
        proxy: http, https, socks5 or socks5h; credentials in the URL are used.
        uds: path of a Unix socket, dialled instead of any host.
        local_address: the address to connect from.
        socket_options: as ``socket.setsockopt`` takes them.

    Raises:
        InvalidRequest: the proxy is none, or an optional package is missing.
    """

    _runtime_type = BlockingRuntime
    _gate_type = SyncGate
    _backend_type = SyncBackend
    _pool_type = SyncPool
    _body_type = SyncBody

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return as soon as the header is there; raises ``httpx.TransportError``."""
        return run_sync(self._exchange(request))

    def close(self) -> None:
        """Close all connections, be they in use; what is asked for later is refused."""
        if self._engine is not None:
            self._engine.close()
            return
        self._closed = True
        with httpx_errors():
            for body in list(self._bodies):
                body.close()
            self._pool.close()
            self._backend.close()

    async def _send(self, request: httpcore.Request) -> httpcore.Response:
        response: httpcore.Response = self._pool.handle_request(request)
        return response


class AsyncHTTPTransport(_Transport, httpx.AsyncBaseTransport):
    """For ``httpx.AsyncClient``, on asyncio and trio; one for each event loop. See :class:`HTTPTransport`."""

    _runtime_type = EventLoopRuntime
    _gate_type = AsyncGate
    _backend_type = AsyncBackend
    _pool_type = AsyncPool
    _body_type = AsyncBody

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return as soon as the header is there; raises ``httpx.TransportError``."""
        return await self._exchange(request)

    async def aclose(self) -> None:
        """The same, also in a cancelled task."""
        if self._engine is not None:
            self._engine.close()
            return
        self._closed = True
        call = Call()
        with anyio.CancelScope(shield=True), httpx_errors(), call.current():
            for body in list(self._bodies):
                await call.complete(body.aclose())
            await call.complete(self._pool.aclose())
            await self._backend.aclose(call)

    async def _send(self, request: httpcore.Request) -> httpcore.Response:
        response: httpcore.Response = await self._pool.handle_async_request(request)
        return response


def _core_request(request: httpx.Request) -> httpcore.Request:
    """httpx's request as httpcore's.

    The extension ``target`` goes into the URL: httpcore would apply it to what it sends to a proxy, too.
    """
    url = request.url
    extensions = dict(request.extensions)
    target = extensions.pop("target", url.raw_path)
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=target),
        headers=request.headers.raw,
        content=request.stream,
        extensions=extensions,
    )
