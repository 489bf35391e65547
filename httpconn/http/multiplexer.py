"""The streams of an HTTP/2 connection, used by several threads or tasks at the same time.

No thread or task reads in the background. The caller that waits first has the role of the reader: it receives for all
streams, and wakes the callers of the streams that progressed. When it leaves, it hands the role to the next caller.
"""

import ssl
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from copy import copy
from typing import Any, TypeVar
from weakref import WeakMethod

from ..errors import HTTPConnError, ReadFailed, ReadTimedOut, WriteFailed, WriteTimedOut
from ..network.stream import BROKEN, BURST, SocketStream
from ..options import Limits
from ..runtime.events import await_portion
from ..runtime.interruption import Interruption
from ..runtime.port import Event
from ..runtime.readiness import BLOCKED_READ
from ..runtime.runtimes import Runtime
from ..runtime.timeouts import until
from .http2 import HTTP2Connection, Stream

T = TypeVar("T")

READ_SIZE = 128 * 1024  # size of the receive buffer in bytes

RETRY = 0.05
"""Seconds between two attempts to send while the socket is not writable. In between, the connection receives: a server
may not read before its own output is read."""

NOTICE = 0.5  # maximum seconds before a reader notices an interruption

TORN = "An interrupted call left the HTTP/2 connection unusable"

_PROGRESSED = object()  # the ``waiter`` of a stream that progressed while its caller did not wait


