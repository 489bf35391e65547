"""The state of a connection pool: which lease may use or dial a connection. No I/O, no clock and no lock.

The cost of an operation grows with the logarithm of the number of waiters, and not with the number of connections.
An operation puts connections into ``to_close`` and waiters into ``to_wake``; the caller closes and wakes them. A lease
takes a slot when it may dial. The slot is free again when the lease ends without an idle connection, or when its idle
connection closes.

The rules:

- A lease gets the idle connection to its origin that was used last. The other idle connections may then expire.
- Otherwise, if a slot is free, the lease may dial. A full pool closes the connection that has been idle longest.
- Otherwise the lease waits. A free slot goes to the lease that has waited longest among those that can use it. A lease
  that waits for a host at its limit does not block leases for other hosts.
- A released connection goes to the first waiter if the origin is the same. Otherwise it closes, and the waiter dials.
  If later waiters for the same origin got the connection, a busy origin could starve other origins.
- A shared connection (HTTP/2) has one slot for all its leases. Leases wait for a shared connection that takes further
  leases, and for the first connection to an origin that may share, instead of dialling.

**Interruption.** A signal handler can raise between any two steps of an operation, and an interrupted caller can drop
its lease without ending it. So the pool can rebuild its counts from the live objects:

- The pool holds weak references to leases. A callback that runs no Python code records a lease that is destroyed
  before it ends, so nothing can interrupt the callback.
- At every moment a connection is in use, idle or in ``to_close``. The pool adds it to one set before it removes it from
  another.
- An operation sets a flag while it changes the pool. If the next operation finds the flag or a destroyed lease, it
  rebuilds the counts from the live leases, and grants free slots to the waiters.
"""

from collections import OrderedDict
from collections.abc import Hashable
from math import inf
from weakref import ref

from ..errors import QueueFull
from .lease import ENDED, GRANTED, WAITING, C, Host, Lease, Share, WaitQueue
from .placement import Placement


