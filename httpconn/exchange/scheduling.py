"""The workers of a batch: which call has one, and which call waits for its host without one."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

from ..core.deadhosts import DeadHosts
from ..core.deadlines import Deadline
from ..core.hostqueues import HostQueues
from ..core.messages import Request
from ..options import MAX_COUNT
from ..runtime.port import Channel, Event, Exchange, WorkerGroup

Item = TypeVar("Item")
Result = TypeVar("Result")
T = TypeVar("T")

SLOW_DIAL = 0.25
"""Seconds without a result after which other items may start before those that wait for a first connection."""

HTTP2_CALLS = 100
"""Minimum limit of simultaneous calls to an HTTP/2 host. Most servers allow it (RFC 9113 section 6.5.2)."""


class Hosts(NamedTuple):
    """The hosts of the items of a batch.

    Attributes:
        of: a function that returns the host of an item. It raises nothing.
        limit: a function that returns how many calls of a host may be active at the same time.
        tries: see :class:`HostQueues`.
    """

    of: Callable[[Any], Hashable]
    limit: Callable[[Hashable], int]
    tries: int | None


ONE_HOST = Hosts(lambda _: None, lambda _: MAX_COUNT, None)
"""The same host for all items, without a limit."""


@dataclass(slots=True, eq=False, repr=False)
class Raised:
    """An exception of the source or of a worker."""

    error: Exception


class HostUse(Enum):
    """The use of a host by a call that waits without a worker."""

    FREED = "freed"
    """Another call to the host may start."""
    KEPT = "kept"
    """The call still counts."""
    LENT = "lent"
    """The call still counts. Its worker starts no new item, but calls that continue can have it."""
    CLOSED = "closed"
    """No call to the host starts."""


_COUNTED = (HostUse.KEPT, HostUse.LENT)  # calls that still count at their host


class _NoItem(Enum):
    NONE = "none"


@dataclass(slots=True, eq=False, repr=False)
class Worker:
    """A worker, and its use by its current call.

    Attributes:
        tries: whether the call is a try: its host has not accepted a connection yet.
        stays: whether the worker waits for further items.
        port: the port of the call.
    """

    scheduler: Scheduler[Any, Any]
    dead_hosts: DeadHosts
    host: Hashable = None
    number: int = 0
    tries: bool = False
    stays: bool = True
    port: Any = field(default=None, repr=False)

    def aside(self, waiting: Coroutine[Any, Any, T], *, holds_host: bool = False) -> Coroutine[Any, Any, T]:
        """Await something without a connection. In the meantime, another call can use the worker.

        Args:
            holds_host: start no further call to the host in the meantime.
        """
        return self._aside(waiting, HostUse.CLOSED if holds_host else HostUse.FREED)

    async def _aside(self, waiting: Coroutine[Any, Any, T], use: HostUse) -> T:
        scheduler = self.scheduler
        try:
            is_aside = scheduler.leave(self, use)
        except BaseException:  # the group was stopped
            waiting.close()
            raise
        if not is_aside:
            return await waiting
        try:
            awaited = await waiting
        except Exception:
            await scheduler.rejoin(self, use)
            raise
        await scheduler.rejoin(self, use)
        return awaited

    async def first(self, request: Request, sending: Coroutine[Any, Any, Exchange]) -> Exchange:
        """Await the response of a host that is new to the call, or that has accepted no connection yet."""
        try:
            if request.origin != self.host:
                await self.scheduler.move(self, request.origin)
        except BaseException:
            sending.close()
            raise
        if request.origin != self.host:  # too many calls wait
            request.dialler = None
        if not self.tries or request.dialler is None:
            return await sending
        exchange = await sending
        self.reached()  # only the engine reports connections earlier
        if exchange.head.version == b"HTTP/2":
            self.scheduler.widen(self.host, HTTP2_CALLS)
        return exchange

    async def queue(self, granting: Coroutine[Any, Any, T]) -> T:
        """Await a free connection. In the meantime, a call that has a connection can have the worker."""
        # Otherwise all workers could wait for connections, and the calls with these connections for workers.
        return await self._aside(granting, HostUse.LENT)

    async def dial(self, connecting: Coroutine[Any, Any, T]) -> T:
        """Await a new connection. Another call can use the worker meanwhile, so a silent host delays only itself."""
        if not self.tries:
            return await connecting
        connection = await self._aside(connecting, HostUse.KEPT)
        self.reached()
        return connection

    def reached(self) -> None:
        """Record that the host has accepted a connection."""
        if self.tries:
            self.scheduler.prove(self)


class _Resumption(NamedTuple):
    """A call that continues after a wait without a worker."""

    event: Event
    worker: Worker


class Scheduler(Generic[Item, Result]):
    """Workers that take items from the queues of their hosts.

    Args:
        work: a coroutine function that returns the result of an item.
        reports: a channel for the number of each item with its result, and for the exceptions of ``work``.
        concurrency: number of calls that have a worker at the same time. Other workers only wait.
        when_aside: a function to call after a call has left its worker.
    """

    def __init__(
        self,
        group: WorkerGroup,
        work: Callable[[Worker, Item], Awaitable[Result]],
        reports: Channel[Any],
        concurrency: int,
        hosts: Hosts,
        when_aside: Callable[[], None],
    ) -> None:
        self._dead_hosts = DeadHosts()
        self._group = group
        self._work = work
        self._reports = reports
        self._concurrency = concurrency
        self._when_aside = when_aside
        self._lock = group.lock()
        self._host_of = hosts.of
        self._queues: HostQueues[Item | _Resumption] = HostQueues(hosts.limit, hosts.tries, concurrency)
        self._returning: deque[_Resumption] = deque()  # calls that need a worker, but no place at their host
        self._wakes: Channel[None] = group.channel()
        self._running = 0  # workers that have an item, or were woken or started to take one
        self._coming = 0  # running workers that have not taken an item yet
        self._idle = 0  # workers that wait for a wake
        self._aside = 0  # calls that wait without a worker
        self._lent = 0  # other calls, which wait for a connection and have lent their workers
        self._dials_slowly = False

    def waiting(self) -> int:
        """Return the number of items and calls that wait for their hosts."""
        queues = self._queues
        return self._aside + (queues.queued - queues.ready if self._dials_slowly else queues.blocked)

    def seconds_to_slow_dial(self) -> float | None:
        """The seconds until :meth:`dials_slowly` is due. None if no item waits for the first connection to a host."""
        if not self._queues.unproven:
            self._dials_slowly = False
            return None
        return None if self._dials_slowly else SLOW_DIAL

    def dials_slowly(self) -> None:
        """Let ``waiting`` include the items that wait for the first connection to a host, until none is left."""
        self._dials_slowly = True

    def add(self, number: int, item: Item) -> None:
        """Queue an item."""
        host = self._host_of(item)
        with self._lock:
            self._queues.add(host, number, item)
            if self._running < self._concurrency:
                self._wake_workers()

    def leave(self, worker: Worker, use: HostUse) -> bool:
        """Free the worker of a call. Return False if too many calls wait already."""
        with self._lock:
            if use is HostUse.LENT:
                self._lent += 1
            elif self._aside < self._group.spare:
                self._aside += 1
            else:
                return False
            self._running -= 1
            if use not in _COUNTED:
                self._leave(worker)
            if use is HostUse.CLOSED:
                self._queues.hold(worker.host, 1)
            self._wake_workers()
        if use not in _COUNTED:
            self._when_aside()
        return True

    async def rejoin(self, worker: Worker, use: HostUse) -> None:
        """Wait until a worker and the host have a free place for a call that continues."""
        with self._lock:
            if use is HostUse.CLOSED:
                self._queues.hold(worker.host, -1)
            if use is HostUse.LENT:
                self._lent -= 1
                self._aside += 1
            event = self._admit(worker, use)
        if event is not None:
            await worker.port.wait(event, Deadline())

    async def move(self, worker: Worker, host: Hashable) -> None:
        """Wait until another host can start a call, for example after a redirect. Return at once if too many wait."""
        with self._lock:
            if self._aside >= self._group.spare:
                return
            self._leave(worker)
            worker.host = host
            self._aside += 1
            self._running -= 1
            event = self._admit(worker, HostUse.FREED)
        if event is not None:
            self._when_aside()
            await worker.port.wait(event, Deadline())

    def _admit(self, worker: Worker, use: HostUse) -> Event | None:
        """Let a call continue, or queue it before the new calls of its host. Return the event that it must wait for."""
        tries = event = None
        if self._running < (self._concurrency if use in _COUNTED else self._concurrency - self._lent):
            tries = worker.tries if use in _COUNTED else self._queues.enter(worker.host)
        if tries is not None:
            self._running += 1
            self._aside -= 1
            worker.tries = tries
        else:
            event = worker.port.make_event()
            resumption = _Resumption(event, worker)
            if use in _COUNTED:
                self._returning.append(resumption)
            else:
                self._queues.add(worker.host, worker.number, resumption, first=True)
        self._wake_workers()
        return event

    def prove(self, worker: Worker) -> None:
        """End the try of a call, which has a connection now."""
        with self._lock:
            worker.tries = False
            self._queues.prove(worker.host)
            self._wake_workers()

    def widen(self, host: Hashable, limit: int) -> None:
        """Raise the limit of a host to at least ``limit``."""
        with self._lock:
            self._queues.widen(host, limit)
            self._wake_workers()

    def _wake_workers(self) -> None:
        """Let calls continue, and wake or start workers for the items that can start."""
        while self._returning and self._running < self._concurrency:
            self._running += 1
            self._resume(self._returning.popleft())
        while self._running < self._concurrency - self._lent and self._queues.ready > self._coming:
            if self._idle:
                self._idle -= 1
                self._wakes.send(None)
            elif not self._group.start(self._run_worker):
                return
            self._running += 1
            self._coming += 1

    async def _run_worker(self) -> None:
        worker, work, reports = Worker(self, self._dead_hosts), self._work, self._reports
        while worker.stays:
            item = self._take(worker, comes=True)
            while not isinstance(item, _NoItem):
                report: tuple[int, Result] | Raised
                try:
                    report = worker.number, await work(worker, item)
                except Exception as error:  # noqa: BLE001 - the reader of the results raises it
                    report = Raised(error)
                reports.send(report)
                item = self._take(worker, comes=False)
            if worker.stays:
                await self._wakes.receive()

    def _take(self, worker: Worker, *, comes: bool) -> Item | _NoItem:
        """Return the next item of a worker. ``comes``: the worker is new or was idle, and has no finished item.

        A call that continues takes the place of the worker among the running workers.
        """
        with self._lock:
            if comes:
                self._coming -= 1
            else:
                self._queues.leave(worker.host, tries=worker.tries)
            if self._returning:
                self._resume(self._returning.popleft())
            elif self._running > self._concurrency - self._lent or (taken := self._queues.take()) is None:
                self._running -= 1
            else:
                host, number, item, tries = taken
                if not isinstance(item, _Resumption):
                    worker.host, worker.number, worker.tries = host, number, tries
                    return item
                item.worker.tries = tries
                self._resume(item)
            worker.stays = self._idle < self._concurrency
            self._idle += worker.stays
        return _NoItem.NONE

    def _resume(self, resumption: _Resumption) -> None:
        self._aside -= 1
        resumption.event.set()

    def _leave(self, worker: Worker) -> None:
        self._queues.leave(worker.host, tries=worker.tries)
        worker.tries = False
