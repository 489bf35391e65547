"""Tunnels through proxies: HTTP's CONNECT, and SOCKS5."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from ..core.messages import Head, Origin
from ..errors import (
    ConnectTimedOut,
    HeaderTooLarge,
    HTTPConnError,
    ProtocolError,
    ProxyFailed,
    TimedOut,
    TransportError,
    printable,
)
from ..network.proxies import Proxy
from ..network.stream import SocketStream
from ..options import Limits
from .authorization import Authorization
from .http1protocol import HTTP11Connection
from .socks5 import handshake

MAX_READS = 16
"""Reads of the body of a 407, which is not used, before its connection is given up instead."""

_READ_SIZE = 4096
_PHRASE = 60


class Tunnel(Protocol):
    """The steps of one request on the way to its tunnel."""

    async def open(self, socket_stream: SocketStream, end: float) -> bool:
        """Make a wire to the proxy one to the origin.

        Returns:
            Whether it is. If not, another connection to the proxy is needed.

        Raises:
            ProxyFailed: the proxy refuses, breaks its protocol, or ends the connection.
            ConnectTimedOut: the end has come.
        """


class ConnectTunnel:
    """A tunnel by CONNECT (RFC 9110 section 9.3.6). None of the request's own header goes to the proxy."""

    def __init__(self, proxy: Proxy, origin: Origin, limits: Limits) -> None:
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        self._authority = f"{host}:{origin.port}"
        self._proxy = proxy
        self._limits = limits
        self._authorization = Authorization(proxy.auth, "CONNECT", self._authority)

    async def open(self, socket_stream: SocketStream, end: float) -> bool:
        """See :class:`Tunnel`; the rounds of authentication use one connection for as long as the proxy keeps it."""
        limits = self._limits
        http = HTTP11Connection(max_headers=limits.max_headers, max_header_bytes=limits.max_header_bytes)
        while True:
            with _proxy_errors(self._authority):
                head = await self._ask(socket_stream, http, end)
            if 200 <= head.status < 300:
                if http.ahead:
                    raise ProxyFailed(f"The proxy sent data into the tunnel to {self._authority} before the client did")
                return True
            if not self._authorization.follows(head):
                raise self._refusal(head)
            if not await _is_drained(socket_stream, http, end):
                return False

    async def _ask(self, socket_stream: SocketStream, http: HTTP11Connection, end: float) -> Head:
        fields = self._authorization.added_to([], self._proxy.fields)
        await socket_stream.send(http.send_connect(self._authority.encode("ascii", "replace"), fields), end)
        while http.head is None:
            http.receive(await socket_stream.receive_or_break(_READ_SIZE, end))
        return http.head

    def _refusal(self, head: Head) -> ProxyFailed:
        answer = f"{head.status} {printable(head.reason.decode('ascii', 'replace'), _PHRASE)}".rstrip()
        advice = ""
        if head.status == 407:
            missing = self._proxy.auth is None
            advice = "; give user name and password in the proxy's URL" if missing else "; it rejected the credentials"
        return ProxyFailed(f"The proxy refused to connect to {self._authority}: {answer}{advice}", status=head.status)


async def _is_drained(socket_stream: SocketStream, http: HTTP11Connection, end: float) -> bool:
    """Receive the rest of a response; return whether the connection can be used again after it."""
    try:
        for _ in range(MAX_READS):
            http.take_body()
            if http.complete or http.close_delimited:
                break
            http.receive(await socket_stream.receive_or_break(_READ_SIZE, end))
    except (TransportError, ProtocolError, HeaderTooLarge):
        return False
    return http.reusable and socket_stream.is_fresh()


class SocksTunnel:
    """A tunnel by SOCKS5 (RFC 1928).

    Args:
        proxy: the proxy.
        hosts: a name that the proxy resolves, or the addresses to try, in this order.
        port: the origin's.
    """

    def __init__(self, proxy: Proxy, hosts: Iterable[str], port: int) -> None:
        self._hosts = deque(hosts)
        self._port = port
        self._credentials = proxy.credentials

    async def open(self, socket_stream: SocketStream, end: float) -> bool:
        """See :class:`Tunnel`; one address is tried on each connection, since a proxy ends it after a failure."""
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
        """Return the end of this address's equal share of the time that is left."""
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
            received = await _received(socket_stream, count, end)
            try:
                sent, count = steps.send(received)
            except StopIteration:
                return


async def _received(socket_stream: SocketStream, count: int, end: float) -> bytes:
    """Return exactly so many bytes."""
    received = b""
    while len(received) < count:
        data = await socket_stream.receive_or_break(count - len(received), end)
        if not data:
            raise ProxyFailed("The proxy ended the connection during the SOCKS5 handshake")
        received += data
    return received


@contextmanager
def _proxy_errors(destination: str) -> Iterator[None]:
    """Raise what goes wrong between client and proxy as errors of the connecting."""
    try:
        yield
    except TimedOut as error:
        raise ConnectTimedOut(f"The proxy did not connect to {destination} in time") from error
    except ProxyFailed:
        raise
    except (TransportError, ProtocolError, HeaderTooLarge) as error:
        raise _proxy_failed(destination, error) from error


def _proxy_failed(destination: str, error: HTTPConnError) -> ProxyFailed:
    return ProxyFailed(f"The proxy did not connect to {destination}: {error.message}")
