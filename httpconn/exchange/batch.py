"""Concurrent work on many items, with bounded memory.

The number of workers bounds the items in progress. The reorder buffer bounds the items that were started and whose
results were not returned. So memory stays bounded for an endless source and for a slow caller.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from ..core.reorder import ReorderBuffer
from ..runtime.port import Channel, WorkerGroup

Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[int, Item], Awaitable[Result]]


class End(Enum):
    """The end of the results."""

    END = "end"


class Finished(NamedTuple, Generic[Result]):
    """A result and the number of its item."""

    number: int
    result: Result


class Raised(NamedTuple):
    """An exception of the source or of a worker."""

    error: Exception


Report = Finished[Result] | Raised | End


class Batch(Generic[Item, Result]):
    """The results of one function for each item of a source.

    Args:
        source: the items. A worker reads an asynchronous source. ``next`` reads any other source.
        work: a coroutine function that gets the number of an item, from 0, and the item, and returns the result. An
            exception ends the batch.
    """

    def __init__(
        self,
        group: WorkerGroup,
        source: Iterator[Item] | AsyncIterator[Item],
        work: Work[Item, Result],
        *,
        concurrency: int,
        ordered: bool,
    ) -> None:
        self._group = group
        self._source: Iterator[Item] | None = source if isinstance(source, Iterator) else None
        self._stream: AsyncIterator[Item] | None = source if isinstance(source, AsyncIterator) else None
        self._work = work
        self._workers = concurrency
        self._buffer: ReorderBuffer[Result] = ReorderBuffer(2 * concurrency, ordered=ordered)
        self._exhausted = False
        self._items: Channel[tuple[int, Item]] = group.channel()
        self._reports: Channel[Report[Result]] = group.channel()
        self._free: Channel[None] = group.channel()

    def start(self) -> None:
        """Start to read an asynchronous source."""
        if self._stream is not None:
            self._group.start(self._read, self._stream)

    async def next(self) -> Result | End:
        """Return the next result, or ``End.END``. Raise the exception of the source or of a worker."""
        if self._source is not None:
            self._fill(self._source)
        while not self._buffer.is_ready:
            if self._exhausted and self._buffer.is_empty:
                return End.END
            self._accept(await self._reports.receive())
        result = self._buffer.pop()
        if self._stream is not None:
            self._free.send(None)
        return result

    def _accept(self, report: Report[Result]) -> None:
        if isinstance(report, Finished):
            self._buffer.finish(*report)
        elif isinstance(report, Raised):
            raise report.error
        else:
            self._exhausted = True

    def _fill(self, source: Iterator[Item]) -> None:
        for _ in range(0 if self._exhausted else self._buffer.room):
            item = next(source, End.END)
            if item is End.END:
                self._exhausted = True
                return
            self._submit(item)

    async def _read(self, source: AsyncIterator[Item]) -> None:
        try:
            async for item in source:
                self._submit(item)
                while not self._buffer.room:
                    await self._free.receive()
        except Exception as error:  # noqa: BLE001 - ``next`` raises it
            self._reports.send(Raised(error))
        finally:
            if isinstance(source, AsyncGenerator):  # otherwise the event loop would close it at some later time
                await source.aclose()
        self._reports.send(End.END)

    def _submit(self, item: Item) -> None:
        number = self._buffer.begin()
        self._items.send((number, item))
        if number < self._workers:
            self._group.start(self._run_worker)

    async def _run_worker(self) -> None:
        while True:
            number, item = await self._items.receive()
            try:
                report: Report[Result] = Finished(number, await self._work(number, item))
            except Exception as error:  # noqa: BLE001 - ``next`` raises it
                report = Raised(error)
            self._reports.send(report)
            del item, report  # do not keep them in memory while waiting
