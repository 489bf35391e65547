"""The engine of a transport: exchanges over pooled connections.

The same code serves threads and tasks: only its runtime waits, by blocking or by awaiting.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING
from weakref import WeakMethod

import httpconn

from ..core.lazymodules import LazyModule
from ..core.locks import RLock
from ..core.messages import Origin, Request
from ..core.remembered import Remembered
from ..errors import ConnectFailed, HTTPConnError, PoolTimedOut
from ..network.guard import Guard
from ..network.routes import Route, Routes, Routing
from ..options import Limits
from ..runtime.events import await_portion
from ..runtime.forking import renew_in_child
from ..runtime.interruption import Interruption
from ..runtime.runtimes import Runtime
from ..runtime.timeouts import AttemptTimeouts
from .connecting import Connector
from .http1 import Connection, Stale, Unprocessed
from .http1body import Incoming
from .lease import GRANTED, WAITING, Lease
from .pool import Pool
from .tracing import trace_step

if TYPE_CHECKING:
    from . import forwarding as proxied
    from .http2connection import SharedConnection

    AnyConnection = Connection | SharedConnection
else:
    proxied = LazyModule("http.forwarding")

# A server that ends each connection after ten requests leaves about one hundred other requests unprocessed. A call can
# be among them many times, while each connection serves some of the other calls.
MAX_UNPROCESSED = 1000  # maximum number of times to resend a request that servers did not process
NO_RESPONSE_COST = 250  # resends to count if the connection carried no other response in the meantime


class Engine:
    """The connections of one transport and their exchanges."""

    def __init__(
        self,
        runtime: Runtime,
        limits: Limits,
        guard: Guard,
        connector: Connector,
        routing: Routing,
        *,
        http2: bool = False,
    ) -> None:
        self._runtime = runtime
        self._limits = limits
        self._guard = guard
        self._connector = connector
        self._routes = Routes(routing, by_host=limits.max_per_host is not None)
        self._routes_by_origin = self._routes.known
        self._offers_http2 = http2
        self._declined: Remembered[Hashable, bool] = Remembered()
        self._closed = False
        self._made = 0
        self._reused = 0
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Start with an empty pool and a new lock. In a forked child, the connections belong to the parent."""
        self._lock = RLock()
        self._is_changing = False
        self._ended: deque[tuple[Lease[AnyConnection], bool]] = deque()
        self._pool: Pool[AnyConnection] = Pool(self._limits)

    def __repr__(self) -> str:
        return repr(self._pool)

    @property
    def stats(self) -> httpconn.PoolStats:
        pool = self._pool
        with self._lock:
            if not self._is_changing:
                pool.recount()
        return httpconn.PoolStats(pool.open, pool.idle, pool.waiting, self._made, self._reused)

    async def exchange(
        self, request: Request, timeouts: AttemptTimeouts, interruption: Interruption | None = None
    ) -> Incoming:
        """Send a request and receive the head of its response. The exchange lasts until the end of the body."""
        guard = self._guard
        if guard.judges_requests:
            guard.admit(request)
        route = self._routes_by_origin.get(request.origin) or self._routes.add(request.origin)
        forwarding = None if route.forwarder is None else proxied.Forwarding(route.forwarder, request)
        name = request.server_name
        # A connection that TLS verified for one name does not serve another name.
        lease: Lease[AnyConnection] = Lease(route.place if name is None else (route.place, name))
        lease.limit = route.limit
        if self._offers_http2:
            lease.may_share = request.origin.scheme == "https"
        unprocessed = 0
        try:
            self._acquire(lease)
            while True:
                if lease.stage is WAITING:
                    granting = self._await_grant(lease, timeouts.until(timeouts.pool), interruption)
                    await (granting if request.dialler is None else request.dialler.queue(granting))
                connection = lease.connection
                if connection is None or not connection.is_fresh():
                    self._drop(lease)
                    connection = await self._connect(lease, request, route, timeouts, interruption)
                elif request.dialler is not None and request.dialler.tries:
                    request.dialler.reached()
                try:
                    release = partial(self.end, lease)
                    if forwarding is None:
                        return await connection.exchange(request, timeouts, release, interruption)
                    incoming = await forwarding.exchange(connection.exchange, timeouts, release, interruption)
                    if incoming is not None:
                        return incoming
                except Stale:  # the next connection is new, so this cannot repeat
                    self._drop(lease)
                except Unprocessed as refusal:
                    unprocessed += 1 if refusal.responded else NO_RESPONSE_COST
                    self._acquire_other(lease, connection, request.origin, refusal, unprocessed)
        except BaseException:
            self._ended.append((lease, False))  # not by ``end``: a signal handler could interrupt the call
            self._catch_up()
            raise

    def _acquire_other(
        self, lease: Lease[AnyConnection], used: AnyConnection, origin: Origin, refusal: Unprocessed, unprocessed: int
    ) -> None:
        """Prepare another attempt after a connection that did not process the request; raise after too many."""
        with self._lock:
            self._reused -= lease.reused
        if unprocessed > MAX_UNPROCESSED:
            raise refusal.error from None
        if refusal.requires_http1:  # RFC 9113 section 7, HTTP_1_1_REQUIRED
            self._connector.without_http2[origin] = True
            self._declined[lease.origin] = True
            self._change(self._pool.retire, used)
        self._acquire(lease)

    # The pool. The engine holds the lock while the pool changes, but not while it closes connections and wakes leases.
    #
    # Always enter the lock by ``with`` on the lock itself, not through a Python function. A signal handler cannot raise
    # between acquiring the lock and entering the block, so it cannot leave the lock held.

    def _acquire(self, lease: Lease[AnyConnection]) -> None:
        pool = self._pool
        with self._lock:
            self._is_changing = True
            try:
                if self._closed:
                    self._require_open()
                if lease.may_share and lease.origin in self._declined:
                    lease.may_share = False
                pool.acquire(lease, time.monotonic())
                if lease.stage is WAITING:
                    lease.waiter = self._runtime.make_event()
            finally:
                self._is_changing = False
        if self._ended or pool.to_close or pool.to_wake:
            self._catch_up()

    async def _await_grant(self, lease: Lease[AnyConnection], end: float, interruption: Interruption | None) -> None:
        try:
            if interruption is not None:
                interruption.attach(lease, lease.waiter.set)
            while not await await_portion(lease.waiter, end, PoolTimedOut, "No connection became free in time"):
                self._catch_up()
            self._require_open()
            if lease.stage is WAITING:
                raise ConnectFailed("The request was interrupted")
        except BaseException:
            self._ended.append((lease, True))  # a connection granted in the meantime is unused, so reusable
            raise
        finally:
            if interruption is not None:
                interruption.detach(lease)

    def end(self, lease: Lease[AnyConnection], *, reusable: bool) -> None:
        """End an exchange or the wait for a connection. Further calls have no effect."""
        self._ended.append((lease, reusable))
        self._catch_up()

    def _catch_up(self) -> None:
        """Release the ended leases, wake waiters and close connections."""
        # The garbage collector can run a finalizer at any moment, even while the same thread changes the pool. A lease
        # that a finalizer ends then waits for the next call.
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
                connection.close()
                pool.to_close.pop(connection, None)

    def _end_leases(self) -> None:
        pool, ended = self._pool, self._ended
        now = time.monotonic()
        if not ended:
            pool.check(now)
        while ended:
            lease, reusable = ended[0]
            if lease.stage is WAITING:
                pool.cancel(lease, now)
            elif lease.stage is GRANTED and lease.pool is pool:  # not a lease from before a fork
                if lease.connection is not None:
                    if lease.connection.interruption is not None:
                        lease.connection.detach()
                    self._reused += lease.reused
                pool.release(lease, now, reusable=reusable)
            else:
                pool.recount()  # a signal handler may have interrupted an earlier release
            ended.popleft()
        if self._closed:
            pool.shut()

    def _drop(self, lease: Lease[AnyConnection]) -> None:
        """Close the connection of a lease. The lease keeps its slot and may dial again."""
        if lease.connection is not None:
            lease.connection.detach()
            self._pool.drop(lease)
            self._catch_up()

    def close(self) -> None:
        """Close all connections, including those in use, and reject new exchanges."""
        self._closed = True
        self._catch_up()

    def _require_open(self) -> None:
        if self._closed:
            raise ConnectFailed("The transport is closed")

    # New connections.

    async def _connect(
        self,
        lease: Lease[AnyConnection],
        request: Request,
        route: Route,
        timeouts: AttemptTimeouts,
        interruption: Interruption | None,
    ) -> AnyConnection:
        try:
            self._require_open()
            end = timeouts.until(timeouts.connect)
            tunnel = await self._connector.tunnel(route, end)
            connection = await self._dialled(lease, request, route, end, interruption)
            while not await self._connector.secure(connection.socket_stream, request, route, tunnel, end):
                self._drop(lease)
                connection = await self._dialled(lease, request, route, end, interruption)
            self._require_open()
        except HTTPConnError:
            if lease.may_share:  # requests that wait for this connection dial their own instead
                self._change(self._pool.dial_freely, lease)
            raise
        if request.origin.scheme == "https" and connection.socket_stream.protocol == "h2":
            return await self._shared(lease, connection, request)
        if lease.may_share:  # the origin does not support HTTP/2
            self._declined[lease.origin] = True
            self._change(self._pool.dial_freely, lease)
        return connection

    async def _dialled(
        self, lease: Lease[AnyConnection], request: Request, route: Route, end: float, interruption: Interruption | None
    ) -> Connection:
        connecting = self._connected(lease, route, end)
        if request.dialler is not None:
            connecting = request.dialler.dial(connecting)
        if request.trace is not None:
            event, info = self._connector.dial_event(route, end)
            connecting = trace_step(self._runtime, request, event, info, connecting, attrgetter("socket_stream"))
        connection = await connecting
        if interruption is not None:
            connection.attach(interruption)
        return connection

    async def _connected(self, lease: Lease[AnyConnection], route: Route, end: float) -> Connection:
        """Dial, and assign the connection to its lease at once, so that it is closed if a ``trace`` callback raises."""
        connection = Connection(await self._connector.dial(route, end), self._runtime, self._limits)
        self._pool.dialled(lease, connection)
        with self._lock:
            self._made += 1
        self._require_open()  # check last: ``close`` closes only connections that the pool knows
        return connection

    # HTTP/2. The TLS handshake selects the protocol of a connection.

    async def _shared(self, lease: Lease[AnyConnection], connection: Connection, request: Request) -> SharedConnection:
        from .http2connection import SharedConnection

        connection.detach()
        adjust = WeakMethod(self._adjust)
        shared = SharedConnection(connection.socket_stream, self._runtime, self._limits, self._lock, adjust)
        await shared.begin(request)
        self._declined.pop(lease.origin, None)
        self._change(self._pool.share, lease, shared, shared.limit)
        return shared

    def _adjust(self, connection: SharedConnection) -> None:
        """Update the number of exchanges that a shared connection takes."""
        if connection.is_closing:
            self._change(self._pool.retire, connection)
        else:
            self._change(self._pool.set_limit, connection, connection.limit)

    def _change(self, step: Callable[..., None], *args: object) -> None:
        """Change the pool. Do nothing in a finalizer that runs while the same thread changes the pool."""
        with self._lock:
            if self._is_changing:
                return
            self._is_changing = True
            try:
                step(*args)
            finally:
                self._is_changing = False
        self._catch_up()
