"""Direct HTTP/1.1 exchanges: a request's way from the pool to the wire, and its answer's way back.

Written once: it waits by its runtime alone, which blocks for threads and awaits for tasks.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import httpcore
import httpx

from ..forking import renew_in_child
from ..lazy import Origin, is_untouched
from ..options import Limits
from ..stats import PoolStats
from . import http11
from .allowance import Allowance
from .books import Books
from .dial import Options, as_allowance, dial, dial_unix
from .guard import origin_of
from .incoming import READ_SIZE, Connection, Incoming
from .interruption import Interruption
from .pool import Lease, Next, Pool, Stage
from .runtimes import Runtime
from .security import Security
from .signals import await_turn
from .wire import BURST, Wire

T = TypeVar("T")

# RFC 9110 section 9.2.2: sent twice, these do what they do once.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

_UNBOUNDED: Mapping[str, None] = MappingProxyType({})


class OtherName(NamedTuple):
    """An origin whose server has another name for TLS. No connection that was verified for one serves the other."""

    origin: Origin
    server_name: str


Place = Origin | OtherName
"""What connections are told apart by."""


class Stale(Exception):
    """A kept connection ended before a byte of the answer came; nothing says that the request was seen."""


class Engine:
    """All connections of one transport."""

    def __init__(
        self, runtime: Runtime, limits: Limits, security: Security, dialling: Options, uds: str | None
    ) -> None:
        self._runtime = runtime
        self._limits = limits
        self._security = security
        self._dialling = dialling
        self._uds = uds
        self._closed = False
        self._made = 0
        self._reused = 0
        self._start()
        renew_in_child(self)

    def _start(self) -> None:
        limits = self._limits
        self._books: Books[tuple[Lease[Connection], bool]] = Books()
        self._pool: Pool[Connection] = Pool(
            max_connections=limits.max_connections,
            max_per_host=limits.max_per_host,
            max_waiting=limits.max_waiting,
            max_idle=limits.max_idle,
            expiry=limits.keepalive_expiry,
        )
        self._used: set[Connection] = set()
        self._waiting: set[Lease[Connection]] = set()

    def after_fork(self) -> None:
        """In the child: what the parent holds, and books that it had open, are not ours."""
        self._start()

    def __repr__(self) -> str:
        return repr(self._pool)

    @property
    def stats(self) -> PoolStats:
        """Its connections."""
        pool = self._pool
        return PoolStats(pool.open, pool.idle, pool.waiting, self._made, self._reused)

    async def exchange(self, request: httpx.Request) -> tuple[http11.Head, Incoming]:
        """Send a request and receive the head of its answer; the body ends the exchange."""
        timeouts = request.extensions.get("timeout", _UNBOUNDED)
        interruption = request.extensions.get("interruption")
        place = _place(request)
        lease = self._claim(place)
        try:
            if lease.stage is Stage.WAITING:
                await self._await_turn(lease, timeouts.get("pool"), interruption)
            connection = lease.connection
            if connection is not None and connection.is_fresh():
                connection.be_held(interruption)
                try:
                    return await self._converse(lease, connection, request, timeouts, kept=True)
                except Stale:  # the next one is new
                    pass
            self._drop(lease)
            connection = await self._connect(lease, place, request, timeouts)
            return await self._converse(lease, connection, request, timeouts, kept=False)
        except BaseException:
            self.end(lease, reusable=False)
            raise

    # The pool. Its bookkeeping is locked; what it leaves to do is done outside.

    def _claim(self, place: Place) -> Lease[Connection]:
        with self._books:
            self._require_open()
            lease, close = self._pool.acquire(place, time.monotonic())
            if lease.stage is Stage.WAITING:
                lease.waiter = self._runtime.signal()
                self._waiting.add(lease)
            elif lease.connection is not None:
                self._used.add(lease.connection)
        if close:
            _close(close)
        self._books.catch_up(self._ended, self._settle)
        return lease

    async def _await_turn(
        self, lease: Lease[Connection], timeout: float | None, interruption: Interruption | None
    ) -> None:
        try:
            if interruption is not None:
                interruption.hold(lease, lease.waiter.set)
            await await_turn(lease.waiter, timeout)
            self._require_open()
            if lease.stage is Stage.WAITING:
                raise httpx.ConnectError("The request was interrupted")
        except BaseException:
            self.end(lease, reusable=True)  # if its turn has come, nothing was done in it
            raise
        finally:
            self._waiting.discard(lease)
            if interruption is not None:
                interruption.let_go(lease)

    def end(self, lease: Lease[Connection], *, reusable: bool) -> None:
        """The exchange is over, or is not waited for any more; once is enough."""
        self._books.post((lease, reusable), self._ended, self._settle)

    def _ended(self, entry: tuple[Lease[Connection], bool]) -> Next[Connection] | None:
        lease, reusable = entry
        if lease.stage is Stage.ENDED or lease.pool is not self._pool:  # the one of before a fork
            return None
        now = time.monotonic()
        if lease.stage is Stage.WAITING:
            return self._pool.cancel(lease, now)
        connection = lease.connection
        if connection is not None:
            connection.let_go()
            self._used.discard(connection)
            self._reused += lease.reused
        left = self._pool.release(lease, now, reusable=reusable and not self._closed)
        if left is not None and left.wake is not None and left.wake.connection is not None:
            self._used.add(left.wake.connection)
        return left

    def _settle(self, left: Next[Connection] | None) -> None:
        if left is None:
            return
        if left.wake is not None:
            left.wake.waiter.set()
        _close(left.close)

    def _drop(self, lease: Lease[Connection]) -> None:
        """The lease keeps its slot, and may dial in it."""
        with self._books:
            connection, lease.connection = lease.connection, None
            if connection is not None:
                connection.let_go()
                self._used.discard(connection)
        if connection is not None:
            connection.wire.close()

    def close(self) -> None:
        """Close all connections, be they in use, and make no more."""
        with self._books:
            self._closed = True
            idle = self._pool.drain()
            used, self._used = list(self._used), set()
            waiting = list(self._waiting)
        for lease in waiting:
            lease.waiter.set()
        _close([*idle, *used])

    def _require_open(self) -> None:
        if self._closed:
            raise httpx.ConnectError("The transport is closed")

    # The wire.

    async def _connect(
        self, lease: Lease[Connection], place: Place, request: httpx.Request, timeouts: Mapping[str, Any]
    ) -> Connection:
        self._require_open()
        origin, server_name = place if isinstance(place, OtherName) else (place, place.host)
        allowance = as_allowance(timeouts.get("connect"))
        connecting = self._connected(lease, origin, allowance)
        connection = await self._traced(request, "connection.connect_tcp", connecting)
        connection.be_held(request.extensions.get("interruption"))
        wire = connection.wire
        if origin.scheme == "https":
            handshake = wire.start_tls(self._security, server_name, allowance)
            await self._traced(request, "connection.start_tls", handshake)
        self._require_open()
        return connection

    async def _connected(self, lease: Lease[Connection], origin: Origin, allowance: Allowance) -> Connection:
        """One that belongs to its lease as soon as it is there, whatever the ``trace`` of a request then raises."""
        connection = Connection(Wire(await self._dial(origin, allowance), self._runtime), self._limits)
        with self._books:
            self._pool.dialled(lease, connection)
            self._made += 1
            self._used.add(connection)
            self._require_open()
        return connection

    async def _dial(self, origin: Origin, allowance: Allowance) -> socket.socket:
        if self._uds is not None:
            return await dial_unix(self._runtime, self._uds, allowance, self._dialling)
        return await dial(self._runtime, origin.host, origin.port, allowance, self._dialling)

    def _traced(self, request: httpx.Request, event: str, step: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """Tell httpx's ``trace`` extension of a step, by httpcore's names."""
        trace = request.extensions.get("trace")
        return step if trace is None else self._told(trace, request, event, step)

    async def _told(self, trace: Any, request: httpx.Request, event: str, step: Coroutine[Any, Any, T]) -> T:
        try:
            await self._runtime.trace(trace, f"{event}.started", {"request": request})
        except BaseException:
            step.close()
            raise
        try:
            result = await step
        except Exception as error:
            await self._runtime.trace(trace, f"{event}.failed", {"exception": error})
            raise
        await self._runtime.trace(trace, f"{event}.complete", {"return_value": result})
        return result

    async def _converse(
        self,
        lease: Lease[Connection],
        connection: Connection,
        request: httpx.Request,
        timeouts: Mapping[str, Any],
        *,
        kept: bool,
    ) -> tuple[http11.Head, Incoming]:
        try:
            try:
                await self._traced(request, "http11.send_request", self._send(connection, request, timeouts))
            except httpcore.WriteError:
                # A server may refuse early, and end its side before the request is whole: the answer counts.
                if not _has_body(request):
                    raise
            receiving = self._receive_head(connection, timeouts.get("read"))
            head = await self._traced(request, "http11.receive_response_headers", receiving)
        except (httpcore.ReadError, httpcore.WriteError, http11.Truncated) as error:
            if kept and not connection.http.answered and _may_be_repeated(request):
                raise Stale from error
            raise
        return head, Incoming(connection, timeouts.get("read"), partial(self.end, lease))

    async def _send(self, connection: Connection, request: httpx.Request, timeouts: Mapping[str, Any]) -> None:
        http = connection.http
        target = request.extensions.get("target") or request.url.raw_path
        if is_untouched(request):
            rest = connection.wire.send_at_once(http.send_head(b"GET", target, request.fields))
            if rest is not None:
                await connection.wire.send(rest, timeouts.get("write"))
            return
        timeout = timeouts.get("write")
        head = http.send_head(request.method.encode("ascii", "replace"), target, request.headers.raw)
        if isinstance(request.stream, httpx.ByteStream):
            body = http.send_body(b"".join(request.stream)) + http.end_body()
            if len(body) <= BURST:
                await connection.wire.send(head + body, timeout)
                return
            await connection.wire.send(head, timeout)  # rather than hold all of it twice
            await connection.wire.send(body, timeout, onward=True)
            return
        await connection.wire.send(head, timeout)
        parts = self._runtime.parts(request.stream)
        while (part := await self._runtime.next_part(parts)) is not None:
            await connection.wire.send(http.send_body(part), timeout, onward=True)
        await connection.wire.send(http.end_body(), timeout)

    async def _receive_head(self, connection: Connection, timeout: float | None) -> http11.Head:
        http = connection.http
        data = await connection.wire.receive_or_break(READ_SIZE, timeout, look=False)
        http.receive(data)
        while http.head is None:
            http.receive(await connection.wire.receive_or_break(READ_SIZE, timeout))
        return http.head


def _place(request: httpx.Request) -> Place:
    origin = request.origin if is_untouched(request) else origin_of(request.url)
    name = request.extensions.get("sni_hostname") or origin.host
    return origin if name == origin.host else OtherName(origin, name)


def _has_body(request: httpx.Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers


def _may_be_repeated(request: httpx.Request) -> bool:
    return request.method in IDEMPOTENT and isinstance(request.stream, httpx.ByteStream)


def _close(connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.wire.close()
