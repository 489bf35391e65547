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

**Interruption.** A signal handler can raise between any two steps of an operation, and a caller that is interrupted can
drop its lease without ending it. So the counts are derived from objects:

- The pool refers to a lease weakly. A lease that is destroyed before it ended is noted by a callback that runs no
  Python code, so that nothing can interrupt it.
- A connection is in use, idle or in ``to_close`` at every moment. It is added to the next before it leaves the last.
- An operation sets a mark while it changes the pool. The next operation that finds the mark, or a destroyed lease,
  counts again from the leases that are alive, and gives free slots to the waiters.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from enum import Enum, auto
from math import inf
from typing import Any, Generic, TypeVar
from weakref import ref

from ..errors import QueueFull
from .waitqueue import WaitQueue

__all__ = ["Lease", "Pool", "Stage"]

C = TypeVar("C", bound=Hashable)


class Stage(Enum):
    """What a lease permits."""

    WAITING = auto()
    """Nothing yet."""
    GRANTED = auto()
    """To use its connection or, where it has none, to dial one."""
    ENDED = auto()
    """Nothing: the pool does not know the lease yet, or does not know it any more."""


class Lease(Generic[C]):
    """A claim to one connection to an origin, from ``Pool.acquire`` until ``release`` or ``cancel``.

    A lease that is dropped before that frees its slot: the next operation of the pool closes its connection.

    Args:
        origin: where the connection leads.

    Attributes:
        origin: where the connection leads.
        number: rises with the time of the claim.
        stage: what it permits.
        connection: the connection; None before it is dialled.
        reused: whether the connection served another lease before.
        waiter: an event or the like, set by the lease's owner while it waits. The pool does not touch it.
        pool: where it comes from.
    """

    __slots__ = ("__weakref__", "connection", "number", "origin", "pool", "reused", "stage", "waiter")

    def __init__(self, origin: Hashable) -> None:
        self.pool: Pool[C] | None = None
        self.origin: Hashable = origin
        self.number: int = 0
        self.stage: Stage = Stage.ENDED
        self.connection: C | None = None
        self.reused: bool = False
        self.waiter: Any = None

    def __repr__(self) -> str:
        state = "to dial" if self.stage is Stage.GRANTED and self.connection is None else self.stage.name.lower()
        return f"<Lease {self.number} of {self.origin!r}: {state}>"


class _Host(Generic[C]):
    """One origin: its slots, its idle connections (the last used at the right), the leases that wait for a slot."""

    __slots__ = ("blocked", "claimed", "idle", "open", "origin")

    def __init__(self, origin: Hashable) -> None:
        self.origin = origin
        self.open = 0
        self.claimed = 0  # slots of its share that are kept for leases in the pool's queue
        self.idle: deque[C] = deque()
        self.blocked: WaitQueue[Lease[C]] = WaitQueue()


