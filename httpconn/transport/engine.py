"""Direct HTTP/1.1 exchanges: a request's way from the pool to the wire, and its answer's way back.

Written once: it waits by its runtime alone, which blocks for threads and awaits for tasks.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Coroutine, Mapping
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
from .dial import Options, as_allowance, dial, dial_unix
from .guard import origin_of
from .incoming import READ_SIZE, Connection, Incoming
from .interruption import Interruption
from .pool import Lease, Pool, Stage
from .runtimes import Runtime
from .security import Security
from .signals import LOOK, await_turn
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
        self._lock = threading.RLock()
        self._is_changing = False
        self._ended: deque[tuple[Lease[Connection], bool]] = deque()
        self._pool: Pool[Connection] = Pool(
            max_connections=limits.max_connections,
            max_per_host=limits.max_per_host,
            max_waiting=limits.max_waiting,
            max_idle=limits.max_idle,
            expiry=limits.keepalive_expiry,
        )

    def after_fork(self) -> None:
        """Start with an empty pool in the child: the connections, and a lock that is held, belong to the parent."""
        self._start()

    def __repr__(self) -> str:
        return repr(self._pool)

    @property
    def stats(self) -> PoolStats:
        """Its connections."""
        pool = self._pool
        with self._lock:
            if not self._is_changing:
                pool.recount()
        return PoolStats(pool.open, pool.idle, pool.waiting, self._made, self._reused)

    async def exchange(self, request: httpx.Request) -> tuple[http11.Head, Incoming]:
        """Send a request and receive the head of its answer; the body ends the exchange."""
        timeouts = request.extensions.get("timeout", _UNBOUNDED)
        interruption = request.extensions.get("interruption")
        place = _place(request)
        lease: Lease[Connection] = Lease(place)
        try:
            self._acquire(lease)
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
            self._ended.append((lease, False))  # here, since a signal handler could interrupt a call of ``end``
            self._catch_up()
            raise

    # The pool. It is locked while it changes; what it leaves to close and to wake is done outside the lock.
    #
    # The lock is entered by ``with`` on the lock itself, and never in a Python function of ours: a signal handler
    # cannot raise between the two steps of that, and so cannot leave the lock held.

    def _acquire(self, lease: Lease[Connection]) -> None:
        pool = self._pool
        with self._lock:
            self._is_changing = True
            try:
                self._require_open()
                pool.acquire(lease, time.monotonic())
                if lease.stage is Stage.WAITING:
                    lease.waiter = self._runtime.signal()
            finally:
                self._is_changing = False
        if self._ended or pool.to_close or pool.to_wake:
            self._catch_up()

    async def _await_turn(
        self, lease: Lease[Connection], timeout: float | None, interruption: Interruption | None
    ) -> None:
        timeout = as_allowance(timeout)
        try:
            if interruption is not None:
                interruption.hold(lease, lease.waiter.set)
            while not await await_turn(lease.waiter, timeout, LOOK):
                self._catch_up()
            self._require_open()
            if lease.stage is Stage.WAITING:
                raise httpx.ConnectError("The request was interrupted")
        except BaseException:
            self._ended.append((lease, True))  # if its turn has come, its connection is unused
            raise
        finally:
            if interruption is not None:
                interruption.let_go(lease)

    def end(self, lease: Lease[Connection], *, reusable: bool) -> None:
        """End an exchange, or the wait for one; once is enough."""
        self._ended.append((lease, reusable))
        self._catch_up()

    def _catch_up(self) -> None:
        """End the leases that are to end, and do what the pool leaves to do.

        The garbage collector can run a finalizer at any moment, also while the same thread changes the pool. A lease
        that it ends is left to the next call.
        """
        with self._lock:
            if not self._is_changing:
                self._is_changing = True
                try:
                    self._end_leases()
                finally:
                    self._is_changing = False
        pool = self._pool
        if pool.to_wake:
            for lease in list(pool.to_wake):
                if lease.waiter is not None:
                    lease.waiter.set()
                pool.to_wake.pop(lease, None)
        if pool.to_close:
            for connection in list(pool.to_close):
                connection.wire.close()
                pool.to_close.pop(connection, None)

    def _end_leases(self) -> None:
        pool, ended = self._pool, self._ended
        now = time.monotonic()
        if not ended:
            pool.check(now)
        while ended:
            lease, reusable = ended[0]
            if lease.stage is Stage.WAITING:
                pool.cancel(lease, now)
            elif lease.stage is Stage.GRANTED and lease.pool is pool:  # not one of before a fork
                if lease.connection is not None:
                    lease.connection.let_go()
                    self._reused += lease.reused
                pool.release(lease, now, reusable=reusable)
            ended.popleft()
        if self._closed:
            pool.shut()

    def _drop(self, lease: Lease[Connection]) -> None:
        """Close the connection of a lease, which may dial another one."""
        if lease.connection is not None:
            lease.connection.let_go()
            self._pool.drop(lease)
            self._catch_up()

    def close(self) -> None:
        """Close all connections, be they in use, and make no more."""
        self._closed = True
        self._catch_up()

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
        self._pool.dialled(lease, connection)
        with self._lock:
            self._made += 1
        self._require_open()  # after that: ``close`` closes the connections that it finds in the pool
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
