"""Concurrent work on many items, with bounded memory.

The number of workers bounds the items in progress. At most ``2 * concurrency`` items are in progress, can start, or
have a result that was not returned. Together with the items that wait for their hosts, the limit is
``READ_AHEAD * concurrency``. So a slow host does not stop other hosts, and memory is bounded for an endless source
and for a slow caller.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from enum import Enum
from typing import Final, Generic, TypeVar

from ..runtime.port import Channel, WorkerGroup
from .scheduling import ONE_HOST, Hosts, Raised, Scheduler, Worker

Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[Worker, Item], Awaitable[Result]]

READ_AHEAD = 32
"""Maximum number of items without a returned result, for each worker, while items wait for their hosts."""


class More(Enum):
    """A signal that calls left their workers, so that further items may start."""

    MORE = "more"


class End(Enum):
    """The end of the results."""

    END = "end"


END: Final = End.END


Report = tuple[int, Result] | Raised | End | More


class ReorderBuffer(Generic[Result]):
    """Results of numbered calls, in the order in which the calls finish or in the order of their numbers."""

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._started = 0
        self._next = 0
        self._held: dict[int, Result] = {}
        self.pending: int = 0  # number of calls that were started and whose results were not yet returned
        self.ready: deque[Result] = deque()  # the results that can be returned now

    def begin(self) -> int:
        """Count a started call and return its number, from 0."""
        self._started += 1
        self.pending += 1
        return self._started - 1

    def finish(self, number: int, result: Result) -> None:
        """Add the result of a call. An ordered buffer holds it back until all earlier calls have a result."""
        if not self._ordered:
            self.ready.append(result)
            return
        self._held[number] = result
        while self._next in self._held:
            self.ready.append(self._held.pop(self._next))
            self._next += 1

    def pop(self) -> Result:
        """Return the next result. Call this only if ``ready`` has one."""
        self.pending -= 1
        return self.ready.popleft()


class Batch(Generic[Item, Result]):
    """The results of one function for each item of a source, which a worker reads if it is asynchronous.

    ``work`` gets the worker of a call and the item. An exception of ``work`` ends the batch. ``ordered`` results have
    the order of the items. Then the batch reads no further items while other items wait for their hosts.
    """

    def __init__(
        self,
        group: WorkerGroup,
        source: Iterator[Item] | AsyncIterator[Item],
        work: Work[Item, Result],
        *,
        concurrency: int,
        ordered: bool,
        hosts: Hosts = ONE_HOST,
    ) -> None:
        self._group = group
        self._source: Iterator[Item] | None = source if isinstance(source, Iterator) else None
        self._stream: AsyncIterator[Item] | None = source if isinstance(source, AsyncIterator) else None
        self._least = 2 * concurrency
        self._most = (2 if ordered else READ_AHEAD) * concurrency
        self._buffer: ReorderBuffer[Result] = ReorderBuffer(ordered=ordered)
        self._exhausted = self._asked = self._reader_waits = False
        self._reports: Channel[Report[Result]] = group.channel()
        self._free: Channel[bool] = group.channel()
        self._scheduler: Scheduler[Item, Result] = Scheduler(group, work, self._reports, concurrency, hosts, self._ask)

    def start(self) -> None:
        """Start reading an asynchronous source."""
        if self._stream is not None:
            self._group.start(self._read, self._stream)

    async def next(self) -> Result | End:
        """Return the next result, or ``END``. Raise the exception of the source or of a worker."""
        buffer, scheduler = self._buffer, self._scheduler
        self._fill()
        while not buffer.ready:
            if self._exhausted and not buffer.pending:
                return END
            report = await self._reports.receive(scheduler.seconds_to_slow_dial())
            if isinstance(report, tuple):
                buffer.finish(*report)
            else:
                self._accept(report)
                self._fill()
        result = buffer.pop()
        if self._reader_waits:
            self._wake_reader()
        return result

    def _accept(self, report: Raised | End | More | None) -> None:
        if report is None:
            self._scheduler.dials_slowly()
        elif report is More.MORE:
            self._asked = False
        elif report is END:
            self._exhausted = True
        else:
            raise report.error

    def _has_room(self) -> bool:
        """Return whether a further item may be read."""
        pending = self._buffer.pending
        return pending < self._least or (pending < self._most and pending - self._scheduler.waiting() < self._least)

    def _fill(self) -> None:
        """Take items from a synchronous source."""
        while self._source is not None and not self._exhausted and self._has_room():
            item = next(self._source, END)
            if item is END:
                self._exhausted = True
                return
            self._scheduler.add(self._buffer.begin(), item)

    def _ask(self) -> None:
        """Ask the reader for further items, after a call has left its worker."""
        if self._reader_waits:
            self._wake_reader()
        elif self._stream is None and not self._asked:
            self._asked = True
            self._reports.send(More.MORE)

    def _wake_reader(self) -> None:
        self._reader_waits = False
        self._free.send(True)

    async def _read(self, source: AsyncIterator[Item]) -> None:
        try:
            async for item in source:
                self._scheduler.add(self._buffer.begin(), item)
                while not self._has_room():
                    self._reader_waits = True
                    if await self._free.receive(self._scheduler.seconds_to_slow_dial()) is None:
                        self._scheduler.dials_slowly()
        except Exception as error:  # noqa: BLE001 - ``next`` raises it
            self._reports.send(Raised(error))
        finally:
            if isinstance(source, AsyncGenerator):  # otherwise the event loop would close it at some later time
                await source.aclose()
        self._reports.send(END)
