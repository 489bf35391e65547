"""The methods that fetch many URLs: each is a line over a flow."""

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
from ..ports.base import Crew, Port
from ..ports.sync import CrewPort
from ..ports.tasks import TaskCrew
from ..ports.threads import ThreadCrew
from ..progress import ProgressCallback
from .arguments import Filename, Headers, Retries, Timeout, require
from .outcomes import Fetched, Saved
from .results import AsyncResults, Results
from .runner import Face

T = TypeVar("T")
R = TypeVar("R")
Path = str | os.PathLike[str]
Flow = Callable[Concatenate[Port, Call, ...], Coroutine[Any, Any, T]]
Run = Callable[..., Awaitable[Any]]

MOST = 10_000
"""Fetches at once; more than any system's sockets bear."""


class ManyURLs(Face):
    """Batch URLs at once, their results one by one."""

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
        """GET many URLs in threads, and iterate over what each of them came to.

        ::

            with connection.get_many(urls) as results:
                for fetched in results: ...

        One that fails does not stop the others: its :class:`Fetched` holds the error. Leaving the block, or closing
        the iterator, stops what is under way; so does an exception of the iterable, which is raised where the results
        are asked for. At most ``2 * concurrency`` URLs are begun and not handed out, so the iterable may be endless.

        Args:
            urls: http or https URLs; they are taken one by one, in the caller's thread, while it asks for results.
            concurrency: fetches at once.
            ordered: hand the results out in the order of the URLs, not as they finish.
            timeout: seconds for each URL, or :class:`Timeouts`; None means the connection's.
            allow_redirects: follow redirects.
            extra_headers: headers for each URL; on a redirect they stay on their origin.
            max_bytes: bytes that each body may have, on the wire and decoded alike.
            budget: bytes that all of them may fetch together.
            retries: a number of retries for each, or :class:`RetryPolicy`; None means the connection's.

        Raises:
            InvalidRequest: an option is not valid.
        """
        options = timeout, extra_headers, allow_redirects, max_bytes, budget, retries
        crew = ThreadCrew()
        work = self._fetching(partial(self._run_in, crew), *options)
        return Results(_many(crew, urls, Iterable, work, concurrency, ordered), crew)

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
        """The same as :meth:`get_many`, in tasks, which live as long as the block that iterates.

        ::

            async with connection.async_get_many(urls) as results:
                async for fetched in results: ...

        ``urls`` may be asynchronous; a task of its own then takes them, and closes a generator when the block is left.
        """
        options = timeout, extra_headers, allow_redirects, max_bytes, budget, retries
        crew = TaskCrew()
        work = self._fetching(self._await, *options)
        return AsyncResults(_many(crew, urls, Iterable | AsyncIterable, work, concurrency, ordered), crew)

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
        """Download many URLs to files in threads, and iterate over what each of them came to.

        Otherwise as :meth:`get_many`, and for each file as :meth:`download`. A file that is stopped half-way is
        resumed by the next download of it.

        Args:
            items: pairs of a URL and the file that it is saved as.
            concurrency: files at once.
            ordered: hand the results out in the order of the items, not as they finish.
            stop_on_error: raise the first error where the results are asked for, and end.
            resume: see :meth:`download`.
            refresh: the same.
            existing: the same.
            remote_time: the same.
            filename: the same; the path of each item is then a folder.
            segments: the same, for each file.
            timeout: seconds for each file, or :class:`Timeouts`.
            extra_headers: headers for each file; on a redirect they stay on their origin.
            max_bytes: bytes that each file may have.
            budget: bytes that all of them may fetch together.
            retries: a number of retries for each, or :class:`RetryPolicy`; None means the connection's.
            progress: called in the threads, with a :class:`Progress` of any of the files.

        Raises:
            InvalidRequest: an option is not valid.
        """
        options = timeout, extra_headers, max_bytes, budget, retries
        how: dict[str, Any] = {"resume": resume, "refresh": refresh, "segments": segments, "progress": progress}
        how |= {"existing": existing, "remote_time": remote_time, "filename": filename}
        crew = ThreadCrew()
        work = self._saving(partial(self._run_in, crew), stop_on_error, options, how)
        return Results(_many(crew, items, Iterable, work, concurrency, ordered), crew)

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
        """The same as :meth:`download_many`, in tasks: see :meth:`async_get_many`."""
        options = timeout, extra_headers, max_bytes, budget, retries
        how: dict[str, Any] = {"resume": resume, "refresh": refresh, "segments": segments, "progress": progress}
        how |= {"existing": existing, "remote_time": remote_time, "filename": filename}
        crew = TaskCrew()
        work = self._saving(self._await, stop_on_error, options, how)
        return AsyncResults(_many(crew, items, Iterable | AsyncIterable, work, concurrency, ordered), crew)

    def _run_in(self, crew: ThreadCrew, flow: Flow[T], call: Call, *args: Any) -> Coroutine[Any, Any, T]:
        port = CrewPort(self._clients.sync_client(), crew, owned=not self._clients.reuse)
        return fetch.run_call(port, call, flow(port, call, *args))

    def _fetching(self, run: Run, *options: Any) -> Work[URL, Fetched]:
        self._calls.check(*options)

        async def work(index: int, url: URL) -> Fetched:
            try:
                call = self._calls.fetch(url, *options)
                return Fetched(url, index, await run(fetch.fetch_bytes, call))
            except HTTPConnError as error:
                return Fetched(url, index, error=error)

        return work

    def _saving(
        self, run: Run, stop_on_error: bool, options: tuple[Any, ...], how: Mapping[str, Any]
    ) -> Work[tuple[URL, Path], Saved]:
        require(stop_on_error=(stop_on_error, bool))
        timeout, extra_headers, *others = options
        self._calls.check(timeout, extra_headers, True, *others)

        async def work(index: int, item: tuple[URL, Path]) -> Saved:
            url, path = _pair(item)
            try:
                call = self._calls.file(url, *options)
                wanted = self._calls.wanted(call, path, None, (), extra_headers, validator=None, **how)
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
        raise InvalidRequest("Each item is a pair of a URL and a path") from None
    return url, path


def _many(crew: Crew, items: Any, kinds: Any, work: Work[Any, R], concurrency: int, ordered: bool) -> Batch[Any, R]:
    if isinstance(items, (str, bytes, Mapping)) or not isinstance(items, kinds):
        raise InvalidRequest(f"Batch URLs are an iterable of them, not {type(items).__name__}")
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or not 0 < concurrency <= MOST:
        raise InvalidRequest(f"concurrency must be a number from 1 to {MOST:,}")
    require(ordered=(ordered, bool))
    source = aiter(items) if isinstance(items, AsyncIterable) else iter(items)
    return Batch(crew, source, work, concurrency=concurrency, ordered=ordered)