class Pool(Generic[C]):
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

    def __init__(
        self,
        *,
        max_connections: int | None = None,
        max_per_host: int | None = None,
        max_waiting: int | None = None,
        max_idle: int | None = None,
        expiry: float | None = None,
    ) -> None:
        self._max_connections = inf if max_connections is None else max_connections
        self._max_per_host = inf if max_per_host is None else max_per_host
        self._max_waiting = inf if max_waiting is None else max_waiting
        self._max_idle = inf if max_idle is None else max_idle
        self._expiry = inf if expiry is None else expiry
        self.to_close: dict[C, None] = {}
        self.to_wake: dict[Lease[C], None] = {}
        self._number = 0
        self._is_changing = False
        self._destroyed: deque[ref[Lease[C]]] = deque()
        self._note_destroyed = self._destroyed.append
        # The facts.
        self._leases: dict[int, ref[Lease[C]]] = {}  # that have not ended, by number
        self._used: set[C] = set()
        self._idle: OrderedDict[C, tuple[_Host[C], float]] = OrderedDict()  # the longest idle first, with its time
        # What follows from them.
        self._hosts: dict[Hashable, _Host[C]] = {}
        self._queue: WaitQueue[Lease[C]] = WaitQueue()  # waits for a slot of the pool, and has one of the host's share
        self._expires_at = inf  # no idle connection does before
        self.open: int = 0
        self.waiting: int = 0

    def __repr__(self) -> str:
        return f"<Pool: {self.open} of {self._max_connections} open, {self.idle} idle, {self.waiting} waiting>"

    def acquire(self, lease: Lease[C], now: float) -> None:
        """Grant a new lease at ``now`` seconds, or let it wait.

        Raises:
            QueueFull: the lease would wait, and as many wait as may.
        """
        if self._destroyed or self._is_changing:
            self.repair()
        self._is_changing = True
        if now >= self._expires_at:
            self._expire(now)
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
        hosts: dict[Hashable, _Host[C]] = {}
        idle: OrderedDict[C, tuple[_Host[C], float]] = OrderedDict()
        for connection, (before, since) in self._idle.items():
            if connection not in self._used and connection not in self.to_close:
                host = hosts.setdefault(before.origin, _Host(before.origin))
                host.open += 1
                host.idle.append(connection)
                idle[connection] = host, since
        for lease in granted:
            hosts.setdefault(lease.origin, _Host(lease.origin)).open += 1
        self._hosts, self._idle, self._queue = hosts, idle, WaitQueue()
        self.open, self.waiting = len(idle) + len(granted), 0

    @property
    def idle(self) -> int:
        """Connections that lie idle."""
        return len(self._idle)

    def _place(self, lease: Lease[C]) -> None:
        """Grant a lease, or let it wait."""
        host = self._hosts.get(lease.origin)
        if host is None:
            host = self._hosts[lease.origin] = _Host(lease.origin)
        if host.idle:
            connection = host.idle.pop()
            self._used.add(connection)
            lease.connection = connection
            lease.reused = True
            lease.stage = Stage.GRANTED
            del self._idle[connection]
        elif not self._has_share(host):
            self.waiting += 1
            host.blocked.join(lease)
        elif self.open < self._max_connections:
            self._grant_slot(lease, host)
        elif self._idle:
            self._evict()
            self._grant_slot(lease, host)
        else:
            self.waiting += 1
            host.claimed += 1
            self._queue.join(lease)

    def _has_share(self, host: _Host[C]) -> bool:
        return host.open + host.claimed < self._max_per_host

    def _grant_slot(self, lease: Lease[C], host: _Host[C]) -> None:
        self.open += 1
        host.open += 1
        lease.stage = Stage.GRANTED

    def _withdraw(self, lease: Lease[C]) -> None:
        """End a lease that waits."""
        lease.stage = Stage.ENDED
        del self._leases[lease.number]
        self.waiting -= 1
        host = self._hosts[lease.origin]
        if not host.blocked.leave(lease):
            self._queue.leave(lease)
            host.claimed -= 1
            self._unblock(host)
        self._forget(host)

    def _hand_on(self, connection: C, host: _Host[C], now: float) -> None:
        """Give a connection to the waiter that is next, else let it lie idle."""
        first, blocked = self._queue.first(), host.blocked.first()
        if blocked is not None and (first is None or blocked.number < first.number):
            host.blocked.leave(blocked)
            self._hand_over(connection, blocked)
        elif first is None:
            self._keep(connection, host, now)
        elif first.origin != host.origin:
            self._close(connection, host)
        else:
            self._queue.leave(first)
            host.claimed -= 1
            self._unblock(host)
            self._hand_over(connection, first)

    def _hand_over(self, connection: C, waiter: Lease[C]) -> None:
        self.waiting -= 1
        waiter.connection = connection
        waiter.reused = True
        waiter.stage = Stage.GRANTED
        self.to_wake[waiter] = None

    def _close(self, connection: C, host: _Host[C]) -> None:
        self.to_close[connection] = None
        self._used.discard(connection)
        self._free(host)

    def _keep(self, connection: C, host: _Host[C], now: float) -> None:
        if self._expires_at == inf:
            self._expires_at = now + self._expiry
        host.idle.append(connection)
        self._idle[connection] = host, now
        self._used.discard(connection)
        if len(self._idle) > self._max_idle:
            self._evict()

    def _evict(self) -> None:
        """Give up the connection that has been idle longest. No lease waits for its slot, or it would not be idle."""
        connection, (host, _) = next(iter(self._idle.items()))
        self.to_close[connection] = None
        del self._idle[connection]
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

    def _free(self, host: _Host[C]) -> None:
        """Give a slot of ``host`` that came free to the waiter that is next."""
        host.open -= 1
        self.open -= 1
        self._unblock(host)
        self._forget(host)
        lease = self._queue.first()
        if lease is not None:
            self._queue.leave(lease)
            self.waiting -= 1
            chosen = self._hosts[lease.origin]
            chosen.claimed -= 1
            self._grant_slot(lease, chosen)
            self.to_wake[lease] = None

    def _unblock(self, host: _Host[C]) -> None:
        """Let the lease that has waited longest for a share of the host queue for a slot of the pool, if it may."""
        lease = host.blocked.first() if self._has_share(host) else None
        if lease is not None:
            host.blocked.leave(lease)
            host.claimed += 1
            self._queue.join_late(lease)

    def _forget(self, host: _Host[C]) -> None:
        if not (host.open or host.claimed or host.blocked):
            del self._hosts[host.origin]

    def _require_granted(self, lease: Lease[C]) -> None:
        if lease.stage is not Stage.GRANTED:
            raise RuntimeError(f"{lease!r} is out of turn")
