"""The queues of the hosts: which of many items a worker takes next. No clock and no lock."""

from collections import deque
from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_HOSTS = 4096  # hosts to remember, in addition to those with items and calls
MAX_TRIES = 4  # calls at the same time that try to make the first connection to a host


class _Host(Generic[T]):
    """The queue of one host.

    Attributes:
        active: number of its calls that have a worker, or connect.
        held: number of its calls that wait for the rate limit. The host starts no call before they end.
        tries: number of its calls that have no connection yet, and began while ``is_proven`` was False.
        is_proven: whether the host has accepted a connection.
        blocked: number of queued items that the limit or a wait for the rate limit stops.
        unproven: number of the other queued items, while ``is_proven`` is False.
        startable: number of these items that ``tries`` does not stop.
        listed: whether the host is in a heap.
    """

    __slots__ = ("active", "blocked", "held", "is_proven", "limit", "listed", "queue", "startable", "tries", "unproven")

    def __init__(self, limit: int, *, is_proven: bool) -> None:
        self.queue: deque[tuple[int, T]] = deque()
        self.limit = limit
        self.active = self.held = self.tries = self.blocked = self.unproven = self.startable = 0
        self.is_proven = is_proven
        self.listed = False

    @property
    def is_idle(self) -> bool:
        return not (self.queue or self.active or self.held or self.listed)


class HostQueues(Generic[T]):
    """Numbered items, in one queue for each host. Among the hosts with room, the lowest number comes first.

    Args:
        limit: a function that returns how many calls of a host may be active at the same time.
        tries: number of calls that may try at the same time to make the first connection to their hosts. A host may
            have half of them, and at most ``MAX_TRIES``. None: each host counts as one that has accepted a connection.

    Attributes:
        queued: number of items in all queues.
        blocked: number of these items that the limit or the rate limit of their host stops.
        unproven: number of other items of hosts that have accepted no connection.
    """

    def __init__(self, limit: Callable[[Hashable], int], tries: int | None) -> None:
        self._limit = limit
        self._trusts = tries is None
        self._free_tries = tries = tries or 0
        self._tries_of_host = max(1, min(MAX_TRIES, tries // 2))
        self._hosts: dict[Hashable, _Host[T]] = {}
        self._next_sweep = MAX_HOSTS
        # The number of the first item and the name of each host with room: of proven hosts, and of others.
        self._proven: list[tuple[int, Hashable]] = []
        self._others: list[tuple[int, Hashable]] = []
        self._startable = 0
        self.queued: int = 0
        self.blocked: int = 0
        self.unproven: int = 0

    def add(self, name: Hashable, number: int, item: T, *, first: bool = False) -> None:
        """Queue an item behind the other items of its host, or before them."""
        host = self._hosts.get(name) or self._new(name)
        (host.queue.appendleft if first else host.queue.append)((number, item))
        self.queued += 1
        self._update(name, host)

    def take(self) -> tuple[Hashable, int, T, bool] | None:
        """Return the host, the number and the item to start next, and whether the call is a try; or None."""
        while True:
            heap, others = self._proven, self._others
            if others and self._free_tries > 0 and (not heap or others[0] < heap[0]):
                heap = others
            if not heap:
                return None
            name = heappop(heap)[1]
            host = self._hosts[name]
            host.listed = False
            tries = not host.is_proven
            if host.queue and self._has_room(host):
                number, item = host.queue.popleft()
                self.queued -= 1
                host.active += 1
                if tries:
                    self._count_try(host, 1)
                self._update(name, host)
                return name, number, item, tries
            self._update(name, host)

    @property
    def untried(self) -> int:
        """The number of items that cannot start before a host has accepted a connection, or a try has failed."""
        return self.unproven - min(self._startable, max(0, self._free_tries))

    @property
    def ready(self) -> int:
        """The number of items that can start."""
        return self.queued - self.blocked - self.untried

    def enter(self, name: Hashable) -> bool | None:
        """Start a call that continues, and return whether it is a try; None if the host has no room."""
        host = self._hosts.get(name) or self._new(name)
        if not self._has_room(host) or (not host.is_proven and self._free_tries <= 0):
            return None
        host.active += 1
        if not host.is_proven:
            self._count_try(host, 1)
        self._update(name, host)
        return not host.is_proven

    def leave(self, name: Hashable, *, tries: bool) -> None:
        """End an active call, which may be a try."""
        host = self._hosts[name]
        host.active -= 1
        if tries:
            self._count_try(host, -1)
        self._update(name, host)

    def hold(self, name: Hashable, change: int) -> None:
        """Count a call that begins (1) or ends (-1) to wait for the rate limit of its host."""
        host = self._hosts[name]
        host.held += change
        self._update(name, host)

    def prove(self, name: Hashable) -> None:
        """End the try of a call, which has a connection now."""
        host = self._hosts[name]
        self._count_try(host, -1)
        if not host.is_proven:
            host.is_proven = True
            if host.listed:
                host.listed = False
                self._others = [entry for entry in self._others if entry[1] != name]
                heapify(self._others)
        self._count(host)
        self._update(name, host)

    def widen(self, name: Hashable, limit: int) -> None:
        """Raise the limit of a host to at least ``limit``."""
        host = self._hosts[name]
        host.limit = max(host.limit, limit)
        self._update(name, host)

    def _has_room(self, host: _Host[T]) -> bool:
        """Return whether a further call may start now, if ``tries`` allows it."""
        has_try = host.is_proven or host.tries < self._tries_of_host
        return not host.held and host.active < host.limit and has_try

    def _count_try(self, host: _Host[T], change: int) -> None:
        host.tries += change
        self._free_tries -= change

    def _new(self, name: Hashable) -> _Host[T]:
        if len(self._hosts) >= self._next_sweep:
            self._hosts = {name: host for name, host in self._hosts.items() if not host.is_idle}
            self._next_sweep = max(MAX_HOSTS, 2 * len(self._hosts))
        host: _Host[T] = _Host(self._limit(name), is_proven=self._trusts)
        self._hosts[name] = host
        return host

    def _update(self, name: Hashable, host: _Host[T]) -> None:
        """Count the items of a host that cannot start, and list the host if an item can."""
        size = len(host.queue)
        if not host.is_proven or host.held or host.blocked or size + host.active > host.limit:
            self._count(host)
        if not host.listed and size > host.blocked and (host.is_proven or host.startable):
            host.listed = True
            heappush(self._proven if host.is_proven else self._others, (host.queue[0][0], name))

    def _count(self, host: _Host[T]) -> None:
        size = len(host.queue)
        blocked = size if host.held else max(0, size + host.active - host.limit)
        unproven = 0 if host.is_proven else size - blocked
        startable = max(0, min(unproven, self._tries_of_host - host.tries))
        self.blocked += blocked - host.blocked
        self.unproven += unproven - host.unproven
        self._startable += startable - host.startable
        host.blocked, host.unproven, host.startable = blocked, unproven, startable
