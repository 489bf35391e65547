"""New connections: dialling, proxies, tunnels and TLS. The HTTP version is decided in the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.lazymodules import LazyModule
from ..core.messages import Origin, Request
from ..core.remembered import Remembered
from ..errors import ConnectFailed, ConnectTimedOut
from ..network.dial import Options, dial, dial_unix
from ..network.proxies import Proxy
from ..network.race import interleaved
from ..network.routes import Route
from ..network.security import Security
from ..network.stream import SocketStream
from ..options import Limits
from ..runtime.runtimes import Runtime
from .tracing import trace_step, traced_timeout

if TYPE_CHECKING:
    from . import tunnels
else:
    tunnels = LazyModule("http.tunnels")


@dataclass(eq=False, repr=False)
class Connector:
    """The maker of one transport's connections, in two steps: the caller can close a connection that ``dial`` made."""

    runtime: Runtime
    limits: Limits
    security: Security
    proxy_security: Security  # TLS settings for proxies without their own SSL context
    origin_options: Options
    proxy_options: Options
    uds: str | None  # the path of a Unix domain socket to dial instead of the host, or None
    # The origins to which HTTP/2 is not offered.
    without_http2: Remembered[Origin, bool] = field(default_factory=Remembered, init=False)

    def __post_init__(self) -> None:
        self._http1_security = self.security.offering("http/1.1")

    async def tunnel(self, route: Route, end: float) -> tunnels.Tunnel | None:
        proxy, origin = route.proxy, route.origin
        if proxy is None or route.forwarder is not None:
            return None
        if not proxy.is_socks:
            return tunnels.ConnectTunnel(proxy, origin, self.limits)
        if proxy.resolves_names:
            return tunnels.SocksTunnel(proxy, [origin.host], origin.port)
        try:
            found = await self.proxy_options.guard.found(self.runtime, origin.host, origin.port, end)
        except ConnectFailed as error:
            raise ConnectFailed(f"{error.message}; socks5h:// lets the proxy resolve names") from error.__cause__
        return tunnels.SocksTunnel(proxy, [str(address.name[0]) for address in interleaved(found)], origin.port)

    async def dial(self, route: Route, end: float) -> SocketStream:
        options = self.origin_options if route.proxy is None else self.proxy_options
        with _naming(route.proxy):
            if self.uds is not None:
                sock = await dial_unix(self.runtime, self.uds, end, options)
            else:
                sock = await dial(self.runtime, route.dialled.host, route.dialled.port, end, options)
        return SocketStream(sock, self.runtime)

    def dial_event(self, route: Route, end: float) -> tuple[str, dict[str, Any]]:
        """Return the name and the values of the ``trace`` event for dialling."""
        options = self.origin_options if route.proxy is None else self.proxy_options
        info: dict[str, Any] = {"timeout": traced_timeout(end), "socket_options": options.socket_options}
        if self.uds is not None:
            return "connection.connect_unix_socket", {"path": self.uds, **info}
        prefix = "socks" if route.proxy is not None and route.proxy.is_socks else "connection"
        dialled = {"host": route.dialled.host, "port": route.dialled.port, "local_address": options.local_address}
        return f"{prefix}.connect_tcp", {**dialled, **info}

    async def secure(
        self, socket_stream: SocketStream, request: Request, route: Route, tunnel: tunnels.Tunnel | None, end: float
    ) -> bool:
        """Open the tunnel and do the TLS handshakes. Return False if the tunnel needs another connection."""
        proxy, origin = route.proxy, route.origin
        if proxy is not None and proxy.origin.scheme == "https":
            security = proxy.security or self.proxy_security
            with _naming(proxy):
                await self._start_tls(socket_stream, security, proxy.origin.host, end, request, "connection")
        prefix = "connection" if proxy is None else "socks" if proxy.is_socks else "proxy"
        if tunnel is not None:
            event = "socks.setup_socks5_connection" if prefix == "socks" else "proxy.tunnel"
            opening = tunnel.open(socket_stream, end)
            if not await trace_step(self.runtime, request, event, {"host": origin.host}, opening):
                return False
        if origin.scheme == "https":
            name = request.server_name or origin.host
            security = self._http1_security if origin in self.without_http2 else self.security
            await self._start_tls(socket_stream, security, name, end, request, prefix)
        return True

    async def _start_tls(
        self, socket_stream: SocketStream, security: Security, name: str, end: float, request: Request, prefix: str
    ) -> None:
        info = {"ssl_context": security, "server_hostname": name, "timeout": traced_timeout(end)}
        handshake = socket_stream.start_tls(security, name, end)
        await trace_step(self.runtime, request, f"{prefix}.start_tls", info, handshake, lambda _: socket_stream)


@contextmanager
def _naming(proxy: Proxy | None) -> Iterator[None]:
    """State in an error that the connection was to a proxy, because the error names the URL of the server."""
    try:
        yield
    except (ConnectFailed, ConnectTimedOut) as error:
        if proxy is not None:
            error.message = f"The proxy could not be reached: {error.message}"
            error.args = (error.message,)
        raise
