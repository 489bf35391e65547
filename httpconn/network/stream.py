"""A stream over a connected socket, with or without TLS, for all runtimes."""

import select
import socket
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from ..errors import HTTPConnError, InvalidRequest, ReadFailed, ReadTimedOut, WriteFailed, WriteTimedOut
from ..runtime.readiness import BLOCKED_READ, poll_of
from ..runtime.runtimes import Runtime
from ..runtime.timeouts import seconds_left, until
from .security import Security
from .tlsstream import TLSStream, handshake_failed

BURST = 1024 * 1024  # bytes after which other tasks run, even if the socket has more
FILL_TIME = 0.005  # Longest time, in seconds, before other tasks run. Many small receives take long for few bytes.
FILL_WAIT = 0.1  # longest wait, in seconds, for a buffer to fill: the caller checks limits on the bytes so far
LOOK = 0.05  # seconds after which the sender of a body looks for an early response, while the peer takes no more
PORTION = 64 * 1024  # Portion of a large body in bytes. The write timeout restarts for each portion.

T = TypeVar("T", bytes, int)

BROKEN = (OSError, ValueError)
"""Exceptions of a failed operation. Python raises ValueError for a closed TLS socket or an invalid server name."""


class SocketStream:
    """A stream of bytes over a socket that never blocks. The runtime waits for the socket.

    ``end`` is the end of a wait, as of ``time.monotonic()``; infinity means no limit. A method raises ReadTimedOut or
    WriteTimedOut if ``end`` has passed, and ReadFailed or WriteFailed if the connection is broken or closed.
    """

    def __init__(self, sock: socket.socket, runtime: Runtime) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._tls: TLSStream | None = None
        self._transport: socket.socket | TLSStream = sock
        # Receives the bytes that have arrived, at most a full buffer; returns 0 at the end. Raises an exception of
        # ``BLOCKED_READ`` if no byte has arrived.
        self.receive_now: Callable[[memoryview], int] = sock.recv_into
        self._runtime = runtime
        self._readiness = runtime.readiness(sock)
        self._idle = poll_of(sock, "in")  # for an idle connection; one caller at a time checks it
        self._burst = 0
        self._since = time.monotonic()
        self._closed = False
        self._failure: str = ""
        self._receiving = False
        self._sending = False
        self._unsent: bytes | memoryview = b""

    def receive(self, max_bytes: int, end: float, *, look: bool = True) -> Coroutine[Any, Any, bytes]:
        """Return the next bytes, empty at the end. Close the stream after an interrupted wait: bytes can be lost.

        ``look`` tries to receive before the wait. Set it to False just after a request.
        """
        look = look or (self._tls is not None and self._tls.has_pending())
        return self._received(partial(self._transport.recv, max_bytes), end, look=look)

    def receive_by(self, take: Callable[[], int], end: float) -> Coroutine[Any, Any, int]:
        """Call ``take`` when the socket is readable, and again after each BlockingIOError.

        ``take`` stores the received bytes itself, so that an interruption loses nothing.
        """
        return self._received(take, end, look=self.has_pending())

    async def writable(self, end: float) -> None:
        try:
            await self._readiness.writable(end)
        except BROKEN as error:
            raise translated(error, WriteTimedOut, WriteFailed) from error

    async def receive_into(self, buffer: memoryview, end: float) -> int:
        """Receive into a buffer until it is full or 0.1 seconds have passed; return the byte count, 0 at the end."""
        with buffer[:BURST] as room:
            count = await self._received(partial(self.receive_now, room), end, look=True)
            if not count:
                return 0
            with room[count:] as remaining:
                return count + await self._fill(remaining, end)

    async def _fill(self, room: memoryview, end: float) -> int:
        """Receive more after the first bytes. Leave an error to the next call, because the received bytes are valid."""
        count = 0

        def take() -> int:
            nonlocal count
            pause_at = time.monotonic() + FILL_TIME
            while count < len(room) and time.monotonic() < pause_at:
                with room[count:] as free:
                    received = self.receive_now(free)
                if not received:
                    break
                count += received
            return count

        try:
            if room:
                await self._received(take, min(end, until(FILL_WAIT)), look=self.has_pending())
        except ReadTimedOut:
            pass
        except ReadFailed as error:
            self._failure = error.message
        return count

    def has_pending(self) -> bool:
        """Return whether bytes were received that the readiness of the socket no longer reports."""
        return self._tls is not None and self._tls.has_pending()

    @property
    def protocol(self) -> str | None:
        """The protocol that TLS negotiated (ALPN, RFC 7301), or None."""
        return None if self._tls is None else self._tls.tls.selected_alpn_protocol()

    async def _received(self, take: Callable[[], T], end: float, *, look: bool) -> T:
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
                        received = await self._readiness.result_of(take, end)
                        self._burst, self._since = 0, time.monotonic()
                    break
                except BLOCKED_READ:
                    look = False
                except ssl.SSLWantWriteError:
                    look = not self._sending  # a concurrent send sends the output of TLS
                    if look:
                        await self._readiness.writable(end)
        except BROKEN as error:
            raise translated(error, ReadTimedOut, ReadFailed) from error
        finally:
            self._receiving = False
            if self._closed:
                self._socket.close()
        if self._closed:  # otherwise ``close`` would look like the end of the peer's body
            raise ReadFailed("The connection was closed")
        self._burst += received if isinstance(received, int) else len(received)
        return received

    async def _yield_if_due(self) -> None:
        """Let other tasks run after a burst. Call it before a receive, because an interruption loses received bytes."""
        if self._burst > BURST or time.monotonic() - self._since > FILL_TIME:
            try:
                await self._runtime.pause()
            finally:
                self._begin_burst()

    def _begin_burst(self) -> None:
        self._burst = 0
        self._since = time.monotonic()

    def send_at_once(self, data: bytes | memoryview) -> bytes | memoryview | None:
        """Send as much as possible without waiting; return None, or the remaining data for ``send``.

        The data is empty if only TLS has unsent output.
        """
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

    async def send_briefly(self, data: bytes | memoryview, end: float) -> bool:
        """Send data for at most 0.05 seconds; return whether all was sent. A further call with ``b""`` continues."""
        try:
            await self.send(data, min(end, until(LOOK)), onward=True)
        except WriteTimedOut:
            if time.monotonic() >= end:
                raise
            return False
        return True

    async def send(self, data: bytes | memoryview, end: float, *, onward: bool = False) -> None:
        """Send all data. After an interruption, the next call sends the rest, because HTTP/2 frames must be complete.

        If the data continues a body (``onward``), other tasks may have to run first.
        """
        unsent = memoryview(b"".join((self._unsent, data)) if self._unsent else data)
        self._unsent = b""
        self._sending = True
        try:
            self._require_open()
            seconds_left(end)  # raises TimeoutError after the end, even if the socket is writable
            if onward:
                await self._yield_if_due()
            else:
                self._begin_burst()  # the time since the last exchange does not count
            while unsent or (self._tls is not None and self._tls.has_unsent()):
                try:
                    count = self._transport.send(unsent)
                except (BlockingIOError, ssl.SSLWantWriteError):
                    await self._readiness.writable(end)
                    self._begin_burst()
                except ssl.SSLWantReadError:
                    if self._receiving:  # RFC 9113 section 9.2.1 forbids renegotiation in HTTP/2
                        raise OSError("The server started a TLS renegotiation") from None
                    await self._readiness.readable(end)
                    self._begin_burst()
                else:
                    self._burst += count
                    unsent = unsent[count:]
                    if unsent:
                        await self._yield_if_due()
        except BROKEN as error:
            raise translated(error, WriteTimedOut, WriteFailed) from error
        finally:
            self._sending = False  # before any call, because a signal handler can raise in one
            if unsent:  # an empty view would keep the sent data in memory
                self._unsent = unsent
            if self._closed:
                self._socket.close()

    def _require_open(self) -> None:
        if self._closed:
            raise OSError("The connection was closed")

    async def start_tls(self, security: Security, host: str | None, end: float) -> None:
        """Perform the TLS handshake, and close the stream if it fails."""
        self._sending = True
        try:
            context = await security.context(self._runtime, seconds_left(end))
            # RFC 6066 section 3: the server name has no trailing dot.
            begin = partial(TLSStream, self._transport, context, host and host.rstrip("."))
            tls = self._transport = self._tls = security.begin(context, begin)
            self.receive_now = tls.receive_into
            self._require_open()  # another thread may have closed it during the wait
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
                await self._readiness.readable(end)
            except ssl.SSLWantWriteError:
                await self._readiness.writable(end)
            else:
                return

    def is_fresh(self) -> bool:
        """Return whether an idle connection is usable: it has received neither its end nor unexpected bytes."""
        # TLS 1.3 session tickets may arrive at any time. They are processed here and are not data.
        if not self._is_ready(self._idle):
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
        """Return whether a receive would return at once, with data or the end. True for a closed socket."""
        return self._is_ready(poll_of(self._socket, "in"))  # a new object: two threads cannot share one

    def _is_ready(self, poll: Any) -> bool:
        if self._socket.fileno() < 0 or (self._tls is not None and self._tls.has_pending()):
            return True
        if poll is None:  # Windows
            return bool(select.select([self._socket], [], [], 0)[0])
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close the connection, and wake all waiters. No TLS closure alert is sent."""
        # If a thread is in the middle of an operation, that thread closes the descriptor. Otherwise the system could
        # give its number to a new connection, and the operation would continue there.
        self._closed = True
        self._readiness.notify_closing()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if not (self._readiness.blocks and (self._receiving or self._sending)):
            self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """Return a value as httpcore's response extension ``network_stream`` does."""
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
    """Return an error of httpconn for an exception of the system: ``slow`` for a timeout, else ``broken``."""
    return (slow if isinstance(error, TimeoutError) else broken)(str(error) or type(error).__name__)
