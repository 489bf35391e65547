"""Connected, secured wires. What is spoken on a wire is not decided here."""

from __future__ import annotations

from ..core.messages import Origin, Request
from .dial import Options, dial, dial_unix
from .runtimes import Runtime
from .security import Security
from .tracing import traced
from .wire import Wire


class Connector:
    """Makes the wires of one transport, in two steps: the caller owns the wire as soon as it is connected.

    Args:
        runtime: waits.
        security: TLS to origins.
        dialling: how sockets are made.
        uds: the path of a Unix socket, which is dialled instead of any host.
    """

    def __init__(self, runtime: Runtime, security: Security, dialling: Options, uds: str | None) -> None:
        self._runtime = runtime
        self._security = security
        self._dialling = dialling
        self._uds = uds

    async def dial(self, origin: Origin, end: float) -> Wire:
        """Return a connected wire; errors as of :func:`httpconn.transport.dial.dial`."""
        if self._uds is not None:
            sock = await dial_unix(self._runtime, self._uds, end, self._dialling)
        else:
            sock = await dial(self._runtime, origin.host, origin.port, end, self._dialling)
        return Wire(sock, self._runtime)

    async def secure(self, wire: Wire, request: Request, end: float) -> None:
        """Make a connected wire one that the request can be sent on.

        Raises:
            TLSFailed: the handshake failed.
            ConnectTimedOut: the end has come.
        """
        origin = request.origin
        if origin.scheme == "https":
            handshake = wire.start_tls(self._security, request.server_name or origin.host, end)
            await traced(self._runtime, request, "connection.start_tls", handshake)
