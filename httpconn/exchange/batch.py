"""Many items at once: begun as there is room, their results handed out one by one.

The number of workers bounds what is under way, and the buffer what is begun and not handed out. So neither a source
without an end nor a caller who is slow to read fills the memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from ..core.reorder import ReorderBuffer
from ..ports.base import Channel, Crew

Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[int, Item], Awaitable[Result]]


class End(Enum):
    """The source has no more items."""

    END = "end"


class Finished(NamedTuple, Generic[Result]):
    """A result, and the number of its item."""

    number: int
    result: Result


class Raised(NamedTuple):
    """What the source or a worker raised, for the caller."""

    error: Exception


Report = Finished[Result] | Raised | End


class Many(Generic[Item, Result]):
    """Results of one piece of work for each item of a source.

    Args:
        crew: who works.
        source: the items; one that is awaited is read by a member of the crew, any other one by whoever asks for
            results, between two of them.
        work: the number of an item, from 0 on, and the item, to its result. What it raises ends the whole.
        concurrency: pieces of work at once.
        ordered: hand the results out in the order of the items.
    """

    def __init__(
        self,
        crew: Crew,
        source: Iterator[Item] | AsyncIterator[Item],
        work: Work[Item, Result],
        *,
        concurrency: int,
        ordered: bool,
    ) -> None:
        self._crew = crew
        self._source: Iterator[Item] | None = source if isinstance(source, Iterator) else None
        self._stream: AsyncIterator[Item] | None = source if isinstance(source, AsyncIterator) else None
        self._work = work
        self._workers = concurrency
        self._buffer: ReorderBuffer[Result] = ReorderBuffer(2 * concurrency, ordered=ordered)
        self._exhausted = False
        self._jobs: Channel[tuple[int, Item]] = crew.channel()
        self._reports: Channel[Report[Result]] = crew.channel()
        self._room: Channel[None] = crew.channel()

    def begin(self) -> None:
        """Read the source, where that is work of its own."""
        if self._stream is not None:
            self._crew.start(self._feed, self._stream)

    async def next(self) -> Result | End:
        """The next result; raises what the source raised."""
        if self._source is not None:
            self._fill(self._source)
        while not self._buffer.is_ready:
            if self._exhausted and self._buffer.is_empty:
                return End.END
            self._take(await self._reports.receive())
        result = self._buffer.pop()
        if self._stream is not None:
            self._room.send(None)
        return result

    def _take(self, report: Report[Result]) -> None:
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
            self._give(item)

    async def _feed(self, source: AsyncIterator[Item]) -> None:
        try:
            async for item in source:
                self._give(item)
                while not self._buffer.room:
                    await self._room.receive()
        except Exception as error:  # noqa: BLE001 - raised where the results are asked for
            self._reports.send(Raised(error))
        finally:
            if isinstance(source, AsyncGenerator):  # merely dropped, it is closed at any time later
                await source.aclose()
        self._reports.send(End.END)

    def _give(self, item: Item) -> None:
        number = self._buffer.begin()
        self._jobs.send((number, item))
        if number < self._workers:
            self._crew.start(self._labour)

    async def _labour(self) -> None:
        while True:
            number, item = await self._jobs.receive()
            try:
                report: Report[Result] = Finished(number, await self._work(number, item))
            except Exception as error:  # noqa: BLE001 - raised where the results are asked for
                report = Raised(error)
            self._reports.send(report)
            del item, report  # not kept while there is nothing to do