class Pool(Placement[C]):
    """A pool of connections by origin.

    Attributes:
        open: the number of slots in use, including those of idle connections.
        to_close: connections to close. The caller removes each one after closing it.
        to_wake: leases to wake. The caller removes each one after waking it.
    """

    def __repr__(self) -> str:
        return f"<Pool: {self.open} of {self._max_connections} open, {self.idle} idle, {self.waiting} waiting>"

    def acquire(self, lease: Lease[C], now: float) -> None:
        """Grant a lease or let it wait. An ended lease may return, and keeps its position in the queues."""
        if self._destroyed or self._is_changing:
            self.repair()
        self._is_changing = True
        if now >= self._expires_at:
            self._expire(now)
        number = lease.number
        if not number:
            self._number = lease.number = number = self._number + 1
        self._leases[number] = ref(lease, self._note_destroyed)
        lease.pool = self
        lease.stage = WAITING
        self._place(lease)
        if self.waiting > self._max_waiting and lease.stage is WAITING:
            self._withdraw(lease)
            self._is_changing = False
            raise QueueFull(f"{self.waiting} calls wait for a connection already")
        self._is_changing = False

    def dialled(self, lease: Lease[C], connection: C) -> None:
        """Assign the connection that a lease has dialled."""
        self._require_granted(lease)
        self._used.add(connection)
        lease.connection = connection
        lease.reused = False

    def share(self, lease: Lease[C], connection: C, limit: int) -> None:
        """Replace the connection that a lease has dialled by a shared one, which up to ``limit`` leases may use."""
        self.recount()
        self._require_granted(lease)
        host = self._hosts[lease.origin]
        self._is_changing = True
        self._used.add(connection)
        dialled, lease.connection = lease.connection, connection
        if dialled is not None:
            self._used.discard(dialled)
        self._shared[connection] = Share(host, limit)
        if host.shared is None:
            host.shared = connection
        self._fill(host)
        self._is_changing = False

    def set_limit(self, connection: C, limit: int) -> None:
        self.recount()
        share = self._shared.get(connection)
        if share is not None and share.limit != limit:
            self._is_changing = True
            share.limit = limit
            self._fill(share.host)
            self._is_changing = False

    def retire(self, connection: C) -> None:
        """Retire a shared connection: it takes no more leases, and closes when the last one ends."""
        self.recount()
        share = self._shared.get(connection)
        if share is not None and not share.is_retired:
            self._is_changing = True
            self._retire(connection, share)
            if not share.leases:
                del self._idle[connection]
                share.host.idle.remove(connection)
                self._close(connection, share.host)
            self._unblock(share.host)
            self._advance()
            self._is_changing = False

    def dial_freely(self, lease: Lease[C]) -> None:
        """Let the leases that wait for the first connection to an origin dial, since it is not shared."""
        self.recount()
        self._require_granted(lease)
        self._is_changing = True
        lease.may_share = False
        host = self._hosts[lease.origin]
        host.may_share = False
        while self._has_slot(host) and host.blocked:
            self._unblock(host)
        self._advance()
        self._is_changing = False

    def drop(self, lease: Lease[C]) -> None:
        """Close the connection of a lease. The lease keeps its slot and may dial again."""
        connection = lease.connection
        if connection is not None:
            self.to_close[connection] = None
            lease.connection = None
            self._used.discard(connection)

    def release(self, lease: Lease[C], now: float, *, reusable: bool) -> None:
        """End a granted lease, and keep its connection if ``reusable``."""
        if self._destroyed or self._is_changing:
            self.repair()
        self._require_granted(lease)
        self._is_changing = True
        if now >= self._expires_at:
            self._expire(now)
        lease.stage = ENDED
        del self._leases[lease.number]
        host = self._hosts[lease.origin]
        connection, lease.connection = lease.connection, None
        if connection is None:
            self._free(host)
        elif connection in self._shared:
            self._leave(connection, self._shared[connection], now, reusable=reusable)
        elif not reusable:
            self._close(connection, host)
        elif self.waiting:
            self._reassign(connection, host, now)
        else:
            self._keep(connection, host, now)
        self._is_changing = False

    def cancel(self, lease: Lease[C], now: float) -> None:
        """End a lease that did not use a connection. Its connection, if it has one, stays reusable."""
        self.recount()
        if lease.stage is not WAITING:
            self.release(lease, now, reusable=True)
            return
        self._is_changing = True
        if now >= self._expires_at:
            self._expire(now)
        self._withdraw(lease)
        self._is_changing = False

    def recount(self) -> None:
        """Correct the counts after an interruption or a dropped lease."""
        if self._destroyed or self._is_changing:
            self.repair()

    def check(self, now: float) -> None:
        """Close expired connections at the time ``now`` in seconds, and correct the counts."""
        self.recount()
        if now >= self._expires_at:
            self._is_changing = True
            self._expire(now)
            self._is_changing = False

    def shut(self) -> None:
        """Close every connection, including those in use, and wake every waiting lease."""
        self.recount()
        self._is_changing = True
        while self._idle:
            self._evict()
        self.to_close.update(dict.fromkeys(self._used))
        waiting = (lease for lease in self._alive() if lease.stage is WAITING)
        self.to_wake.update(dict.fromkeys(waiting))
        self._is_changing = False

    def repair(self) -> None:
        """Rebuild the counts from the live leases, and close every connection whose lease is lost."""
        self._is_changing = True
        self._destroyed.clear()
        alive = list(self._alive())
        granted = [lease for lease in alive if lease.stage is GRANTED]
        held = {lease.connection for lease in granted if lease.connection is not None}
        self.to_close.update(dict.fromkeys(self._used - held))
        self._count(granted)
        self._used = held
        self._leases = {lease.number: self._leases[lease.number] for lease in alive}
        for lease in alive:
            if lease.stage is WAITING:
                lease.connection = None
                self._place(lease)
            if lease.stage is GRANTED and lease.waiter is not None:
                self.to_wake[lease] = None
        while len(self._idle) > self._max_idle:
            self._evict()
        self._expire(-inf)
        self._is_changing = False

    def _alive(self) -> list[Lease[C]]:
        leases = (reference() for reference in list(self._leases.values()))
        return [lease for lease in leases if lease is not None and lease.stage is not ENDED]

    def _count(self, granted: list[Lease[C]]) -> None:
        """Count the slots of idle connections and granted leases, and clear the queues."""
        shared, self._shared = self._shared, {}
        hosts: dict[Hashable, Host[C]] = {}
        idle: OrderedDict[C, tuple[Host[C], float]] = OrderedDict()
        for connection, (before, since) in self._idle.items():
            if connection not in self._used and connection not in self.to_close:
                host = hosts.setdefault(before.origin, Host(before.origin, before.limit))
                host.open += 1
                host.idle.append(connection)
                idle[connection] = host, since
                self._count_shared(connection, host, shared, 0)
        for lease in granted:
            host = hosts.setdefault(lease.origin, Host(lease.origin, lease.limit))
            host.may_share = lease.may_share
            if lease.connection not in self._shared:  # a shared connection counts once
                host.open += 1
                sharing = sum(each.connection is lease.connection for each in granted)
                self._count_shared(lease.connection, host, shared, sharing)
        self._hosts, self._idle, self._queue = hosts, idle, WaitQueue()
        self.open: int = sum(host.open for host in hosts.values())
        self.waiting: int = 0

    def _count_shared(self, connection: C | None, host: Host[C], shared: dict[C, Share[C]], leases: int) -> None:
        """Count the leases of a shared connection. Retire it if a lease was lost."""
        share = None if connection is None else shared.get(connection)
        if share is None or connection is None:
            return
        self._shared[connection] = share
        is_whole = share.leases == leases and not share.is_retired
        share.host, share.leases, share.is_retired = host, leases, False
        if not is_whole:
            self._retire(connection, share)
        elif leases and host.shared is None:
            host.shared = connection

    def _require_granted(self, lease: Lease[C]) -> None:
        if lease.stage is not GRANTED:
            raise RuntimeError(f"{lease!r} is not granted")
