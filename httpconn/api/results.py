"""The iterators over the results of get_many and download_many."""

import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Generic, Self, TypeVar

from ..errors import InvalidRequest
from ..exchange.batch import Batch, End
from ..runtime.stepping import run_sync
from ..runtime.tasks import TaskWorkerGroup
from ..runtime.threads import CleanUp, Stopped, ThreadWorkerGroup

R = TypeVar("R")


class Results(Iterator[R], Generic[R]):
    """An iterator over results that threads produce.

    The threads stop after the last result, at an exception, at the end of the ``with`` block, in ``close``, and when
    the iterator is garbage-collected.
    """

    def __init__(self, batch: Batch[object, R], group: ThreadWorkerGroup) -> None:
        self._batch = batch
        self._group = group
        self._stop = weakref.finalize(self, group.stop)
        group.stop_with(self)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        if not self._stop.alive:
            raise StopIteration
        try:
            result = run_sync(self._batch.next())
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
        """Stop the threads. The iterator then has no further results."""
        if self._stop.alive:
            CleanUp(self._end).wait()

    def _end(self) -> None:
        self._group.stop()
        self._stop.detach()
        self._group.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class AsyncResults(AsyncIterator[R], Generic[R]):
    """An asynchronous iterator over results that tasks produce::

        async with connection.async_get_many(urls) as results:
            async for fetched in results: ...

    The tasks stop at the end of the ``async with`` block. Iteration needs the block, because tasks must not outlive the
    code that started them, and a garbage-collected iterator could not wait for its tasks.
    """

    def __init__(self, batch: Batch[object, R], group: TaskWorkerGroup) -> None:
        self._batch = batch
        self._group = group
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        if self._ended:
            raise StopAsyncIteration
        if not self._group.is_running:
            raise InvalidRequest("Results need a block: async with connection.async_get_many(...) as results")
        try:
            result = await self._batch.next()
        except Exception:
            self._ended = True
            raise
        if isinstance(result, End):
            self._ended = True
            raise StopAsyncIteration
        return result

    async def __aenter__(self) -> Self:
        if self._ended or self._group.is_running:
            raise InvalidRequest("Results can be used in only one with block")
        await self._group.enter()
        self._batch.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._ended = True
        await self._group.leave()
