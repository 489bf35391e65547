"""Waiting for one socket: threads poll, asyncio's loop calls back, trio waits by anyio."""

from __future__ import annotations

import math
import select
import selectors
import socket
import ssl
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import anyio

from .events import portions, running_asyncio

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

BLOCKED_READ = (BlockingIOError, ssl.SSLWantReadError)
"""What a socket raises that has nothing to receive yet."""

_BUSY = "another task waits for the socket"


class Readiness(ABC):
    """Waits raise TimeoutError when the seconds are over, None being no bound.

    They raise OSError once it is closed, and while another task waits for the same.
    """

    __slots__ = ("_socket",)

    blocks: ClassVar[bool] = False
    """Whether a thread waits, or is in the midst of an operation, while another one closes the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    @abstractmethod
    async def readable(self, seconds: float | None) -> None:
        """Wait until there is something to receive."""

    @abstractmethod
    async def writable(self, seconds: float | None) -> None:
        """Wait until something can be sent."""

    async def result_of(self, take: Callable[[], T], seconds: float | None) -> T:
        """Wait until there is something, and take it off. What comes while the wait is interrupted may be lost."""
        await self.readable(seconds)
        return take()

    @abstractmethod
    def closing(self) -> None:
        """Wake whoever waits: the socket is about to be closed."""


class BlockingReadiness(Readiness):
    """For threads, of which one at a time waits to receive."""

    __slots__ = ("_incoming",)

    blocks = True

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._incoming = _poll(sock, "in")

    async def readable(self, seconds: float | None) -> None:
        """Block."""
        _block(self._socket, self._incoming, "in", seconds)

    async def result_of(self, take: Callable[[], T], seconds: float | None) -> T:
        """Block."""
        _block(self._socket, self._incoming, "in", seconds)
        return take()

    async def writable(self, seconds: float | None) -> None:
        """Block."""
        _block(self._socket, _poll(self._socket, "out"), "out", seconds)

    def closing(self) -> None:
        """Nothing: that the wire shuts it down wakes a thread that is blocked in a poll."""


def _poll(sock: socket.socket, direction: str) -> Any:
    if not hasattr(select, "poll") or sock.fileno() < 0:
        return None
    poll = select.poll()
    poll.register(sock, select.POLLIN if direction == "in" else select.POLLOUT)
    return poll


def _block(sock: socket.socket, poll: Any, direction: str, seconds: float | None) -> None:
    if sock.fileno() < 0:
        raise OSError("the socket is closed")
    for portion in portions(seconds):
        if poll is not None:
            ready = poll.poll(math.ceil(portion * 1000))
        else:  # Windows
            reading, writing = ([sock], []) if direction == "in" else ([], [sock])
            ready = any(select.select(reading, writing, writing, portion))
        if ready:
            return
    raise TimeoutError("timed out")


_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # Windows has no poll


def block_for_any(socks: Iterable[socket.socket], seconds: float | None) -> list[Any]:
    """Wait until something can be sent on one of the sockets; those that are ready, none when the seconds are over."""
    with _Selector() as selector:
        for sock in socks:
            selector.register(sock, selectors.EVENT_WRITE)
        for portion in portions(seconds):
            if ready := selector.select(portion):
                return [key.fileobj for key, _ in ready]
    return []


def loop_readiness(sock: socket.socket) -> Readiness:
    """The watch of the event loop that is running."""
    loop = running_asyncio()
    if loop is None:
        return TrioReadiness(sock)
    import asyncio

    # Windows' own loop watches no sockets.
    return (AnyioReadiness if isinstance(loop, getattr(asyncio, "ProactorEventLoop", ())) else AsyncioReadiness)(
        sock, loop
    )


class TrioReadiness(Readiness):
    """For trio itself: anyio's way to it costs as much as the rest of a wait. trio is there where it runs."""

    __slots__ = ("_trio",)

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._trio: Any = sys.modules["trio"]

    async def readable(self, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        await self._wait(self._trio.lowlevel.wait_readable, _nothing, seconds)

    async def writable(self, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        await self._wait(self._trio.lowlevel.wait_writable, _nothing, seconds)

    def result_of(self, take: Callable[[], T], seconds: float | None) -> Coroutine[Any, Any, T]:
        """Let other tasks run meanwhile."""
        return self._wait(self._trio.lowlevel.wait_readable, take, seconds)

    async def _wait(self, waiting: Callable[[Any], Awaitable[None]], take: Callable[[], T], seconds: float | None) -> T:
        with self._trio.move_on_after(math.inf if seconds is None else seconds):
            try:
                await waiting(self._socket)
                return take()
            except self._trio.ClosedResourceError:
                raise OSError("the socket is closed") from None
            except self._trio.BusyResourceError:
                raise OSError(_BUSY) from None
        raise TimeoutError("timed out")

    def closing(self) -> None:
        """See :class:`Readiness`."""
        if self._socket.fileno() >= 0:
            self._trio.lowlevel.notify_closing(self._socket)


def _nothing() -> None: ...


class AnyioReadiness(Readiness):
    """For the loops of asyncio that watch no sockets."""

    __slots__ = ()

    def __init__(self, sock: socket.socket, _: asyncio.AbstractEventLoop) -> None:
        super().__init__(sock)

    async def readable(self, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        await self._wait(anyio.wait_readable, seconds)

    async def writable(self, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        await self._wait(anyio.wait_writable, seconds)

    async def _wait(self, waiting: Callable[[Any], Awaitable[None]], seconds: float | None) -> None:
        with anyio.move_on_after(seconds):
            try:
                return await waiting(self._socket)
            except anyio.ClosedResourceError:
                raise OSError("the socket is closed") from None
            except anyio.BusyResourceError:
                raise OSError(_BUSY) from None
        raise TimeoutError("timed out")

    def closing(self) -> None:
        """See :class:`Readiness`."""
        if self._socket.fileno() >= 0:
            anyio.notify_closing(self._socket)


class AsyncioReadiness(Readiness):
    """For asyncio, at a fraction of the cost: a socket stays registered, and a timeout between its waits."""

    __slots__ = ("_incoming", "_loop", "_outgoing")

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(sock)
        self._loop = loop
        self._incoming = _Direction(sock.fileno(), loop, loop.add_reader, loop.remove_reader)
        self._outgoing: _Direction | None = None  # few connections ever wait for it

    async def readable(self, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        await self._incoming.once(seconds)

    async def writable(self, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        if self._outgoing is None:
            loop = self._loop
            self._outgoing = _Direction(self._socket.fileno(), loop, loop.add_writer, loop.remove_writer)
        await self._outgoing.once(seconds)

    def result_of(self, take: Callable[[], T], seconds: float | None) -> Coroutine[Any, Any, T]:
        """It is taken off by the loop's call, which is thereby not made a second time for it."""
        return self._incoming.wait(take, seconds)

    def closing(self) -> None:
        """See :class:`Readiness`."""
        self._incoming.close()
        if self._outgoing is not None:
            self._outgoing.close()


class _Direction:
    """One direction of a socket, with at most one task that waits for it.

    The alarm of a wait is left to ring: mostly a later wait has long taken its place, which then sets it anew.
    """

    __slots__ = ("_act", "_add", "_alarm", "_closed", "_end", "_fd", "_loop", "_registered", "_remove", "_waiter")

    def __init__(
        self,
        fd: int,
        loop: asyncio.AbstractEventLoop,
        add: Callable[[int, Callable[[], None]], None],
        remove: Callable[[int], bool],
    ) -> None:
        self._fd = fd
        self._loop = loop
        self._add = add
        self._remove = remove
        self._closed = fd < 0
        self._registered = False
        self._waiter: asyncio.Future[Any] | None = None
        self._act: Callable[[], Any] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._end = math.inf

    async def once(self, seconds: float | None) -> None:
        """Wait until it is ready."""
        try:
            await self.wait(None, seconds)
        finally:
            self._unregister()

    async def wait(self, act: Callable[[], Any] | None, seconds: float | None) -> Any:
        """Wait until it is ready, and ``act`` has a result."""
        if self._closed:
            raise OSError("the socket is closed")
        if self._waiter is not None:
            raise OSError(_BUSY)
        self._waiter, self._act = self._loop.create_future(), act
        self._set_alarm(seconds)
        if not self._registered:
            self._add(self._fd, self._ready)
            self._registered = True
        try:
            return await self._waiter
        finally:
            self._waiter = self._act = None

    def _ready(self) -> None:
        waiter = self._waiter
        if waiter is None:
            self._unregister()  # else the loop would call again at once, and again
        elif not waiter.done():
            try:
                result = None if self._act is None else self._act()
            except BLOCKED_READ:
                return
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                waiter.set_exception(error)
                waiter = None  # or the error would keep this frame, and this frame the error
            else:
                waiter.set_result(result)

    def _unregister(self) -> None:
        if self._registered:
            self._registered = False
            self._remove(self._fd)

    def _set_alarm(self, seconds: float | None) -> None:
        self._end = math.inf if seconds is None else self._loop.time() + seconds
        alarm = self._alarm
        if alarm is not None and alarm.when() > self._end:
            alarm.cancel()
            alarm = None
        if alarm is None and seconds is not None:
            self._alarm = self._loop.call_at(self._end, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        waiter = self._waiter
        if waiter is None or waiter.done() or self._end == math.inf:
            return
        if self._loop.time() < self._end:
            self._alarm = self._loop.call_at(self._end, self._ring)
        else:
            waiter.set_exception(TimeoutError("timed out"))

    def close(self) -> None:
        """Wake whoever waits; after this the number of the socket may be another's."""
        self._closed = True
        self._unregister()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(OSError("the socket is closed"))
