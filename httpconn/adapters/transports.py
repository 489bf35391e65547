"""The base classes of the transports for httpx and httpx2."""

import ssl
from collections.abc import Iterable
from typing import Any, ClassVar, Generic, TypeVar

import httpx

import httpconn

from ..access import AccessPolicy
from ..errors import HTTPConnError, InvalidRequest, MalformedRequest
from ..http.connecting import Connector
from ..http.engine import Engine
from ..network.dial import Options
from ..network.dns import CachingResolver, NameResolver
from ..network.guard import Guard
from ..network.proxies import ProxyLike, require_trusted
from ..network.routes import Routing
from ..network.security import Security
from ..network.tlscontext import ALPN
from ..options import Limits
from ..runtime.interruption import Interruption
from ..runtime.runtimes import BlockingRuntime, EventLoopRuntime, Runtime
from ..runtime.stepping import run_sync
from .floattimeouts import attempt_timeouts_of
from .library import HTTPX, Library
from .messages import request_of, response_of

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
"""The arguments of ``socket.setsockopt``."""

OBSERVED = frozenset({"handle_request", "handle_async_request"})
"""Methods that instrumentation replaces on a single transport object."""


class Transport:
    """A transport of either library."""

    _library: ClassVar[Library]
    _runtime_type: ClassVar[type[Runtime]]

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | Security | None = None,
        limits: Limits | None = None,
        http2: bool = False,
        proxy: ProxyLike | Routing | None = None,
        uds: str | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
        trust_env: bool = True,
        access: AccessPolicy | None = None,
        resolver: NameResolver | None = None,
    ) -> None:
        self.access: AccessPolicy = access or AccessPolicy.anywhere()
        host_resolver = CachingResolver.of(resolver)
        if host_resolver.is_awaited and self._runtime_type is BlockingRuntime:
            raise InvalidRequest("resolver: a coroutine function works in asynchronous calls only")
        guard = self._guard = Guard(self.access, host_resolver)
        to_proxies = Guard(AccessPolicy.anywhere(), host_resolver)  # the caller chose the addresses of the proxies
        if proxy is not None and not isinstance(proxy, Routing):
            require_trusted(self.access)
        limits = limits or Limits()
        security = Security(True, trust_env=trust_env, http2=http2) if ssl_context is None else Security.of(ssl_context)
        options = tuple(socket_options or ())
        if http2:
            security = security.offering(*ALPN)
        runtime = self._runtime = self._runtime_type()
        connector = Connector(
            runtime,
            limits,
            security,
            Security(True, trust_env=trust_env),
            Options(guard, local_address, options),
            Options(to_proxies, local_address, options),
            uds,
        )
        self.engine: Engine = Engine(runtime, limits, guard, connector, Routing.of(proxy), http2=http2)

    async def _exchange(self, request: Any) -> Any:
        library = self._library
        try:
            plain = request_of(request, library)
            self._guard.admit_foreign(plain, userinfo=bool(request.url.userinfo))
            timeouts = attempt_timeouts_of(request.extensions.get("timeout", {}))
            interruption = request.extensions.get("interruption")
            if not isinstance(interruption, Interruption | None):
                raise MalformedRequest("The extension interruption must be an object of httpconn")
            incoming = await self.engine.exchange(plain, timeouts, interruption)
            return response_of(incoming, library, self._runtime, plain)
        except (HTTPConnError, httpx.HTTPError) as error:
            library.raise_own(error, HTTPX)
            raise

    @property
    def stats(self) -> "httpconn.PoolStats":
        """The statistics of the connection pool."""
        return self.engine.stats

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.engine!r}>"


class SyncTransport(Transport, Generic[RequestT, ResponseT]):
    """A transport for threads."""

    _runtime_type = BlockingRuntime

    def handle_request(self, request: RequestT) -> ResponseT:
        """Send a request, and return its response when the head has arrived.

        Raises:
            TransportError: the request failed. The class is that of the library. For httpx, it is also an error of
                httpconn, such as :class:`httpconn.AccessDenied`. For httpx2, the error of httpconn is its cause.
        """
        response: ResponseT = run_sync(self._exchange(request))
        return response

    def close(self) -> None:
        """Close all connections, also those in use. Later requests raise an error."""
        self.engine.close()


class AsyncTransport(Transport, Generic[RequestT, ResponseT]):
    """A transport for the tasks of one event loop."""

    _runtime_type = EventLoopRuntime

    async def handle_async_request(self, request: RequestT) -> ResponseT:
        """Send a request, and return its response when the head has arrived. Errors: see ``SyncTransport``."""
        response: ResponseT = await self._exchange(request)
        return response

    async def aclose(self) -> None:
        """Close all connections, also those in use. It works in a cancelled task. Later requests raise an error."""
        self.engine.close()
