"""A connected socket, TLS or not, the same for all runtimes: it never blocks, and its runtime waits for it."""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from ..errors import (
    ConnectFailed,
    ConnectTimedOut,
    HTTPConnError,
    InvalidRequest,
    ReadFailed,
    ReadTimedOut,
    TLSFailed,
    WriteFailed,
    WriteTimedOut,
)
from ..runtime.forking import in_child
from ..runtime.readiness import BLOCKED_READ
from ..runtime.runtimes import Runtime
from ..runtime.timeouts import seconds_left, until
from .filling import FILL_TIME, BufferFill
from .security import Security
from .tlsstream import TLSStream

BURST = 1024 * 1024
"""Bytes after which others get their turn though more could be received at once."""

FILL_WAIT = 0.1
"""Seconds until what has come of a bufferful is handed on: who counts it has limits to keep."""

PORTION = 64 * 1024
"""Bytes of a large body that have the whole write timeout to themselves."""

T = TypeVar("T", bytes, int)
Waiting = Callable[[Callable[[], T], float | None], Awaitable[T]]

BROKEN = (OSError, ValueError)
"""What an operation raises when it fails. ValueError: Python's, for a TLS socket closed meanwhile, or a bad name."""


class SocketStream:
    """Sends and receives. What has to be waited for ends at a moment of ``time.monotonic()``; inf is no end."""

    __slots__ = (
        "_burst",
        "_closed",
        "_failure",
        "_poll",
        "_readiness",
        "_receiving",
        "_runtime",
        "_sending",
        "_since",
        "_socket",
        "_tls",
        "_transport",
        "_unsent",
    )

    def __init__(self, sock: socket.socket, runtime: Runtime) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._tls: TLSStream | None = None
        self._transport: socket.socket | TLSStream = sock
        self._runtime = runtime
        self._readiness = runtime.readiness(sock)
        self._burst = 0
        self._since = time.monotonic()
        self._closed = False
        self._failure: str = ""
        self._poll = _poll(sock)
        self._receiving = False
        self._sending = False
        self._unsent: bytes | memoryview = b""
        _open.add(weakref.ref(sock, _open.discard))

    async def receive(self, max_bytes: int, end: float) -> bytes:
        """What has come, or what comes next; empty at the end. An interruption loses nothing."""
        try:
            seconds_left(end)
        except TimeoutError as error:
            raise translated(error, ReadTimedOut, ReadFailed) from error
        return await self._received(partial(self._transport.recv, max_bytes), end, self._ready, look=True)

    def receive_or_break(self, max_bytes: int, end: float, *, look: bool = True) -> Coroutine[Any, Any, bytes]:
        """The same, faster, for who closes the wire when it is interrupted.

        Args:
            look: whether something may have come already; False after a request, which is not answered at once.
        """
        look = look or (self._tls is not None and self._tls.has_pending())
        return self._received(partial(self._transport.recv, max_bytes), end, self._readiness.result_of, look=look)

    def receive_by(self, take: Callable[[], int], end: float) -> Coroutine[Any, Any, int]:
        """Have ``take`` receive once something has come, again and again while it raises BlockingIOError.

        ``take`` keeps what it receives itself, so that an interruption loses nothing.
        """
        return self._received(take, end, self._readiness.result_of, look=self.has_pending())

    def receive_now(self, buffer: memoryview) -> int:
        """Receive what has come into a buffer; 0 at the end. Raises what a socket raises that does not block."""
        return self._transport.recv_into(buffer)

    async def writable(self, end: float) -> None:
        """Wait until something can be sent.

        Raises:
            WriteTimedOut: the end has come.
        """
        try:
            await self._readiness.writable(seconds_left(end))
        except BROKEN as error:
            raise translated(error, WriteTimedOut, WriteFailed) from error

    async def receive_into(self, buffer: memoryview, end: float) -> int:
        """The same into a buffer, until it is full or time has passed: the bytes that came, 0 at the end."""
        with buffer[:BURST] as room:
            first: Callable[[], int] = partial(self._transport.recv_into, room)
            count = await self._received(first, end, self._readiness.result_of, look=True)
            if not count:
                return 0
            with room[count:] as rest:
                return count + await self._fill(rest, end)

    async def _fill(self, room: memoryview, end: float) -> int:
        """Bytes that come after the first ones. What breaks then is told by the next call, since these count."""
        filling = BufferFill(self._transport.recv_into, room)
        try:
            if room:
                soon = min(end, until(FILL_WAIT))
                await self._received(filling, soon, self._readiness.result_of, look=self.has_pending())
        except ReadTimedOut:
            pass
        except ReadFailed as error:
            self._failure = error.message
        return filling.count

    def has_pending(self) -> bool:
        """Whether something has come that is no event of the socket any more."""
        return self._tls is not None and self._tls.has_pending()

    @property
    def protocol(self) -> str | None:
        """The protocol that TLS negotiated (ALPN, RFC 7301), or None."""
        return None if self._tls is None else self._tls.tls.selected_alpn_protocol()

    async def _ready(self, take: Callable[[], T], seconds: float | None) -> T:
        await self._readiness.readable(seconds)
        return take()

    async def _received(self, take: Callable[[], T], end: float, waiting: Waiting[T], *, look: bool) -> T:
        if self._failure:
            raise ReadFailed(self._failure)
        if look:
            await self._yield_if_due()
        self._receiving = True
        try:
            if self._closed:
                self._require_open()
            while True:
                try:
                    if look:
                        received = take()
                    else:
                        received = await waiting(take, seconds_left(end))
                        self._burst, self._since = 0, time.monotonic()
                    break
                except BLOCKED_READ:
                    look = False
                except ssl.SSLWantWriteError:
                    look = not self._sending  # or else what is to be sent is sent there
                    if look:
                        await self._readiness.writable(seconds_left(end))
        except BROKEN as error:
            raise translated(error, ReadTimedOut, ReadFailed) from error
        finally:
            self._receiving = False
            if self._closed:
                self._socket.close()
        if self._closed:  # an end that close made is not the peer's, which may end a body
            raise ReadFailed("The connection was closed")
        self._burst += received if isinstance(received, int) else len(received)
        return received

    async def _yield_if_due(self) -> None:
        """Before more is received: an interruption meanwhile would lose what was received."""
        if self._burst > BURST or time.monotonic() - self._since > FILL_TIME:
            try:
                await self._runtime.pause()
            finally:
                self._begin_burst()

    def _begin_burst(self) -> None:
        self._burst = 0
        self._since = time.monotonic()

    def send_at_once(self, data: bytes | memoryview) -> bytes | memoryview | None:
        """Send what can be sent without waiting: the rest for ``send``, empty if only TLS has some; None if all is."""
        self._sending = True
        try:
            if self._closed:
                self._require_open()
            self._burst, self._since = 0, time.monotonic()
            count = self._transport.send(memoryview(data))
        except (*BLOCKED_READ, ssl.SSLWantWriteError):
            count = 0
        except BROKEN as error:
            raise translated(error, WriteTimedOut, WriteFailed) from error
        finally:
            self._sending = False
            if self._closed:
                self._socket.close()
        if count == len(data) and (self._tls is None or not self._tls.has_unsent()):
            return None
        return data[count:]

    async def send_large(self, data: bytes, until: Callable[[], float]) -> None:
        """Send all in portions, each of which has until the moment that is named when its turn comes."""
        view = memoryview(data)
        for start in range(0, len(data) or 1, PORTION):
            await self.send(view[start : start + PORTION], until(), onward=True)

    async def send(self, data: bytes | memoryview, end: float, *, onward: bool = False) -> None:
        """Send all. What an interruption leaves is sent by the next call: in HTTP/2 it may be another exchange's.

        Args:
            onward: whether it goes on what was just sent, so that others may be due for their turn.
        """
        unsent = memoryview(b"".join((self._unsent, data)) if self._unsent else data)
        self._unsent = b""
        self._sending = True
        try:
            self._require_open()
            seconds_left(end)  # a used-up time is told though nothing has to be waited for
            if onward:
                await self._yield_if_due()
            else:
                self._begin_burst()  # what passed since the last exchange was nobody's turn
            while unsent or (self._tls is not None and self._tls.has_unsent()):
                try:
                    count = self._transport.send(unsent)
                except (BlockingIOError, ssl.SSLWantWriteError):
                    await self._readiness.writable(seconds_left(end))
                    self._begin_burst()
                except ssl.SSLWantReadError:
                    if self._receiving:  # RFC 9113 section 9.2.1: HTTP/2, the one that does both at once, forbids it
                        raise OSError("The server wants to shake hands again") from None
                    await self._readiness.readable(seconds_left(end))
                    self._begin_burst()
                else:
                    self._burst += count
                    unsent = unsent[count:]
                    if unsent:
                        await self._yield_if_due()
        except BROKEN as error:
            raise translated(error, WriteTimedOut, WriteFailed) from error
        finally:
            self._sending = False  # before any call, in which a signal handler may raise
            if unsent:  # an empty view would keep what was sent
                self._unsent = unsent
            if self._closed:
                self._socket.close()

    def _require_open(self) -> None:
        if self._closed:
            raise OSError("The connection was closed")

    async def start_tls(self, security: Security, host: str | None, end: float) -> None:
        """Shake hands; the wire is closed when that fails. The cause of the ConnectError is Python's SSLError."""
        self._sending = True
        try:
            context = await security.context(self._runtime, seconds_left(end))
            # RFC 6066 section 3: the name for SNI and the certificate never ends in a dot.
            tls = self._transport = self._tls = TLSStream(self._transport, context, host and host.rstrip("."))
            self._require_open()  # it may have been closed meanwhile
            await self._shake_hands(tls, end)
            security.check(tls.tls)
        except BaseException as error:
            self._sending = False
            self.close()
            if isinstance(error, BROKEN) and not isinstance(error, InvalidRequest):
                raise handshake_failed(error, host) from error
            raise
        self._sending = False
        if self._closed:
            self._socket.close()

    async def _shake_hands(self, tls: TLSStream, end: float) -> None:
        while True:
            try:
                tls.do_handshake()
            except BLOCKED_READ:
                await self._readiness.readable(seconds_left(end))
            except ssl.SSLWantWriteError:
                await self._readiness.writable(seconds_left(end))
            else:
                return

    def is_fresh(self) -> bool:
        """Whether nothing has come while it was idle: neither its end nor bytes that nobody asked for.

        TLS 1.3 may send session tickets at any time; they are taken in, and no bytes for us.
        """
        if not self.is_readable():
            return True
        if self._tls is None:
            return False
        try:
            self._tls.recv(1)
        except ssl.SSLWantReadError:
            return True
        except BROKEN:
            pass
        return False

    def is_readable(self) -> bool:
        """Whether a read would return at once, be it the end; so it would for a closed socket."""
        if self._socket.fileno() < 0 or (self._tls is not None and self._tls.has_pending()):
            return True
        if self._poll is None:  # Windows
            return bool(select.select([self._socket], [], [], 0)[0])
        return bool(self._poll.poll(0))

    def close(self) -> None:
        """Close, and wake whoever waits for it; nothing is sent but what TCP does.

        A thread that is in the midst of an operation gives back the descriptor itself: the system may make its number
        another connection's at once, and the operation would go on there.
        """
        self._closed = True
        self._readiness.notify_closing()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if not (self._readiness.blocks and (self._receiving or self._sending)):
            self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """``ssl_object``, ``socket``, ``client_addr``, ``server_addr`` and ``is_readable``, as in httpcore."""
        with suppress(OSError):  # a closed socket has no addresses
            match info:
                case "ssl_object":
                    return self._tls and self._tls.tls
                case "socket":
                    return self._socket
                case "client_addr":
                    return self._socket.getsockname()
                case "server_addr":
                    return self._socket.getpeername()
                case "is_readable":
                    return self.is_readable()
        return None


def translated(error: Exception, slow: type[HTTPConnError], broken: type[HTTPConnError]) -> HTTPConnError:
    """Return our error for the system's."""
    return (slow if isinstance(error, TimeoutError) else broken)(str(error) or type(error).__name__)


def handshake_failed(error: Exception, host: str | None) -> HTTPConnError:
    """Return our error for a TLS handshake that failed."""
    if isinstance(error, TimeoutError):
        return ConnectTimedOut(f"{host} did not finish the TLS handshake in time")
    if isinstance(error, ssl.SSLEOFError):
        return TLSFailed(f"{host} ended the connection during the TLS handshake")
    kind = TLSFailed if isinstance(error, ssl.SSLError) else ConnectFailed
    return kind(f"The TLS handshake with {host} failed: {error}")


def _poll(sock: socket.socket) -> Any:
    if not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll


_open: set[weakref.ref[socket.socket]] = set()


@in_child
def _abandon_in_child() -> None:
    """Give back the descriptors, and leave the connections to the parent."""
    for reference in list(_open):
        sock = reference()
        if sock is not None and sock.fileno() >= 0:
            with suppress(OSError):
                os.close(sock.detach())
