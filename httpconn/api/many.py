"""The methods that fetch many URLs at the same time."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Concatenate, TypeVar

from ..core.bodycounter import ByteBudget
from ..core.urls import URL
from ..downloads.download import fetch_file
from ..downloads.downloadstate import OnExisting
from ..errors import HTTPConnError, InvalidRequest
from ..exchange import fetch
from ..exchange.batch import Batch, Work
from ..exchange.requeststate import Call
from ..progress import ProgressCallback
from ..runtime.port import Port, WorkerGroup
from ..runtime.tasks import TaskWorkerGroup
from ..runtime.threads import ThreadWorkerGroup
from .arguments import Filename, Headers, Retries, Timeout, require
from .outcomes import Fetched, Saved
from .results import AsyncResults, Results
from .runner import Runner
from .syncport import WorkerPort

T = TypeVar("T")
R = TypeVar("R")
Path = str | os.PathLike[str]
Flow = Callable[Concatenate[Port, Call, ...], Coroutine[Any, Any, T]]
Run = Callable[..., Awaitable[Any]]

MAX_CONCURRENCY = 10_000  # Most fetches at the same time. It is above the socket limit of common systems.


class ManyURLs(Runner):
    """The methods of HTTPConnection that fetch many URLs at the same time."""

    def get_many(
        self,
        urls: Iterable[URL],
        *,
        concurrency: int = 16,
        ordered: bool = False,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> Results[Fetched]:
        """GET many URLs in threads and return an iterator over the results.

        ::

            with connection.get_many(urls) as results:
                for fetched in results: ...

        A URL that fails does not stop the other URLs: its :class:`Fetched` holds the error. All fetches stop at the end
        of the block and when the iterator is closed. An exception of the iterable also stops them, and the iterator
        raises it. The iterable may be endless, because at most ``2 * concurrency`` results are in progress or waiting.

        Args:
            urls: http or https URLs. The caller's thread takes them one by one while it iterates over the results.
            concurrency: number of fetches at the same time.
            ordered: return the results in the order of the URLs. By default they come in the order of completion.
            timeout: seconds for each URL, or :class:`Timeouts`. None means the timeouts of the connection.
            allow_redirects: follow redirects.
            extra_headers: header fields for each URL. A redirect to another origin does not get them.
            max_bytes: most bytes of each body, both on the wire and decoded.
            budget: a :class:`ByteBudget`, a limit for all URLs together.
            retries: number of retries for each URL, or :class:`RetryPolicy`. None means the retries of the connection.

        Returns:
            An iterator, which is also a context manager.

        Raises:
            InvalidRequest: an option is not valid.
        """
        options = timeout, extra_headers, allow_redirects, max_bytes, budget, retries
        group = ThreadWorkerGroup()
        work = self._fetch_work(partial(self._run_in, group), *options)
        return Results(_batch(group, urls, Iterable, work, concurrency, ordered), group)

    def async_get_many(
        self,
        urls: Iterable[URL] | AsyncIterable[URL],
        *,
        concurrency: int = 16,
        ordered: bool = False,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> AsyncResults[Fetched]:
        """Do the same as :meth:`get_many` in asyncio or trio, with tasks that end with the ``async with`` block.

        ::

            async with connection.async_get_many(urls) as results:
                async for fetched in results: ...

        ``urls`` may be an asynchronous iterable. A task then takes the URLs. It closes an asynchronous generator at the
        end of the block.
        """
        options = timeout, extra_headers, allow_redirects, max_bytes, budget, retries
        group = TaskWorkerGroup()
        work = self._fetch_work(self._await, *options)
        return AsyncResults(_batch(group, urls, Iterable | AsyncIterable, work, concurrency, ordered), group)

    def download_many(
        self,
        items: Iterable[tuple[URL, Path]],
        *,
        concurrency: int = 4,
        ordered: bool = False,
        stop_on_error: bool = False,
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        remote_time: bool | None = None,
        filename: Filename = None,
        segments: int | None = None,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        progress: ProgressCallback | None = None,
    ) -> Results[Saved]:
        """Download many URLs to files in threads and return an iterator over the results.

        The iterator works as that of :meth:`get_many`, and each download as :meth:`download`. If a download is stopped,
        the next download of the file resumes it.

        Args:
            items: pairs of a URL and the path of the file.
            concurrency: number of downloads at the same time.
            ordered: return the results in the order of the items. By default they come in the order of completion.
            stop_on_error: stop all downloads at the first error. The iterator raises the error.
            resume: see :meth:`download`.
            refresh: see :meth:`download`.
            existing: see :meth:`download`.
            remote_time: see :meth:`download`.
            filename: see :meth:`download`. With "server", the path of each item is a folder.
            segments: see :meth:`download`. The number applies to each file.
            timeout: seconds for each file, or :class:`Timeouts`.
            extra_headers: header fields for each file. A redirect to another origin does not get them.
            max_bytes: most bytes of each file.
            budget: a :class:`ByteBudget`, a limit for all files together.
            retries: number of retries for each file, or :class:`RetryPolicy`. None means the retries of the connection.
            progress: a function that gets a :class:`Progress` of any of the files. Several threads call it.

        Returns:
            An iterator, which is also a context manager.

        Raises:
            InvalidRequest: an option is not valid.
        """
        options = timeout, extra_headers, max_bytes, budget, retries
        file_options: dict[str, Any] = {
            "resume": resume,
            "refresh": refresh,
            "segments": segments,
            "progress": progress,
        }
        file_options |= {"existing": existing, "remote_time": remote_time, "filename": filename}
        group = ThreadWorkerGroup()
        work = self._download_work(partial(self._run_in, group), stop_on_error, options, file_options)
        return Results(_batch(group, items, Iterable, work, concurrency, ordered), group)

    def async_download_many(
        self,
        items: Iterable[tuple[URL, Path]] | AsyncIterable[tuple[URL, Path]],
        *,
        concurrency: int = 4,
        ordered: bool = False,
        stop_on_error: bool = False,
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        remote_time: bool | None = None,
        filename: Filename = None,
        segments: int | None = None,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        progress: ProgressCallback | None = None,
    ) -> AsyncResults[Saved]:
        """Do the same as :meth:`download_many` in asyncio or trio. See :meth:`async_get_many`."""
        options = timeout, extra_headers, max_bytes, budget, retries
        file_options: dict[str, Any] = {
            "resume": resume,
            "refresh": refresh,
            "segments": segments,
            "progress": progress,
        }
        file_options |= {"existing": existing, "remote_time": remote_time, "filename": filename}
        group = TaskWorkerGroup()
        work = self._download_work(self._await, stop_on_error, options, file_options)
        return AsyncResults(_batch(group, items, Iterable | AsyncIterable, work, concurrency, ordered), group)

    def _run_in(self, group: ThreadWorkerGroup, flow: Flow[T], call: Call, *args: Any) -> Coroutine[Any, Any, T]:
        port = WorkerPort(self._clients.sync_client(), group, owned=not self._clients.reuse)
        return fetch.run_call(port, call, flow(port, call, *args))

    def _fetch_work(self, run: Run, *options: Any) -> Work[URL, Fetched]:
        self._calls.check(*options)

        async def work(index: int, url: URL) -> Fetched:
            try:
                call = self._calls.fetch(url, *options)
                return Fetched(url, index, await run(fetch.fetch_bytes, call))
            except HTTPConnError as error:
                return Fetched(url, index, error=error)

        return work

    def _download_work(
        self, run: Run, stop_on_error: bool, options: tuple[Any, ...], file_options: Mapping[str, Any]
    ) -> Work[tuple[URL, Path], Saved]:
        require(stop_on_error=(stop_on_error, bool))
        timeout, extra_headers, *others = options
        self._calls.check(timeout, extra_headers, True, *others)

        async def work(index: int, item: tuple[URL, Path]) -> Saved:
            url, path = _pair(item)
            try:
                call = self._calls.file(url, *options)
                wanted = self._calls.wanted(call, path, None, (), extra_headers, validator=None, **file_options)
                return Saved(url, path, index, await run(fetch_file, call, wanted))
            except HTTPConnError as error:
                if stop_on_error:
                    raise
                return Saved(url, path, index, error=error)

        return work


def _pair(item: Any) -> tuple[URL, Path]:
    try:
        url, path = item
    except (TypeError, ValueError):
        raise InvalidRequest("Each item must be a pair of a URL and a path") from None
    return url, path


def _batch(
    group: WorkerGroup, items: Any, kinds: Any, work: Work[Any, R], concurrency: int, ordered: bool
) -> Batch[Any, R]:
    if isinstance(items, (str, bytes, Mapping)) or not isinstance(items, kinds):
        raise InvalidRequest(f"The URLs or items must be an iterable, not {type(items).__name__}")
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or not 0 < concurrency <= MAX_CONCURRENCY:
        raise InvalidRequest(f"concurrency must be a whole number from 1 to {MAX_CONCURRENCY:,}")
    require(ordered=(ordered, bool))
    source = aiter(items) if isinstance(items, AsyncIterable) else iter(items)
    return Batch(group, source, work, concurrency=concurrency, ordered=ordered)
