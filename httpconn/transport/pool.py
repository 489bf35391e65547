"""The bookkeeping of a connection pool: who may use, dial or must close what. No I/O, no clock and no lock.

Every operation decides at a cost that does not grow with the connections or the waiters there are, and returns what
is left to do: connections to close, and the one waiter whose turn has come. A slot is counted for a lease from the
permission to dial until the lease ends or its connection, lying idle, is closed.

The rules:

- An idle connection to the same origin is taken first, the one that was used last: the others may then expire.
- Otherwise a free slot permits to dial; in a full pool the idle connection that was used longest ago makes room.
- Otherwise one waits. What comes free goes to the one who waits longest among those who can use it: who waits for a
  connection to a host that has all it may have holds up nobody else.
- A connection that comes free goes to that waiter only if it leads to the right origin; otherwise it is closed for
  the waiter's own. Were it kept for its own origin's later waiters, a busy origin could starve the others.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from enum import Enum, auto
from math import inf
from typing import Any, Generic, NamedTuple, TypeVar

from ..errors import QueueFull
from .line import Line

__all__ = ["Lease", "Next", "Pool", "Stage"]

C = TypeVar("C")


class Stage(Enum):
    """What a lease permits."""

    WAITING = auto()
    """Nothing yet."""
    GRANTED = auto()
    """To use its connection or, where it has none, to dial one."""
    ENDED = auto()
    """Nothing any more."""


class Lease(Generic[C]):
    """A claim to one connection to an origin, from ``Pool.acquire`` until ``release`` or ``cancel``.

    Attributes:
        origin: where the connection leads.
        number: rises with the time of the claim.
        stage: what it permits.
        connection: the connection; None before it is dialled.
        reused: whether the connection served another lease before.
        waiter: for whoever waits: an event or the like. The pool does not touch it.
        pool: where it comes from.
    """

    __slots__ = ("connection", "number", "origin", "pool", "reused", "stage", "waiter")

    def __init__(self, origin: Hashable, number: int, pool: Pool[C] | None = None) -> None:
        self.pool: Pool[C] | None = pool
        self.origin: Hashable = origin
        self.number: int = number
        self.stage: Stage = Stage.WAITING
        self.connection: C | None = None
        self.reused: bool = False
        self.waiter: Any = None

    def __repr__(self) -> str:
        state = "to dial" if self.stage is Stage.GRANTED and self.connection is None else self.stage.name.lower()
        return f"<Lease {self.number} of {self.origin!r}: {state}>"


class Next(NamedTuple, Generic[C]):
    """What is left to do: the waiter that has been granted its lease, to be woken, and connections to be closed."""

    wake: Lease[C] | None
    close: Sequence[C]


class _Idle(Generic[C]):
    __slots__ = ("connection", "host", "since")

    def __init__(self, connection: C, host: _Host[C], since: float) -> None:
        self.connection = connection
        self.host = host
        self.since = since


class _Host(Generic[C]):
    """An origin's share: its slots, its idle connections (the last used at the right), who waits for a slot of it."""

    __slots__ = ("blocked", "claimed", "idle", "open", "origin")

    def __init__(self, origin: Hashable) -> None:
        self.origin = origin
        self.open = 0
        self.claimed = 0  # slots of its share that are kept for those who stand in the pool's line
        self.idle: deque[_Idle[C]] = deque()
        self.blocked: OrderedDict[int, Lease[C]] = OrderedDict()


