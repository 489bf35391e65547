"""The queues of the hosts: which of many items a worker takes next. No clock and no lock."""

from collections import deque
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_TRIES = 4  # calls that may try at the same time to make the first connection to a host


class _Host(Generic[T]):
    """The queue of one host.

    Attributes:
        active: number of its calls that have a worker.
        held: number of its calls that wait for the rate limit. The host starts no call before they end.
        tries: number of its calls that have no connection yet, while ``answers`` is False.
        answers: whether the host has accepted a connection.
        blocked: number of queued items that the limit or a wait for the rate limit stops.
        untried: number of queued items that only ``tries`` stops.
        listed: whether the host is in the heap.
    """

    __slots__ = ("active", "answers", "blocked", "held", "limit", "listed", "queue", "tries", "untried")

    def __init__(self, limit: float) -> None:
        self.queue: deque[tuple[int, T]] = deque()
        self.limit = limit
        self.active = self.held = self.tries = self.blocked = self.untried = 0
        self.answers = self.listed = False

    @property
    def room(self) -> float:
        """The number of further calls that may start now."""
        room = self.allowed
        return room if self.answers else min(room, MAX_TRIES - self.tries)

    @property
    def allowed(self) -> float:
        """The number of further calls that could start if the host had accepted a connection."""
        return 0 if self.held else self.limit - self.active

    @property
    def is_idle(self) -> bool:
        return not (self.queue or self.active or self.held or self.listed)


class HostQueues(Generic[T]):
    """Numbered items, in one queue for each host. The item with the lowest number whose host has room comes first.

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
        self._heap: list[tuple[int, Hashable]] = []  # the number of the first item and the name of each host with room
        self.queued = self.blocked = self.untried = 0

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
            if host.queue and host.room > 0:
                number, item = host.queue.popleft()
                self.queued -= 1
                host.active += 1
                host.tries += not host.answers
                self._update(name, host)
                return name, number, item, not host.answers
            self._update(name, host)
        return None

    @property
    def ready(self) -> int:
        """The number of items that can start."""
        return self.queued - self.blocked - self.untried

    def enter(self, name: Hashable) -> bool:
        """Count a call of a host that continues, if the host has room."""
        host = self._host(name)
        if has_room := host.room > 0:
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
        host.tries += not host.answers
        self._update(name, host)
        return not host.answers

    def end_try(self, name: Hashable, *, connected: bool) -> None:
        """End the try of a call to connect."""
        host = self._hosts[name]
        host.tries -= 1
        host.answers = host.answers or connected
        self._update(name, host)

    def _host(self, name: Hashable) -> _Host[T]:
        host = self._hosts.get(name)
        if host is None:
            limit = self._limit(name)
            host = self._hosts[name] = _Host(inf if limit is None else limit)
        return host

    def _update(self, name: Hashable, host: _Host[T]) -> None:
        size = len(host.queue)
        blocked, waiting = (int(max(0, size - max(0, room))) for room in (host.allowed, host.room))
        self.blocked += blocked - host.blocked
        self.untried += waiting - blocked - host.untried
        host.blocked, host.untried = blocked, waiting - blocked
        if size > waiting and not host.listed:
            host.listed = True
            heappush(self._heap, (host.queue[0][0], name))
        elif host.is_idle:
            del self._hosts[name]
