"""Results that are handed out one by one while others are under way: an iterator for each face."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Generic, Self, TypeVar

from ..errors import InvalidRequest
from ..exchange.batch import Batch, End
from ..ports.tasks import TaskCrew
from ..ports.threads import CleanUp, Stopped, ThreadCrew
from ..runtime.stepping import run_sync

R = TypeVar("R")


class Results(Iterator[R], Generic[R]):
    """An iterator over results, which threads work on beside whoever iterates.

    The threads end with the last result, with an exception, with the ``with`` block, with ``close``, or when nobody
    holds the iterator any more, whichever comes first.
    """

    def __init__(self, many: Batch[object, R], crew: ThreadCrew) -> None:
        self._many = many
        self._crew = crew
        self._stop = weakref.finalize(self, crew.stop)
        crew.belong_to(self)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        if not self._stop.alive:
            raise StopIteration
        try:
            result = run_sync(self._many.next())
        except Stopped:
            raise StopIteration from None
        except BaseException:
            self.close()
            raise
        if isinstance(result, End):
            self.close()
            raise StopIteration
        return result

    def close(self) -> None:
        """Stop what is under way; there are no further results."""
        if self._stop.alive:
            CleanUp(self._end).wait()

    def _end(self) -> None:
        self._crew.stop()
        self._stop.detach()
        self._crew.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class AsyncResults(AsyncIterator[R], Generic[R]):
    """The same for tasks, which live as long as its ``async with`` block::

        async with connection.async_get_many(urls) as results:
            async for fetched in results: ...

    Tasks must not outlive a block that waits for them, and an iterator that is dropped half-way has none: so it
    cannot be iterated outside of its block.
    """

    def __init__(self, many: Batch[object, R], crew: TaskCrew) -> None:
        self._many = many
        self._crew = crew
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        if self._ended:
            raise StopAsyncIteration
        if not self._crew.is_at_work:
            raise InvalidRequest("Iterate in a block: async with connection.async_get_many(...) as results")
        try:
            result = await self._many.next()
        except Exception:
            self._ended = True
            raise
        if isinstance(result, End):
            self._ended = True
            raise StopAsyncIteration
        return result

    async def __aenter__(self) -> Self:
        if self._ended or self._crew.is_at_work:
            raise InvalidRequest("Results can be entered once")
        await self._crew.enter()
        self._many.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._ended = True
        await self._crew.leave()