class Multiplexer:
    """The HTTP/2 streams of a socket stream: their state, sending and receiving.

    The lock of the state is the engine's, so that no thread holds two locks. The engine's method ``changed`` is called
    with the connection when the number of streams that can be opened changes. A weak reference to the method avoids a
    reference cycle.
    """

    def __init__(
        self,
        socket_stream: SocketStream,
        runtime: Runtime,
        limits: Limits,
        lock: threading.RLock,
        changed: WeakMethod[Any],
    ) -> None:
        self.socket_stream: SocketStream = socket_stream
        self.error: HTTPConnError | None = None  # the error that broke the connection, or None
        self.interruption: Interruption | None = None  # always None; an interruption ends a stream
        self._runtime = runtime
        self._http = HTTP2Connection(max_headers=limits.max_headers, max_header_bytes=limits.max_header_bytes)
        self._lock = lock
        self._changed = changed
        self._buffer = memoryview(bytearray(READ_SIZE))
        self._reader: Stream | None = None
        self._sender: object = None  # the call that sends
        self._waiting: dict[Stream, Event] = {}
        self._left: deque[Stream] = deque()  # streams without a caller, to be cancelled
        self._unsent: bytes | memoryview | None = None  # output that the socket has not accepted
        self._undrained: list[Event] = []  # events of the callers that wait until all output is sent
        self._is_changing = self._is_draining = self._is_receiving = False
        self._is_deaf = False  # the server does not receive any more
        self._is_torn = False  # an interruption left the state inconsistent
        self._is_silent = False  # a call timed out, and the server sent nothing during it
        self._responses = 0  # counts the progress of responses

    @property
    def is_closing(self) -> bool:
        """Whether no more streams can be opened."""
        return self._is_silent or self._is_deaf or self._is_torn or self.error is not None or self._http.is_closing

    # The state. It changes under the lock.

    def change(self, step: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call a method of the protocol state, unless the connection is broken."""
        with self._lock:
            self._require_whole()
            return self._step(step, *args, **options)

    def _step(self, step: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call a method of the protocol state, even if the connection is broken."""
        try:
            self._is_changing = True
            return step(*args, **options)
        except HTTPConnError:
            raise
        except BaseException:
            self._is_torn = True
            raise
        finally:
            self._is_changing = False

    def _require_whole(self) -> None:
        if self._is_torn:
            self._fail(ReadFailed(TORN))
        if self.error is not None:
            raise copy(self.error)

    def leave(self, stream: Stream) -> None:
        """Cancel a stream. A finalizer may call this at any moment, even while this thread changes the state."""
        self._left.append(stream)
        with self._lock:
            if self._is_changing:
                return  # the next call cancels the stream
            while self._left:
                stream = self._left[0]
                self._forget(stream)
                if self._is_torn:
                    self._fail(ReadFailed(TORN))
                else:
                    self._step(self._http.cancel, stream)
                self._left.popleft()
        self.flush()

    def _fail(self, error: HTTPConnError) -> None:
        with self._lock:
            if self.error is not None:
                return
            self.error = error
            if not (self._is_torn or self._is_changing):
                self._mark(self._step(self._http.fail, error))
            for event in self._waiting.values():
                event.set()
        self.socket_stream.close()
        self._report()

    def take(self, stream: Stream) -> bytes:
        """See ``HTTP2Connection.take_data``."""
        return self._taken(self._http.take_data, stream)

    def take_into(self, *args: Any) -> int:
        """See ``HTTP2Connection.take_into``."""
        return self._taken(self._http.take_into, *args)

    def _taken(self, step: Callable[..., T], *args: Any) -> T:
        taken = self.change(step, *args)
        if self._http.has_output:
            self.flush()
        return taken

    def _mark(self, streams: Any) -> None:
        """Wake the callers of streams that progressed."""
        for stream in streams:
            if stream.head is not None and stream.waiter is not _PROGRESSED:
                self._responses += 1
            stream.waiter = _PROGRESSED
            if (event := self._waiting.pop(stream, None)) is not None:
                event.set()

    # Sending. One thread at a time sends, and none while another thread receives; the receiver sends afterwards.

    def flush(self) -> None:
        """Send as much output as possible without waiting."""
        while self._http.has_output or self._unsent is not None:
            sender = object()
            try:  # begins before the lock, because a signal handler can raise when the lock is released
                with self._lock:
                    if self._sender or self._is_receiving or self._is_changing:
                        return
                    if self._is_deaf or self._is_torn or self.error:
                        return
                    self._sender = sender
                    if self._unsent is None:
                        self._unsent = self.change(self._http.take_output)
                self._unsent = self._rest_of(self._unsent)
            except WriteFailed:
                # The server may have sent responses, and the reason, before it closed. The reader receives these and
                # the end.
                self._is_deaf, self._unsent = True, None
                return
            except BaseException:
                self._is_torn = True
                raise
            finally:
                if self._sender is sender:
                    self._sender = None
            if self._unsent is not None:
                return

    def _rest_of(self, data: bytes | memoryview | None) -> bytes | memoryview | None:
        rest = data
        while rest is not None:
            before = rest
            rest = self.socket_stream.send_at_once(before)
            if rest is not None and len(rest) == len(before):
                return rest
        return None

    async def _drain(self, end: float) -> None:
        """Wait until the socket has accepted all output. One caller waits for the socket, others for this caller."""
        while self._unsent is not None:
            if self._is_draining:
                event: Event = self._runtime.make_event()
                self._undrained.append(event)
                if self._is_draining:  # otherwise the other caller may not have seen the event
                    await sent_in_time(self._await_event(event, end))
                continue
            self._is_draining = True
            try:
                await self.socket_stream.writable(min(end, until(RETRY)))
            except WriteTimedOut:
                if time.monotonic() >= end:
                    raise
                self._look()
            finally:
                self._is_draining = False
                waiting, self._undrained = self._undrained, []
                for event in waiting:
                    event.set()
            self.flush()

    # Receiving, by the reader.

    async def progress(self, stream: Stream, end: float, interruption: Interruption | None) -> None:
        """Wait until a stream may have progressed. Raises ReadTimedOut: ``end`` has passed."""
        try:
            with self._lock:
                self._require_whole()
                if stream.waiter is _PROGRESSED:
                    stream.waiter = None
                    return
                if self._reader is None:
                    self._reader = stream
                if self._reader is not stream:
                    stream.waiter = self._waiting[stream] = self._runtime.make_event()
            if stream.waiter is not None:
                await self._await_event(stream.waiter, end)
            if self._reader is stream:
                await self._read(stream, end, interruption)
            if interruption is not None and interruption.is_requested:
                raise ReadFailed("The request was interrupted")
        finally:
            with self._lock:
                self._forget(stream)

    def _forget(self, stream: Stream) -> None:
        """End the wait of a stream's caller. If it was the reader, another caller becomes the reader."""
        if self._waiting.pop(stream, None) is not None or stream.waiter is _PROGRESSED:
            stream.waiter = None
        if self._reader is stream:
            self._reader = None
        self._appoint()

    def _appoint(self) -> None:
        if self._reader is None and self._waiting:
            stream = next(iter(self._waiting))
            self._reader = stream
            self._waiting.pop(stream).set()

    async def _await_event(self, event: Event, end: float) -> None:
        while not (event.is_set() or await await_portion(event, end, ReadTimedOut, "The server sent nothing in time")):
            with self._lock:
                self._appoint()

    async def _read(self, stream: Stream, end: float, interruption: Interruption | None) -> None:
        while stream.waiter is not _PROGRESSED and self.error is None:
            portion = end
            if self._unsent is not None:
                portion = min(end, until(RETRY))
            elif interruption is not None:
                portion = min(end, until(NOTICE))
            try:
                await self.socket_stream.receive_by(self._take, portion)
            except ReadTimedOut:
                if portion == end or time.monotonic() >= end:
                    raise
                if interruption is not None and interruption.is_requested:
                    return
            except ReadFailed as error:
                if self._http.error is None:
                    self._fail(error)
            self.flush()

    def _look(self) -> None:
        """Receive the bytes on the socket, if there is no reader."""
        if self._reader is not None or self.error is not None:
            return
        visitor = Stream(0, 0, 0, without_body=True, request_ended=True)
        try:
            with self._lock:
                if self._reader is not None:
                    return
                self._reader = visitor
            if self.socket_stream.is_readable():
                self._take()
        except BLOCKED_READ:
            pass
        except BROKEN as error:
            self._fail(ReadFailed(str(error) or type(error).__name__))
        finally:
            if self._reader is visitor:
                self._reader = None  # not by a call, because a signal handler could raise in it
            with self._lock:
                self._appoint()

    def _take(self) -> int:
        """Receive the bytes on the socket, at most 1 MiB. A callback of an event loop may call this.

        Raises BlockingIOError: the reader's stream has not progressed.
        """
        for _ in range(BURST // READ_SIZE):
            count = self._fill()
            has_progress = self._receive(self._buffer[:count])
            reader = self._reader
            if not count or reader is None or reader.waiter is _PROGRESSED:
                return count
            if has_progress or count < READ_SIZE:  # the callers of the other streams must run
                break
        if self.socket_stream.has_pending():  # readiness does not report bytes inside TLS
            return count
        raise BlockingIOError

    def _fill(self) -> int:
        self._is_receiving = True
        try:
            return self.socket_stream.receive_now(self._buffer)
        except (*BLOCKED_READ, ssl.SSLWantWriteError, *BROKEN):
            raise
        except BaseException:
            self._is_torn = True
            raise
        finally:
            self._is_receiving = False
            self.flush()  # the output that other threads queued in the meantime

    def _receive(self, data: memoryview) -> bool:
        """Process received data, and return whether a stream progressed."""
        http = self._http
        limit, was_closing = http.max_streams, http.is_closing
        with self._lock:
            streams = self.change(http.receive, data)
            self._mark(streams)
        self.flush()
        if (limit, was_closing) != (http.max_streams, http.is_closing):
            self._report()
        return bool(streams)

    def _report(self) -> None:
        """Tell the engine, if it still exists, that the number of streams that can be opened changed."""
        changed = self._changed()
        if changed is not None:
            changed(self)


async def sent_in_time(waiting: Awaitable[None]) -> None:
    """Await a condition for the next part of a request body. Raises WriteTimedOut: the time limit has passed."""
    try:
        await waiting
    except ReadTimedOut as error:
        raise WriteTimedOut("The server did not accept the body of the request in time") from error
