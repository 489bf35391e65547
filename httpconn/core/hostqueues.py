"""The queues of the hosts: which of many items a worker takes next. No clock and no lock."""

from collections import deque
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from typing import Generic, TypeVar

from ..options import MAX_COUNT

T = TypeVar("T")

MAX_HOSTS = 4096  # hosts to remember, in addition to those with items and calls
MAX_TRIES = 4  # calls that may try at the same time to make the first connection to a host


class _Host(Generic[T]):
    """The queue of one host.

    Attributes:
        active: number of its calls that have a worker.
        held: number of its calls that wait for the rate limit. The host starts no call before they end.
        tries: number of its calls that have no connection yet, while ``is_reached`` is False.
        is_reached: whether the host has accepted a connection.
        blocked: number of queued items that the limit or a wait for the rate limit stops.
        untried: number of queued items that only ``tries`` stops.
        listed: whether the host is in the heap.
    """

    __slots__ = ("active", "blocked", "held", "is_reached", "limit", "listed", "queue", "tries", "untried")

    def __init__(self, limit: int) -> None:
        self.queue: deque[tuple[int, T]] = deque()
        self.limit = limit
        self.active = self.held = self.tries = self.blocked = self.untried = 0
        self.is_reached = self.listed = False

    @property
    def has_room(self) -> bool:
        """Whether a further call may start now."""
        return not self.held and self.active < self.limit and (self.is_reached or self.tries < MAX_TRIES)

    @property
    def is_idle(self) -> bool:
        return not (self.queue or self.active or self.held or self.listed)


class HostQueues(Generic[T]):
    """Numbered items, in one queue for each host. Among the hosts with room, the lowest number comes first.

    Args:
        limit: a function that returns how many calls of a host may have a worker at the same time, or None.

    Attributes:
        queued: number of items in all queues.
        blocked: number of these items that the limit or the rate limit of their host stops.
        untried: number of other items that cannot start before their host has accepted a connection.
    """

    def __init__(self, limit: Callable[[Hashable], int | None]) -> None:
        self._limit = limit
        self._hosts: dict[Hashable, _Host[T]] = {}
        self._next_sweep = MAX_HOSTS
        self._heap: list[tuple[int, Hashable]] = []  # the number of the first item and the name of each host with room
        self.queued: int = 0
        self.blocked: int = 0
        self.untried: int = 0

    def add(self, name: Hashable, number: int, item: T, *, first: bool = False) -> None:
        """Queue an item behind the other items of its host, or before them."""
        host = self._host(name)
        (host.queue.appendleft if first else host.queue.append)((number, item))
        self.queued += 1
        self._update(name, host)

    def take(self) -> tuple[Hashable, int, T, bool] | None:
        """Return the host, the number and the item to start next, and whether it tries to connect first; or None."""
        while self._heap:
            name = heappop(self._heap)[1]
            host = self._hosts[name]
            host.listed = False
            if host.queue and host.has_room:
                number, item = host.queue.popleft()
                self.queued -= 1
                host.active += 1
                host.tries += not host.is_reached
                self._update(name, host)
                return name, number, item, not host.is_reached
            self._update(name, host)
        return None

    @property
    def ready(self) -> int:
        """The number of items that can start."""
        return self.queued - self.blocked - self.untried

    def enter(self, name: Hashable) -> bool:
        """Count a call of a host that continues, if the host has room."""
        host = self._host(name)
        if has_room := host.has_room:
            host.active += 1
        self._update(name, host)
        return has_room

    def leave(self, name: Hashable, *, tries: bool) -> None:
        """End a call or its use of a worker, and its try to connect."""
        host = self._hosts[name]
        host.active -= 1
        host.tries -= tries
        self._update(name, host)

    def hold(self, name: Hashable, change: int) -> None:
        """Count a call that begins (1) or ends (-1) to wait for the rate limit of its host."""
        host = self._hosts[name]
        host.held += change
        self._update(name, host)

    def begin_try(self, name: Hashable) -> bool:
        """Count a call that tries to connect. Return False if the host has accepted a connection before."""
        host = self._hosts[name]
        host.tries += not host.is_reached
        self._update(name, host)
        return not host.is_reached

    def end_try(self, name: Hashable, *, connected: bool) -> None:
        """End the try of a call to connect."""
        host = self._hosts[name]
        host.tries -= 1
        host.is_reached = host.is_reached or connected
        self._count(host, len(host.queue))
        self._update(name, host)

    def _host(self, name: Hashable) -> _Host[T]:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= self._next_sweep:
                self._hosts = {name: host for name, host in self._hosts.items() if not host.is_idle}
                self._next_sweep = max(MAX_HOSTS, 2 * len(self._hosts))
            limit = self._limit(name)
            host = self._hosts[name] = _Host(MAX_COUNT if limit is None else limit)
        return host

    def _update(self, name: Hashable, host: _Host[T]) -> None:
        """Count the items of a host that cannot start, and list the host if an item can."""
        size = len(host.queue)
        if not host.is_reached or host.held or host.blocked or size + host.active > host.limit:
            self._count(host, size)
        if not host.listed and size > host.blocked + host.untried:
            host.listed = True
            heappush(self._heap, (host.queue[0][0], name))

    def _count(self, host: _Host[T], size: int) -> None:
        blocked = size if host.held else max(0, size + host.active - host.limit)
        untried = 0 if host.is_reached else max(0, min(size, size + host.tries - MAX_TRIES) - blocked)
        self.blocked += blocked - host.blocked
        self.untried += untried - host.untried
        host.blocked, host.untried = blocked, untried
