"""The workers of a batch: which call has one, and which call waits for its host without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from ..core.deadhosts import DeadHosts
from ..core.deadlines import Deadline
from ..core.hostqueues import HostQueues
from ..runtime.port import Channel, Event, Port, WorkerGroup

Item = TypeVar("Item")
T = TypeVar("T")

SLOW_DIAL = 0.25  # seconds without a result after which items that wait for the first connection let others start


class Hosts(NamedTuple):
    """The hosts of the items of a batch.

    Attributes:
        of: a function that returns the host of an item. It raises nothing.
        limit: a function that returns how many calls of a host may have a worker at the same time, or None.
    """

    of: Callable[[Any], Hashable]
    limit: Callable[[Hashable], int | None]


ONE_HOST = Hosts(lambda _: None, lambda _: None)
"""The same host for all items, without a limit."""


class _Resumption(NamedTuple):
    """A call that continues after a wait without a worker."""

    event: Event


@dataclass(slots=True)
class Seat:
    """The use of a worker by one call.

    Attributes:
        tries: whether the call has no connection yet, to a host that has accepted none.
    """

    scheduler: Scheduler[Any]
    host: Hashable
    number: int
    tries: bool

    @property
    def dead_hosts(self) -> DeadHosts:
        return self.scheduler.dead_hosts

    async def aside(self, port: Port, waiting: Coroutine[Any, Any, T], *, holds_host: bool = False) -> T:
        """Await something without a connection. In the meantime, another call has the worker.

        Args:
            holds_host: start no further call to the host in the meantime.
        """
        scheduler = self.scheduler
        try:
            is_aside = scheduler.leave(self, holds_host)
        except BaseException:  # the group was stopped
            waiting.close()
            raise
        if not is_aside:
            return await waiting
        try:
            awaited = await waiting
        except Exception:
            await scheduler.rejoin(self, port, holds_host)
            raise
        await scheduler.rejoin(self, port, holds_host)
        return awaited

    async def dial(self, connecting: Coroutine[Any, Any, T]) -> T:
        """Await a new connection. A host that has accepted none yet starts few calls in the meantime."""
        if not self.tries:
            self.scheduler.begin_try(self)
        try:
            connection = await connecting
        except Exception:
            self.scheduler.end_try(self, connected=False)
            raise
        self.reached()
        return connection

    def reached(self) -> None:
        """Record that the host has accepted a connection."""
        if self.tries:
            self.scheduler.end_try(self, connected=True)


class Scheduler(Generic[Item]):
    """Workers that take items from the queues of their hosts.

    Args:
        work: a coroutine function that handles an item. It raises no ``Exception``.
        concurrency: number of calls that have a worker at the same time. Other workers only wait.
        when_aside: a function to call after a call has left its worker.
    """

    def __init__(
        self,
        group: WorkerGroup,
        work: Callable[[Seat, Item], Awaitable[None]],
        concurrency: int,
        hosts: Hosts,
        when_aside: Callable[[], None],
    ) -> None:
        self.dead_hosts: DeadHosts = DeadHosts()
        self._group = group
        self._work = work
        self._concurrency = concurrency
        self._when_aside = when_aside
        self._lock = group.lock()
        self._host_of = hosts.of
        self._queues: HostQueues[Item | _Resumption] = HostQueues(hosts.limit)
        self._wakes: Channel[None] = group.channel()
        self._running = 0  # workers that have an item, or come to take one
        self._coming = 0  # the latter
        self._idle = 0  # workers that wait for a wake
        self._aside = 0  # calls that wait without a worker
        self._is_dialling_slowly = False

    @property
    def waiting(self) -> int:
        """The number of items and calls that wait for their hosts."""
        return self._aside + self._queues.blocked + (self._queues.untried if self._is_dialling_slowly else 0)

    def patience(self) -> float | None:
        """The seconds until :meth:`dials_slowly` is due. None if no item waits for the first connection to a host."""
        if not self._queues.untried:
            self._is_dialling_slowly = False
        return SLOW_DIAL if self._queues.untried and not self._is_dialling_slowly else None

    def dials_slowly(self) -> None:
        """Count the items that wait for the first connection to a host as waiting, as long as there are any."""
        self._is_dialling_slowly = True

    def add(self, number: int, item: Item) -> None:
        """Queue an item."""
        host = self._host_of(item)
        with self._lock:
            self._queues.add(host, number, item)
            self._employ()

    def leave(self, seat: Seat, holds_host: bool) -> bool:
        """Free the worker of a call. Return False if too many calls wait already."""
        host = seat.host
        with self._lock:
            if self._aside >= self._group.spare:
                return False
            self._aside += 1
            self._running -= 1
            if holds_host:
                self._queues.hold(host, 1)
            self._leave(seat)
            self._employ()
        self._when_aside()
        return True

    async def rejoin(self, seat: Seat, port: Port, holds_host: bool) -> None:
        """Wait until a worker and the host have room for a call that continues."""
        resumption = _Resumption(port.make_event())
        with self._lock:
            self._aside -= 1
            if holds_host:
                self._queues.hold(seat.host, -1)
            if has_room := self._running < self._concurrency and self._queues.enter(seat.host):
                self._running += 1
            else:
                self._queues.add(seat.host, seat.number, resumption, first=True)
            self._employ()
        if not has_room:
            await port.wait(resumption.event, Deadline())

    def begin_try(self, seat: Seat) -> None:
        with self._lock:
            seat.tries = self._queues.begin_try(seat.host)

    def end_try(self, seat: Seat, *, connected: bool) -> None:
        with self._lock:
            if seat.tries:
                seat.tries = False
                self._queues.end_try(seat.host, connected=connected)
                self._employ()

    def _employ(self) -> None:
        """Wake or start workers for the items that can start."""
        while self._running < self._concurrency and self._queues.ready > self._coming:
            if self._idle:
                self._idle -= 1
                self._wakes.send(None)
            elif not self._group.start(self._run_worker):
                return
            self._running += 1
            self._coming += 1

    async def _run_worker(self) -> None:
        stays = True
        while stays:
            taken, stays = self._take()
            while taken is not None and not isinstance(taken[2], _Resumption):
                await self._serve(*taken)
                taken, stays = self._take(comes=0)
            if taken is not None:
                taken[2].event.set()  # the call takes the place of this worker among those that run
            if stays:
                await self._wakes.receive()

    async def _serve(self, host: Hashable, number: int, item: Item, tries: bool) -> None:
        seat = Seat(self, host, number, tries)
        await self._work(seat, item)
        with self._lock:
            self._leave(seat)

    def _leave(self, seat: Seat) -> None:
        self._queues.leave(seat.host, tries=seat.tries)
        seat.tries = False

    def _take(self, comes: int = 1) -> tuple[tuple[Hashable, int, Any, bool] | None, bool]:
        """Return the next host, number and item, or None, and whether a worker that gets no new item stays."""
        with self._lock:
            self._coming -= comes
            taken = self._queues.take()
            if taken is None:
                self._running -= 1
            elif not isinstance(taken[2], _Resumption):
                return taken, True
            stays = self._idle < self._concurrency
            self._idle += stays
            return taken, stays
