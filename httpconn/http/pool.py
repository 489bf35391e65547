"""A connection pool's bookkeeping: which lease may use or dial a connection. No I/O, no clock and no lock.

Every operation decides at a cost that does not grow with the number of connections or waiters. It leaves connections in
``to_close`` and waiters in ``to_wake``, for the caller to close and wake. A slot is counted for a lease from the
permission to dial until the lease ends or its connection, lying idle, is closed.

The rules:

- An idle connection to the same origin is taken first, the one that was used last: the others may then expire.
- Otherwise a free slot permits to dial; in a full pool the idle connection that was used longest ago makes room.
- Otherwise the lease waits. A free slot goes to the lease that has waited longest among those that can use it: a lease
  that waits for a host at its limit holds up no lease for another host.
- A connection that comes free goes to that waiter only if it leads to the right origin; otherwise it is closed for
  the waiter's own. Were it kept for its own origin's later waiters, a busy origin could starve the others.
- A shared connection (HTTP/2) has one slot, however many leases use it. While it takes further leases, and while the
  first connection is dialled to an origin that may share, leases wait for it instead of dialling another one.

**Interruption.** A signal handler can raise between any two steps of an operation, and a caller that is interrupted can
drop its lease without ending it. So the counts are derived from objects:

- The pool refers to a lease weakly. A lease that is destroyed before it ended is noted by a callback that runs no
  Python code, so that nothing can interrupt it.
- A connection is in use, idle or in ``to_close`` at every moment. It is added to the next before it leaves the last.
- An operation sets a mark while it changes the pool. The next operation that finds the mark, or a destroyed lease,
  counts again from the leases that are alive, and gives free slots to the waiters.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from math import inf
from weakref import ref

from ..errors import QueueFull
from .lease import C, Host, Lease, Share, Stage
from .placement import Placement
from .waitqueue import WaitQueue

__all__ = ["Lease", "Pool", "Stage"]


class Pool(Placement[C]):
    """Connections by origin.

    Args:
        max_connections: slots in all; None: no limit.
        max_per_host: slots of one origin; None: no limit but the other.
        max_waiting: leases that may wait; None: no limit.
        max_idle: idle connections that are kept; None: no limit.
        expiry: seconds after which an idle connection is closed; None: never.

    Attributes:
        open: slots in use, also by idle connections.
        waiting: leases that wait.
        to_close: connections that the caller closes; it removes each after that.
        to_wake: leases whose wait is over; the caller wakes each, and removes it after that.
    """

    def __repr__(self) -> str:
        return f"<Pool: {self.open} of {self._max_connections} open, {self.idle} idle, {self.waiting} waiting>"

    def acquire(self, lease: Lease[C], now: float) -> None:
        """Grant a lease at ``now`` seconds, or let it wait. A lease that has ended may return: it keeps its turn.

        Raises:
            QueueFull: the lease would wait, and as many wait as may.
        """
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
        lease.stage = Stage.WAITING
        self._place(lease)
        if self.waiting > self._max_waiting and lease.stage is Stage.WAITING:
            self._withdraw(lease)
            self._is_changing = False
            raise QueueFull(f"{self.waiting} calls wait for a connection already")
        self._is_changing = False

    def dialled(self, lease: Lease[C], connection: C) -> None:
        """Give a lease the connection that it dialled."""
        self._require_granted(lease)
        self._used.add(connection)
        lease.connection = connection
        lease.reused = False

    def share(self, lease: Lease[C], connection: C, limit: int) -> None:
        """Put a shared connection in the place of the one that a lease has dialled; ``limit`` leases may use it."""
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
        """Change how many leases may use a shared connection."""
        self.recount()
        share = self._shared.get(connection)
        if share is not None and share.limit != limit:
            self._is_changing = True
            share.limit = limit
            self._fill(share.host)
            self._is_changing = False

    def retire(self, connection: C) -> None:
        """Let a shared connection take no more leases. It is closed when the last one ends."""
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
        """Let the leases that wait for the first connection to an origin dial their own: it is not shared."""
        self.recount()
        self._require_granted(lease)
        self._is_changing = True
        lease.may_share = False
        host = self._hosts[lease.origin]
        host.may_share = False
        while self._has_share(host) and host.blocked:
            self._unblock(host)
        self._advance()
        self._is_changing = False

    def drop(self, lease: Lease[C]) -> None:
        """Give up the connection of a lease, which keeps its slot and may dial again."""
        connection = lease.connection
        if connection is not None:
            self.to_close[connection] = None
            lease.connection = None
            self._used.discard(connection)

    def release(self, lease: Lease[C], now: float, *, reusable: bool) -> None:
        """End a granted lease, and keep its connection if it is ``reusable``."""
        if self._destroyed or self._is_changing:
            self.repair()
        self._require_granted(lease)
        self._is_changing = True
        if now >= self._expires_at:
            self._expire(now)
        lease.stage = Stage.ENDED
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
            self._hand_on(connection, host, now)
        else:
            self._keep(connection, host, now)
        self._is_changing = False

    def cancel(self, lease: Lease[C], now: float) -> None:
        """End a lease that is not wanted any more, and whose connection, if it has one, is unused."""
        self.recount()
        if lease.stage is not Stage.WAITING:
            self.release(lease, now, reusable=True)
            return
        self._is_changing = True
        if now >= self._expires_at:
            self._expire(now)
        self._withdraw(lease)
        self._is_changing = False

    def recount(self) -> None:
        """Correct the counts, where an interruption or a dropped lease makes that necessary."""
        if self._destroyed or self._is_changing:
            self.repair()

    def check(self, now: float) -> None:
        """Give up the connections that have been idle for too long at ``now``, and correct the counts."""
        self.recount()
        if now >= self._expires_at:
            self._is_changing = True
            self._expire(now)
            self._is_changing = False

    def shut(self) -> None:
        """Give up every connection, also those in use, and wake every lease that waits."""
        self.recount()
        self._is_changing = True
        while self._idle:
            self._evict()
        self.to_close.update(dict.fromkeys(self._used))
        waiting = (lease for lease in self._alive() if lease.stage is Stage.WAITING)
        self.to_wake.update(dict.fromkeys(waiting))
        self._is_changing = False

    def repair(self) -> None:
        """Count again, from the leases that are alive. A connection that cannot be placed for certain is closed."""
        self._is_changing = True
        self._destroyed.clear()
        alive = list(self._alive())
        granted = [lease for lease in alive if lease.stage is Stage.GRANTED]
        held = {lease.connection for lease in granted if lease.connection is not None}
        self.to_close.update(dict.fromkeys(self._used - held))
        self._count(granted)
        self._used = held
        self._leases = {lease.number: self._leases[lease.number] for lease in alive}
        for lease in alive:
            if lease.stage is Stage.WAITING:
                lease.connection = None
                self._place(lease)
            if lease.stage is Stage.GRANTED and lease.waiter is not None:
                self.to_wake[lease] = None
        while len(self._idle) > self._max_idle:
            self._evict()
        self._expire(-inf)
        self._is_changing = False

    def _alive(self) -> list[Lease[C]]:
        leases = (reference() for reference in list(self._leases.values()))
        return [lease for lease in leases if lease is not None and lease.stage is not Stage.ENDED]

    def _count(self, granted: list[Lease[C]]) -> None:
        """Count the slots of idle connections and granted leases; no lease is in a queue after that."""
        shared, self._shared = self._shared, {}
        hosts: dict[Hashable, Host[C]] = {}
        idle: OrderedDict[C, tuple[Host[C], float]] = OrderedDict()
        for connection, (before, since) in self._idle.items():
            if connection not in self._used and connection not in self.to_close:
                host = hosts.setdefault(before.origin, Host(before.origin))
                host.open += 1
                host.idle.append(connection)
                idle[connection] = host, since
                self._count_shared(connection, host, shared, 0)
        for lease in granted:
            host = hosts.setdefault(lease.origin, Host(lease.origin))
            host.may_share = lease.may_share
            if lease.connection not in self._shared:  # else its slot is counted
                host.open += 1
                sharing = sum(each.connection is lease.connection for each in granted)
                self._count_shared(lease.connection, host, shared, sharing)
        self._hosts, self._idle, self._queue = hosts, idle, WaitQueue()
        self.open: int = sum(host.open for host in hosts.values())
        self.waiting: int = 0

    def _count_shared(self, connection: C | None, host: Host[C], shared: dict[C, Share[C]], leases: int) -> None:
        """Count the leases of a connection if it is a shared one. If a lease was lost, it takes no more of them."""
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
        if lease.stage is not Stage.GRANTED:
            raise RuntimeError(f"{lease!r} is out of turn")
