"""The steps of the pool's operations: assigning connections and slots to leases."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from math import inf
from typing import Generic
from weakref import ref

from ..options import Limits
from .lease import ENDED, GRANTED, C, Host, Lease, Share, WaitQueue


class Placement(Generic[C]):
    """The state of a pool, and the steps that change it. See :class:`httpconn.http.pool.Pool`."""

    def __init__(self, limits: Limits) -> None:
        self._max_connections = limits.max_connections
        self._max_per_host = limits.per_host
        self._max_waiting = limits.max_waiting
        self._max_idle = limits.max_idle
        self._expiry = limits.keepalive_expiry
        self.to_close: dict[C, None] = {}
        self.to_wake: dict[Lease[C], None] = {}
        self._number = 0
        self._is_changing = False
        self._destroyed: deque[ref[Lease[C]]] = deque()
        self._note_destroyed = self._destroyed.append
        # The primary state.
        self._leases: dict[int, ref[Lease[C]]] = {}  # by number, without ended leases
        self._used: set[C] = set()
        self._idle: OrderedDict[C, tuple[Host[C], float]] = OrderedDict()  # the longest idle first, with its start time
        self._shared: dict[C, Share[C]] = {}  # in use or idle
        # The state that ``repair`` derives from the primary state.
        self._hosts: dict[Hashable, Host[C]] = {}
        # Leases that wait for a slot of the pool. Each has a reserved slot of its host.
        self._queue: WaitQueue[C] = WaitQueue()
        self._expires_at = inf  # earliest expiry of an idle connection
        self.open: int = 0
        self.waiting: int = 0

    @property
    def idle(self) -> int:
        return len(self._idle)

    def _place(self, lease: Lease[C]) -> None:
        host = self._hosts.get(lease.origin)
        if host is None:
            host = self._hosts[lease.origin] = Host(lease.origin, lease.limit)
        host.may_share = lease.may_share
        if host.shared is not None and self._has_stream(host.shared):
            self._grant(lease, host.shared, host)
        elif host.idle:
            connection = host.idle.pop()
            self._used.add(connection)
            lease.connection = connection
            lease.reused = True
            lease.stage = GRANTED
            if self._shared:
                self._grant(lease, connection, host)
            del self._idle[connection]
        elif not self._has_slot(host):
            self.waiting += 1
            host.blocked.join(lease)
        elif self.open < self._max_connections:
            self._grant_slot(lease, host)
        elif self._idle:
            self._evict()
            self._grant_slot(lease, host)
        else:
            self.waiting += 1
            host.reserved += 1
            self._queue.join(lease)

    def _has_slot(self, host: Host[C]) -> bool:
        taken = host.open + host.reserved
        most = self._max_per_host if host.limit is None else host.limit
        return taken < most and (not host.may_share or taken <= host.retired)

    def _has_stream(self, connection: C) -> bool:
        share = self._shared[connection]
        return share.leases < share.limit

    def _grant(self, lease: Lease[C], connection: C, host: Host[C]) -> None:
        lease.connection = connection
        lease.reused = True
        lease.stage = GRANTED
        share = self._shared.get(connection)
        if share is not None:
            share.leases += 1
            host.shared = connection

    def _grant_slot(self, lease: Lease[C], host: Host[C]) -> None:
        self.open += 1
        host.open += 1
        lease.stage = GRANTED

    def _withdraw(self, lease: Lease[C]) -> None:
        lease.stage = ENDED
        del self._leases[lease.number]
        self.waiting -= 1
        host = self._hosts[lease.origin]
        if not host.blocked.leave(lease):
            self._queue.leave(lease)
            host.reserved -= 1
            self._unblock(host)
        self._forget(host)

    # Shared connections.

    def _fill(self, host: Host[C]) -> None:
        """Grant the shared connection of a host to waiting leases, up to its limit."""
        while host.shared is not None and self._has_stream(host.shared):
            lease = host.blocked.first()
            if lease is None:
                return
            host.blocked.leave(lease)
            self._hand_over(host.shared, lease, host)

    def _retire(self, connection: C, share: Share[C]) -> None:
        share.is_retired = True
        share.host.retired += 1
        if share.host.shared is connection:
            share.host.shared = None

    def _leave(self, connection: C, share: Share[C], now: float, *, reusable: bool) -> None:
        """End the use of a shared connection by one lease."""
        host = share.host
        share.leases -= 1
        if not (share.is_retired or (reusable and share.limit > 0)):
            self._retire(connection, share)
        if share.leases:
            self._fill(host)
            self._unblock(host)
            self._advance()
        elif share.is_retired:
            self._close(connection, host)
        else:
            host.shared = None if host.shared is connection else host.shared
            self._reassign(connection, host, now)

    def _reassign(self, connection: C, host: Host[C], now: float) -> None:
        """Give a connection to the next waiter, or keep it idle."""
        first, blocked = self._queue.first(), host.blocked.first()
        if blocked is not None and (first is None or blocked.number < first.number):
            host.blocked.leave(blocked)
            self._hand_over(connection, blocked, host)
        elif first is None:
            self._keep(connection, host, now)
        elif first.origin != host.origin:
            self._close(connection, host)
        else:
            self._queue.leave(first)
            host.reserved -= 1
            self._unblock(host)
            self._hand_over(connection, first, host)

    def _hand_over(self, connection: C, waiter: Lease[C], host: Host[C]) -> None:
        self.waiting -= 1
        self._grant(waiter, connection, host)
        self.to_wake[waiter] = None

    def _close(self, connection: C, host: Host[C]) -> None:
        self.to_close[connection] = None
        self._used.discard(connection)
        self._end_share(connection)
        self._free(host)

    def _end_share(self, connection: C) -> None:
        share = self._shared.pop(connection, None)
        if share is not None:
            share.host.retired -= share.is_retired

    def _keep(self, connection: C, host: Host[C], now: float) -> None:
        if self._expires_at == inf:
            self._expires_at = now + self._expiry
        host.idle.append(connection)
        self._idle[connection] = host, now
        self._used.discard(connection)
        if len(self._idle) > self._max_idle:
            self._evict()

    def _evict(self) -> None:
        """Close the connection that has been idle longest. A connection is idle only if no lease waits for its slot."""
        connection, (host, _) = next(iter(self._idle.items()))
        self.to_close[connection] = None
        del self._idle[connection]
        self._end_share(connection)
        host.idle.popleft()
        host.open -= 1
        self.open -= 1
        self._forget(host)

    def _expire(self, now: float) -> None:
        while (longest := next(iter(self._idle.values()), None)) is not None:
            if longest[1] + self._expiry > now:
                self._expires_at = longest[1] + self._expiry
                return
            self._evict()
        self._expires_at = inf

    def _free(self, host: Host[C]) -> None:
        """Free a slot of ``host``, and grant it to the next waiter."""
        host.open -= 1
        self.open -= 1
        self._unblock(host)
        self._forget(host)
        self._advance()

    def _advance(self) -> None:
        """Grant free slots to the leases in the pool's queue."""
        while (lease := self._queue.first()) is not None:
            if self.open >= self._max_connections:
                if not self._idle:
                    return
                self._evict()
            self._queue.leave(lease)
            self.waiting -= 1
            host = self._hosts[lease.origin]
            host.reserved -= 1
            self._grant_slot(lease, host)
            self.to_wake[lease] = None

    def _unblock(self, host: Host[C]) -> None:
        """If the host has a free slot, move its first blocked lease to the pool's queue."""
        lease = host.blocked.first() if self._has_slot(host) else None
        if lease is not None:
            host.blocked.leave(lease)
            host.reserved += 1
            self._queue.join(lease)

    def _forget(self, host: Host[C]) -> None:
        if not (host.open or host.reserved or host.blocked):
            del self._hosts[host.origin]
