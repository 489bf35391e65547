"""Connected, secured wires. What is spoken on a wire is not decided here."""

from __future__ import annotations

from typing import Any

from ..core.messages import Request
from ..errors import ConnectFailed
from ..network.dial import Options, dial, dial_unix
from ..network.race import interleaved
from ..network.routes import Route
from ..network.security import Security
from ..network.stream import SocketStream
from ..options import Limits
from ..runtime.runtimes import Runtime
from .tracing import told, traced_timeout
from .tunnels import ConnectTunnel, SocksTunnel, Tunnel


class Connector:
    """Makes the wires of one transport, in two steps: the caller owns the wire as soon as it is connected.

    Args:
        runtime: waits.
        limits: those for the header of a proxy's response.
        security: TLS to origins.
        to_proxies: TLS to proxies that bring no context of their own.
        dialling: how sockets to origins are made.
        proxied: how sockets to proxies are made.
        uds: the path of a Unix socket, which is dialled instead of any host.
    """

    def __init__(
        self,
        runtime: Runtime,
        limits: Limits,
        security: Security,
        to_proxies: Security,
        dialling: Options,
        proxied: Options,
        uds: str | None,
    ) -> None:
        self._runtime = runtime
        self._limits = limits
        self._security = security
        self._to_proxies = to_proxies
        self._dialling = dialling
        self._proxied = proxied
        self._uds = uds

    async def tunnel(self, route: Route, end: float) -> Tunnel | None:
        """Return the tunnel that a new connection needs, or None.

        Raises:
            ConnectFailed: the name of the origin has no address, and is not for the proxy to resolve.
            ConnectTimedOut: the end has come.
        """
        proxy, origin = route.proxy, route.origin
        if proxy is None or route.forwarder is not None:
            return None
        if not proxy.is_socks:
            return ConnectTunnel(proxy, origin, self._limits)
        if proxy.resolves_names:
            return SocksTunnel(proxy, [origin.host], origin.port)
        try:
            found = await self._proxied.guard.found(self._runtime, origin.host, origin.port, end)
        except ConnectFailed as error:
            raise ConnectFailed(f"{error.message}; socks5h:// lets the proxy resolve names") from error.__cause__
        return SocksTunnel(proxy, [str(address.name[0]) for address in interleaved(found)], origin.port)

    async def dial(self, route: Route, end: float) -> SocketStream:
        """Return a wire that is connected to the origin or its proxy.

        Errors as of :func:`httpconn.network.dial.dial`.
        """
        options = self._dialling if route.proxy is None else self._proxied
        if self._uds is not None:
            sock = await dial_unix(self._runtime, self._uds, end, options)
        else:
            sock = await dial(self._runtime, route.dialled.host, route.dialled.port, end, options)
        return SocketStream(sock, self._runtime)

    def described(self, route: Route, end: float) -> tuple[str, dict[str, Any]]:
        """Return the event that reports dialling to a ``trace`` callback, and its values."""
        options = self._dialling if route.proxy is None else self._proxied
        info: dict[str, Any] = {"timeout": traced_timeout(end), "socket_options": options.socket_options}
        if self._uds is not None:
            return "connection.connect_unix_socket", {"path": self._uds, **info}
        prefix = "socks" if route.proxy is not None and route.proxy.is_socks else "connection"
        dialled = {"host": route.dialled.host, "port": route.dialled.port, "local_address": options.local_address}
        return f"{prefix}.connect_tcp", {**dialled, **info}

    async def secure(
        self, socket_stream: SocketStream, request: Request, route: Route, tunnel: Tunnel | None, end: float
    ) -> bool:
        """Make a connected wire one that the request can be sent on.

        Returns:
            Whether it is one. If not, the tunnel needs another connection to the proxy.

        Raises:
            TLSFailed: a handshake failed.
            ProxyFailed: the proxy refused.
            ConnectTimedOut: the end has come.
        """
        proxy, origin = route.proxy, route.origin
        if proxy is not None and proxy.origin.scheme == "https":
            security = proxy.security or self._to_proxies
            await self._start_tls(socket_stream, security, proxy.origin.host, end, request, "connection")
        prefix = "connection" if proxy is None else "socks" if proxy.is_socks else "proxy"
        if tunnel is not None and not await self._opened(socket_stream, tunnel, end, request, prefix):
            return False
        if origin.scheme == "https":
            await self._start_tls(
                socket_stream, self._security, request.server_name or origin.host, end, request, prefix
            )
        return True

    async def _start_tls(
        self, socket_stream: SocketStream, security: Security, name: str, end: float, request: Request, prefix: str
    ) -> None:
        handshake = socket_stream.start_tls(security, name, end)
        if request.trace is not None:
            info = {"ssl_context": security, "server_hostname": name, "timeout": traced_timeout(end)}
            handshake = told(self._runtime, request, f"{prefix}.start_tls", info, handshake, lambda _: socket_stream)
        await handshake

    async def _opened(
        self, socket_stream: SocketStream, tunnel: Tunnel, end: float, request: Request, prefix: str
    ) -> bool:
        opening = tunnel.open(socket_stream, end)
        if request.trace is not None:
            event = "socks.setup_socks5_connection" if prefix == "socks" else "proxy.tunnel"
            opening = told(self._runtime, request, event, {"host": request.origin.host}, opening)
        return await opening