class Pool(Generic[C]):
    """Connections by origin.

    Args:
        max_connections: slots in all; None: no limit.
        max_per_host: slots of one origin; None: no limit but the other.
        max_waiting: leases that may wait; None: no limit.
        max_idle: idle connections that are kept; None: no limit.
        expiry: seconds after which an idle connection is closed; None: never.
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
        self._expires_at = inf  # no idle connection does before
        self._hosts: dict[Hashable, _Host[C]] = {}
        self._idle: OrderedDict[_Idle[C], None] = OrderedDict()  # the longest idle first
        self._line: Line[Lease[C]] = Line()  # who waits for a slot of the pool, and has one of the host's share
        self._blocked = 0
        self._open = 0
        self._number = 0

    def __repr__(self) -> str:
        return f"<Pool: {self._open} of {self._max_connections} open, {len(self._idle)} idle, {self.waiting} waiting>"

    def acquire(self, origin: Hashable, now: float) -> tuple[Lease[C], Sequence[C]]:
        """Claim a connection to ``origin`` at ``now`` seconds: the lease, granted or waiting, and what to close.

        QueueFull: it would have to wait, and as many wait as may.
        """
        close = self.expire(now)
        self._number += 1
        lease: Lease[C] = Lease(origin, self._number, self)
        host = self._hosts.get(origin)
        if host is None:
            host = self._hosts[origin] = _Host(origin)
        if host.idle:
            self._grant(lease, self._take(host.idle.pop()))
        elif not self._has_share(host):
            self._require_room(host)
            host.blocked[lease.number] = lease
            self._blocked += 1
        elif self._open < self._max_connections:
            self._grant_slot(lease, host)
        elif self._idle:
            close = [*close, self._evict()]
            self._grant_slot(lease, host)
        else:
            self._require_room(host)
            host.claimed += 1
            self._line.join(lease)
        return lease, close

    def dialled(self, lease: Lease[C], connection: C) -> None:
        """The permission to dial was used, or a connection that had died while idle was replaced in its slot."""
        self._expect(lease, Stage.GRANTED)
        lease.connection = connection
        lease.reused = False

    def release(self, lease: Lease[C], now: float, *, reusable: bool) -> Next[C]:
        """The lease ends; its connection is kept if it is ``reusable``."""
        self._expect(lease, Stage.GRANTED)
        lease.stage = Stage.ENDED
        close = self.expire(now)
        host = self._hosts[lease.origin]
        connection, lease.connection = lease.connection, None
        if connection is None:
            return Next(self._free(host), close)
        if reusable:
            return self._hand_on(connection, host, now, close)
        return Next(self._free(host), [*close, connection])

    def cancel(self, lease: Lease[C], now: float) -> Next[C]:
        """The lease is not wanted any more, and its connection, if it has one, is unused: its turn passes on."""
        if lease.stage is not Stage.WAITING:
            return self.release(lease, now, reusable=True)
        lease.stage = Stage.ENDED
        host = self._hosts[lease.origin]
        if host.blocked.pop(lease.number, None) is not None:
            self._blocked -= 1
        else:
            self._line.leave(lease)
            host.claimed -= 1
            self._unblock(host)
        self._forget(host)
        return Next(None, self.expire(now))

    def expire(self, now: float) -> Sequence[C]:
        """Give up the connections that have been idle for too long at ``now``: they are to be closed."""
        if now < self._expires_at:
            return ()
        close = []
        while self._idle and next(iter(self._idle)).since + self._expiry <= now:
            close.append(self._evict())
        self._expires_at = next(iter(self._idle)).since + self._expiry if self._idle else inf
        return close

    def drain(self) -> Sequence[C]:
        """Give up every idle connection: they are to be closed."""
        return [self._evict() for _ in range(len(self._idle))]

    @property
    def open(self) -> int:
        """Slots in use, for idle connections too."""
        return self._open

    @property
    def idle(self) -> int:
        """Of these, those that lie idle."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Leases that wait."""
        return len(self._line) + self._blocked

    def _require_room(self, host: _Host[C]) -> None:
        if self.waiting >= self._max_waiting:
            self._forget(host)
            raise QueueFull(f"{self.waiting} calls wait for a connection already")

    def _has_share(self, host: _Host[C]) -> bool:
        return host.open + host.claimed < self._max_per_host

    def _grant(self, lease: Lease[C], connection: C | None) -> None:
        lease.stage = Stage.GRANTED
        lease.connection = connection
        lease.reused = connection is not None

    def _grant_slot(self, lease: Lease[C], host: _Host[C]) -> None:
        self._open += 1
        host.open += 1
        self._grant(lease, None)

    def _hand_on(self, connection: C, host: _Host[C], now: float, close: Sequence[C]) -> Next[C]:
        """To the waiter whose turn it is, else to the idle ones."""
        line = self._line.first()
        blocked = next(iter(host.blocked.values()), None)
        if blocked is not None and (line is None or blocked.number < line.number):
            del host.blocked[blocked.number]
            self._blocked -= 1
            self._grant(blocked, connection)
            return Next(blocked, close)
        if line is None:
            return Next(None, self._keep(connection, host, now, close))
        if line.origin != host.origin:
            return Next(self._free(host), [*close, connection])
        self._line.leave(line)
        host.claimed -= 1
        self._unblock(host)
        self._grant(line, connection)
        return Next(line, close)

    def _keep(self, connection: C, host: _Host[C], now: float, close: Sequence[C]) -> Sequence[C]:
        idle = _Idle(connection, host, now)
        if self._expires_at == inf:
            self._expires_at = now + self._expiry
        host.idle.append(idle)
        self._idle[idle] = None
        return [*close, self._evict()] if len(self._idle) > self._max_idle else close

    def _take(self, idle: _Idle[C]) -> C:
        del self._idle[idle]
        return idle.connection

    def _evict(self) -> C:
        """Give up the connection that has been idle longest. Nobody waits for its slot, or it would not be idle."""
        idle, _ = self._idle.popitem(last=False)
        host = idle.host
        host.idle.popleft()
        host.open -= 1
        self._open -= 1
        self._forget(host)
        return idle.connection

    def _free(self, host: _Host[C]) -> Lease[C] | None:
        """A slot of ``host`` came free: it goes to whose turn it is."""
        host.open -= 1
        self._open -= 1
        self._unblock(host)
        self._forget(host)
        lease = self._line.first()
        if lease is None:
            return None
        self._line.leave(lease)
        chosen = self._hosts[lease.origin]
        chosen.claimed -= 1
        self._grant_slot(lease, chosen)
        return lease

    def _unblock(self, host: _Host[C]) -> None:
        """The host has got a share to give: who waits for it longest may stand in the line."""
        if host.blocked and self._has_share(host):
            _, lease = host.blocked.popitem(last=False)
            self._blocked -= 1
            host.claimed += 1
            self._line.join_late(lease)

    def _forget(self, host: _Host[C]) -> None:
        if not (host.open or host.claimed or host.blocked):
            del self._hosts[host.origin]

    def _expect(self, lease: Lease[C], stage: Stage) -> None:
        if lease.stage is not stage:
            raise RuntimeError(f"{lease!r} is out of turn")
