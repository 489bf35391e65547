"""Connections as the pool holds them: each knows who uses it, and never outlives its last user half-way.

httpcore forgets a connection whose first request is cancelled between being assigned and being sent (it then
takes up a place for ever), a tunnel whose inner handshake failed, and the socket of a failed SOCKS handshake.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpcore

from ..runtime.stepping import run_sync
from .passages import CURRENT, Passage
from .workarounds import MOST_UNREAD, allows_fewer, finish_places, is_ahead, took_nothing, was_left_unbegun

_REFUSED = "The server went away before it took the request, whose body cannot be sent again"


class _Lease(ABC):
    """What the pool asks of a connection, and the flow of a request.

    Args:
        connection: httpcore's.
        surplus: whether there are more idle connections than are to be kept.
    """

    def __init__(self, connection: Any, surplus: Callable[[], bool]) -> None:
        self._connection = connection
        self._surplus = surplus
        self._users: set[Passage] = set()
        self._streams: list[Any] = []
        self._used = False
        self._discarded = False
        self._unread = 0.0
        passage = CURRENT.get()
        if passage is not None:
            passage.connections.append(self)

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        """Whether it leads to the origin."""
        return bool(self._connection.can_handle_request(origin))

    def is_available(self) -> bool:
        """Whether a request may be sent on it now."""
        return self._takes_more()

    def _takes_more(self) -> bool:
        if self._discarded or self._unread > MOST_UNREAD:
            return False
        connection = self._connection
        return bool(connection.is_available()) and not is_ahead(connection) and not allows_fewer(connection)

    def is_idle(self) -> bool:
        """Whether it is open and nobody uses it."""
        return not self._users and bool(self._connection.is_idle())

    def has_expired(self) -> bool:
        """Whether it is idle and not worth keeping."""
        return not self._users and bool(self._connection.has_expired() or (self.is_idle() and self._surplus()))

    def is_closed(self) -> bool:
        """Whether the pool may forget it."""
        return self._discarded or (not self._users and bool(self._connection.is_closed()))

    def info(self) -> str:
        """See httpcore."""
        return str(self._connection.info())

    def discard_unused(self) -> None:
        """The request that it was made for will never come."""
        self._discarded = self._discarded or not self._used

    async def _exchange(self, request: httpcore.Request) -> httpcore.Response:
        passage = CURRENT.get() or Passage()
        self._used = True
        self._users.add(passage)
        try:
            passage.resume()
            response = await self._send(request)
        except BaseException as error:
            finish_places(self._connection, error)
            is_first = self in passage.connections  # a server that ends each so would be asked for ever
            goes_on = was_left_unbegun(self._connection, error) or (took_nothing(error) and not is_first)
            passage.whole = isinstance(error, httpcore.ConnectionNotAvailable)  # nothing was sent
            self._adopt(passage)
            await self.leave(passage)
            if passage.spent and (passage.whole or goes_on):
                raise httpcore.RemoteProtocolError(_REFUSED) from error
            if goes_on:
                raise httpcore.ConnectionNotAvailable from error  # so that the pool gives the request another one
            raise
        self._adopt(passage)
        response.stream = LeasedBody(self, response.stream, passage)
        return response

    async def leave(self, passage: Passage) -> None:
        """One user less. The last one closes what cannot be used again.

        An answer that is left half-way costs its connection, in HTTP/2 too, where others may end theirs on it: if it
        was the time that ran out, nobody may be there any more. Short bodies that nobody asked for are borne, until
        they are too many.
        """
        if not passage.whole:
            self._unread += passage.left
        # In this order: as soon as it is idle, another thread may take it, and become a user first.
        # A connection that was never made calls itself idle as well as closed.
        reusable = self._connection.is_idle() and not self._connection.is_closed()
        # HTTP/2: after a GOAWAY it is idle, and takes no more requests.
        reusable = reusable and self._takes_more()
        self._users.discard(passage)
        if not self._users and not reusable:
            await self._shut()

    async def _shut(self) -> None:
        self._discarded = True
        try:
            await self._close(self._connection)
        finally:
            while self._streams:
                await self._close(self._streams.pop())

    def _adopt(self, passage: Passage) -> None:
        self._streams.extend(passage.streams)
        passage.streams.clear()

    async def end(self, body: Any, passage: Passage) -> None:
        """Close the body of a response, whose passage then uses the connection no more."""
        try:
            await self._close(body)
        finally:
            await self.leave(passage)

    @abstractmethod
    async def _send(self, request: httpcore.Request) -> httpcore.Response: ...

    @abstractmethod
    async def _close(self, closable: Any) -> None: ...


class LeasedBody:
    """A body that ends its use of the connection when it is closed; for both faces of httpcore."""

    def __init__(self, lease: _Lease, stream: Any, passage: Passage) -> None:
        self._lease = lease
        self._stream = stream
        self._passage = passage

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    def close(self) -> None:
        """Close; see :meth:`aclose`."""
        run_sync(self.aclose())

    async def aclose(self) -> None:
        """Close, and leave the connection to the next user, or to nobody."""
        await self._passage.complete(self._lease.end(self._stream, self._passage))


class SyncLease(_Lease, httpcore.ConnectionInterface):
    """For ``httpcore.ConnectionPool``. One exchange at a time, by HTTP/2 too.

    Threads that share a connection wait for httpcore's locks, and nothing ends that when the time of one is up.
    """

    def __init__(self, connection: Any, surplus: Callable[[], bool]) -> None:
        super().__init__(connection, surplus)
        self._alone = threading.Lock()

    def is_available(self) -> bool:
        """Whether a request may be sent on it now."""
        return not self._alone.locked() and super().is_available()

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send."""
        if not self._alone.acquire(blocking=False):
            raise httpcore.ConnectionNotAvailable  # another thread was faster
        return run_sync(self._exchange(request))

    async def leave(self, passage: Passage) -> None:
        """The next thread may have it."""
        try:
            await super().leave(passage)
        finally:
            self._alone.release()

    def close(self) -> None:
        """Close."""
        run_sync(self._shut())

    async def _send(self, request: httpcore.Request) -> httpcore.Response:
        response: httpcore.Response = self._connection.handle_request(request)
        return response

    async def _close(self, closable: Any) -> None:
        closable.close()


class AsyncLease(_Lease, httpcore.AsyncConnectionInterface):
    """For ``httpcore.AsyncConnectionPool``."""

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send."""
        return await self._exchange(request)

    async def aclose(self) -> None:
        """Close."""
        passage = CURRENT.get()
        await (self._shut() if passage is None else passage.complete(self._shut()))

    async def _send(self, request: httpcore.Request) -> httpcore.Response:
        response: httpcore.Response = await self._connection.handle_async_request(request)
        return response

    async def _close(self, closable: Any) -> None:
        await closable.aclose()


class SyncPool(httpcore.ConnectionPool):
    """httpcore's pool, of leases."""

    def __init__(self, surplus: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._surplus = surplus
        self.made: int = 0

    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        """See httpcore."""
        self.made += 1
        return SyncLease(super().create_connection(origin), self._surplus)


class AsyncPool(httpcore.AsyncConnectionPool):
    """httpcore's pool, of leases."""

    def __init__(self, surplus: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._surplus = surplus
        self.made: int = 0

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        """See httpcore."""
        self.made += 1
        return AsyncLease(super().create_connection(origin), self._surplus)
