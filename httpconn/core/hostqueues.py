"""The queues of the hosts: which of many items a worker takes next. No clock and no lock."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_HOSTS = 4096  # hosts to remember, in addition to those with items and calls
MAX_TRIES = 4  # calls at the same time that try to make the first connection to a host


@dataclass(slots=True, eq=False, repr=False)
class _Host(Generic[T]):
    """The queue of one host."""

    limit: int
    is_proven: bool  # whether the host has accepted a connection
    queue: deque[tuple[int, T]] = field(default_factory=deque)
    active: int = 0  # number of its calls that have a worker, or connect
    # The number of its calls that wait for the rate limit. The host starts no call before these waits end.
    held: int = 0
    tries: int = 0  # number of its calls that have no connection yet, and began while ``is_proven`` was False
    blocked: int = 0  # number of queued items that the limit or a wait for the rate limit stops
    stopped: int = 0  # number of queued items that ``_most_active`` or a wait for the rate limit stops
    unproven: int = 0  # number of the other queued items, while ``is_proven`` is False
    first: int = 0  # 1 if one of these items can begin the only try of the host, otherwise 0
    again: int = 0  # number of the other items that ``tries`` does not stop
    listed: list[tuple[int, Hashable]] | None = None  # the heap that has the host, or None

    @property
    def is_idle(self) -> bool:
        return not (self.queue or self.active or self.held) and self.listed is None


class HostQueues(Generic[T]):
    """Numbered items, in one queue for each host. Among the hosts with room, the lowest number comes first.

    A try is a call to a host that has not accepted a connection yet.

    Args:
        limit: a function that returns how many calls of a host may be active at the same time.
        tries: number of calls that may try at the same time to make the first connection to their hosts. A host has
            one try, and up to ``MAX_TRIES`` while more than half of all tries are free. None: each host counts as if
            it had accepted a connection.
        concurrency: maximum number of active calls of a host during a try, which has no worker.
    """

    def __init__(self, limit: Callable[[Hashable], int], tries: int | None, concurrency: int) -> None:
        self._limit = limit
        self._concurrency = concurrency
        self._trusts = tries is None
        self._free_tries = tries = tries or 0
        self._reserve = tries // 2  # tries that only hosts without a try can use
        self._tries_of_host = max(1, min(MAX_TRIES, self._reserve))
        self._hosts: dict[Hashable, _Host[T]] = {}
        self._next_sweep = MAX_HOSTS
        # Heaps of the hosts with room, each with the number of its first item and its name: proven hosts, hosts without
        # a try, and hosts with a try.
        self._proven: list[tuple[int, Hashable]] = []
        self._untried: list[tuple[int, Hashable]] = []
        self._trying: list[tuple[int, Hashable]] = []
        self._stopped = 0
        self._first = 0
        self._again = 0
        self.queued: int = 0  # number of items in all queues
        self.blocked: int = 0  # number of these items that the limit or the rate limit of their host stops
        self.unproven: int = 0  # number of other items of hosts that have accepted no connection

    def add(self, name: Hashable, number: int, item: T, *, first: bool = False) -> None:
        """Queue an item behind the other items of its host, or before them."""
        host = self._hosts.get(name) or self._new(name)
        (host.queue.appendleft if first else host.queue.append)((number, item))
        self.queued += 1
        self._update(name, host)

    def take(self) -> tuple[Hashable, int, T, bool] | None:
        """Return the host, the number and the next item, and whether its call is a try. None: no item can start."""
        while True:
            heap = self._proven
            for others, reserve in ((self._untried, 0), (self._trying, self._reserve)) if self.unproven else ():
                if others and self._free_tries > reserve and (not heap or others[0] < heap[0]):
                    heap = others
            if not heap:
                return None
            name = heappop(heap)[1]
            host = self._hosts[name]
            host.listed = None
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
        free = self._free_tries
        return self.unproven - min(self._first, max(0, free)) - min(self._again, max(0, free - self._reserve))

    @property
    def ready(self) -> int:
        return self.queued - self._stopped - self.untried

    def enter(self, name: Hashable) -> bool | None:
        """Start a call that continues, and return whether it is a try; None if the host has no room."""
        host = self._hosts.get(name) or self._new(name)
        reserve = self._reserve if host.tries else 0
        if not self._has_room(host) or (not host.is_proven and self._free_tries <= reserve):
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
        host.is_proven = True
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
        return not host.held and host.active < self._most_active(host) and has_try

    def _most_active(self, host: _Host[T]) -> int:
        return min(host.limit, self._concurrency) if host.tries else host.limit

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
        if not host.is_proven or host.held or host.tries or host.stopped or size + host.active > host.limit:
            self._count(host)
        heap = self._proven if host.is_proven else self._trying if host.tries else self._untried
        if host.listed is not None and host.listed is not heap:
            host.listed[:] = [entry for entry in host.listed if entry[1] != name]
            heapify(host.listed)
            host.listed = None
        if host.listed is None and size > host.stopped and (host.is_proven or host.first + host.again):
            host.listed = heap
            heappush(heap, (host.queue[0][0], name))

    def _count(self, host: _Host[T]) -> None:
        size = len(host.queue)
        blocked = size if host.held else max(0, size + host.active - host.limit)
        stopped = size if host.held else min(size, max(0, size + host.active - self._most_active(host)))
        unproven = 0 if host.is_proven else size - stopped
        first = 0 if host.tries else min(1, unproven)
        again = max(0, min(unproven, self._tries_of_host - host.tries) - first)
        self.blocked += blocked - host.blocked
        self._stopped += stopped - host.stopped
        host.stopped = stopped
        self.unproven += unproven - host.unproven
        self._first += first - host.first
        self._again += again - host.again
        host.blocked, host.unproven, host.first, host.again = blocked, unproven, first, again
