"""Tunnels through proxies, by HTTP CONNECT and SOCKS5."""

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import responses

from ..core.messages import Head, Origin
from ..errors import ConnectTimedOut, HeaderTooLarge, ProtocolError, ProxyFailed, TimedOut, TransportError
from ..network.proxies import Proxy
from ..network.stream import SocketStream
from ..options import Limits
from ..runtime.timeouts import AttemptTimeouts
from .forwarding import Authorization
from .http1body import HTTP1Incoming
from .http1protocol import HTTP11Connection
from .socks5 import handshake

_READ_SIZE = 4096


class ConnectTunnel:
    """A tunnel by CONNECT (RFC 9110 section 9.3.6). The proxy receives no header fields of the request."""

    def __init__(self, proxy: Proxy, origin: Origin, limits: Limits) -> None:
        self._authority = origin.authority
        self._proxy = proxy
        self._limits = limits
        self._authorization = Authorization(proxy.auth, "CONNECT", self._authority)

    async def open(self, socket_stream: SocketStream, end: float) -> bool:
        """Open the tunnel. The rounds of authentication share a connection while the proxy keeps it open."""
        limits = self._limits
        http = HTTP11Connection(max_headers=limits.max_headers, max_header_bytes=limits.max_header_bytes)
        while True:
            with _proxy_errors(self._authority):
                head = await self._connect(socket_stream, http, end)
            if 200 <= head.status < 300:
                if http.has_excess:
                    raise ProxyFailed(f"The proxy sent data into the tunnel to {self._authority} before the client did")
                return True
            if not self._authorization.continues_after(head):
                raise self._refusal(head)
            response = HTTP1Incoming(socket_stream, http, head, AttemptTimeouts(at=end), lambda *, reusable: None)
            await response.discard()
            if not (http.is_reusable() and socket_stream.is_fresh()):
                return False

    async def _connect(self, socket_stream: SocketStream, http: HTTP11Connection, end: float) -> Head:
        fields = self._authorization.add_to([], self._proxy.fields)
        await socket_stream.send(http.send_connect(self._authority.encode("ascii", "replace"), fields), end)
        while http.head is None:
            http.receive(await socket_stream.receive(_READ_SIZE, end))
        return http.head

    def _refusal(self, head: Head) -> ProxyFailed:
        # The reason phrase is the proxy's own text and may repeat the credentials. RFC 9110 section 15.1 ignores it.
        status = f"{head.status} {responses.get(head.status, '')}".rstrip()
        advice = ""
        if head.status == 407:
            missing = self._proxy.auth is None
            advice = "; give user name and password in the proxy's URL" if missing else "; it rejected the credentials"
        return ProxyFailed(f"The proxy refused to connect to {self._authority}: {status}{advice}", status=head.status)


class SocksTunnel:
    """A tunnel by SOCKS5 (RFC 1928) to a name that the proxy resolves, or to the first address that it can reach."""

    def __init__(self, proxy: Proxy, hosts: Iterable[str], port: int) -> None:
        self._hosts = deque(hosts)
        self._port = port
        self._credentials = proxy.credentials

    async def open(self, socket_stream: SocketStream, end: float) -> bool:
        """Open the tunnel. Each address needs its own connection, since a proxy closes it after a failure."""
        host = self._hosts.popleft()
        share = self._share(end)
        try:
            with _proxy_errors(f"{host} port {self._port}"):
                await self._shake_hands(socket_stream, host, share)
        except (ProxyFailed, ConnectTimedOut) as error:
            if not self._hosts or not error.retryable:
                raise
            return False
        return True

    def _share(self, end: float) -> float:
        """Return the time limit of this address, which gets an equal share of the time left."""
        if end == math.inf:
            return end
        now = time.monotonic()
        return now + (end - now) / (len(self._hosts) + 1)

    async def _shake_hands(self, socket_stream: SocketStream, host: str, end: float) -> None:
        steps = handshake(host, self._port, self._credentials)
        sent, count = next(steps)
        while True:
            if sent:
                await socket_stream.send(sent, end)
            received = await _receive_exactly(socket_stream, count, end)
            try:
                sent, count = steps.send(received)
            except StopIteration:
                return


Tunnel = ConnectTunnel | SocksTunnel
"""The state of opening one tunnel. ``open`` returns False if it needs another connection to the proxy."""


async def _receive_exactly(socket_stream: SocketStream, count: int, end: float) -> bytes:
    received = b""
    while len(received) < count:
        data = await socket_stream.receive(count - len(received), end)
        if not data:
            raise ProxyFailed("The proxy ended the connection during the SOCKS5 handshake")
        received += data
    return received


@contextmanager
def _proxy_errors(destination: str) -> Iterator[None]:
    """Translate errors between client and proxy to connection errors."""
    try:
        yield
    except TimedOut as error:
        raise ConnectTimedOut(f"The proxy did not connect to {destination} in time") from error
    except ProxyFailed:
        raise
    except (TransportError, ProtocolError, HeaderTooLarge) as error:
        raise ProxyFailed(f"The proxy did not connect to {destination}: {error.message}") from error
