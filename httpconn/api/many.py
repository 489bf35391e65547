"""The methods that fetch many URLs at the same time."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import httpconn

from ..core.auth import Auth
from ..core.bodycounter import ByteBudget
from ..core.messages import Origin
from ..core.urls import URL, vet
from ..downloads.options import OnExisting
from ..errors import HTTPConnError, InvalidRequest
from ..exchange.rules import Call
from ..options import whole_number
from .arguments import ExpectType, Filename, Headers, Retries, Timeout, content_check, merged, require
from .runner import Runner, fetch

if TYPE_CHECKING:
    from ..exchange.batch import Batch, Work
    from ..exchange.requeststate import OpenResponse
    from ..exchange.scheduling import Worker
    from ..runtime.port import Port, WorkerGroup

R = TypeVar("R")
Path = str | os.PathLike[str]
OpenPort = Callable[[Any], Awaitable["Port"]]

# The options of "download" that all files of a call share.
_SHARED = (
    "timeout auth max_bytes budget retries resume refresh existing remote_time expect_type filename segments progress"
)
_ANY_URL = "https://example.com/"
MAX_CONCURRENCY = 10_000  # Most fetches at the same time. It is above the socket limit of common systems.


class ManyURLs(Runner):
    """The methods of HTTPConnection that fetch many URLs at the same time."""

    def get_many(
        self,
        urls: Iterable[URL | httpconn.Item],
        *,
        concurrency: int = 16,
        ordered: bool = False,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        accept: ExpectType = None,
    ) -> httpconn.Results[httpconn.Fetched]:
        """GET many URLs in threads and return an iterator over the results.

        ::

            with connection.get_many(urls) as results:
                for fetched in results: ...

        A URL that fails does not stop the other URLs: its :class:`Fetched` holds the error. All fetches stop at the end
        of the block and when the iterator is closed. An exception of the iterable also stops them, and the iterator
        raises it. The iterable may be endless, because at most ``2 * concurrency`` results are in progress or waiting,
        or ``32 * concurrency`` while URLs wait for their hosts.

        Args:
            urls: http or https URLs, or :class:`Item` objects. The caller's thread takes them one by one while it
                iterates over the results.
            concurrency: number of simultaneous fetches.
            ordered: return the results in the order of the URLs. By default they come in the order of completion.
            timeout: seconds for each URL, or :class:`Timeouts`. None means the timeouts of the connection.
            allow_redirects: follow redirects.
            extra_headers: header fields for each URL. A redirect to another origin does not get them.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.
            max_bytes: maximum size of each body in bytes, as received and as decoded.
            budget: a :class:`ByteBudget`, a limit for all URLs together.
            retries: number of retries for each URL, or :class:`RetryPolicy`. None means the retries of the connection.
            accept: accepted media types, as in :meth:`get_response`.

        Returns:
            An iterator, which is also a context manager.

        Raises:
            InvalidRequest: an option is not valid.
        """
        from ..runtime.threads import ThreadWorkerGroup

        options = timeout, extra_headers, auth, allow_redirects, max_bytes, budget, retries, accept
        group = ThreadWorkerGroup()
        work = self._fetch_work(partial(self._worker_port, group), *options)
        return httpconn.Results(self._batch(group, urls, Iterable, work, concurrency, ordered), group)

    def async_get_many(
        self,
        urls: Iterable[URL | httpconn.Item] | AsyncIterable[URL | httpconn.Item],
        *,
        concurrency: int = 16,
        ordered: bool = False,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        accept: ExpectType = None,
    ) -> httpconn.AsyncResults[httpconn.Fetched]:
        """Do the same as :meth:`get_many` in asyncio or trio, with tasks that end with the ``async with`` block.

        ::

            async with connection.async_get_many(urls) as results:
                async for fetched in results: ...

        ``urls`` may be an asynchronous iterable. A task then takes the URLs. It closes an asynchronous generator at the
        end of the block.
        """
        from ..runtime.tasks import TaskWorkerGroup

        options = timeout, extra_headers, auth, allow_redirects, max_bytes, budget, retries, accept
        group = TaskWorkerGroup()
        work = self._fetch_work(self._async_port, *options)
        batch = self._batch(group, urls, Iterable | AsyncIterable, work, concurrency, ordered)
        return httpconn.AsyncResults(batch, group)

    def download_many(
        self,
        items: Iterable[tuple[URL, Path] | httpconn.Item],
        *,
        concurrency: int = 16,
        ordered: bool = False,
        stop_on_error: bool = False,
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        remote_time: bool | None = None,
        expect_type: ExpectType = None,
        filename: Filename = None,
        segments: int | None = None,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        progress: httpconn.ProgressCallback | None = None,
    ) -> httpconn.Results[httpconn.Saved]:
        """Download many URLs to files in threads and return an iterator over the results.

        The iterator works like that of :meth:`get_many`, and each download works like :meth:`download`. If a download
        is stopped, the next download of the file resumes it.

        Args:
            items: pairs of a URL and the path of the file, or :class:`Item` objects.
            concurrency: number of downloads at the same time.
            ordered: return the results in the order of the items. By default they come in the order of completion.
            stop_on_error: stop all downloads at the first error. The iterator raises the error.
            resume: see :meth:`download`.
            refresh: see :meth:`download`.
            existing: see :meth:`download`.
            remote_time: see :meth:`download`.
            expect_type: see :meth:`download`.
            filename: see :meth:`download`. With "server", the path of each item is a folder.
            segments: see :meth:`download`. The number applies to each file. By default, all files together use at most
                about 64 connections.
            timeout: seconds for each file, or :class:`Timeouts`.
            extra_headers: header fields for each file. A redirect to another origin does not get them.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.
            max_bytes: maximum size of each file in bytes.
            budget: a :class:`ByteBudget`, a limit for all files together.
            retries: number of retries for each file, or :class:`RetryPolicy`. None means the retries of the connection.
            progress: a function that gets a :class:`Progress` of any of the files. Several threads call it.

        Returns:
            An iterator, which is also a context manager.

        Raises:
            InvalidRequest: an option is not valid.
        """
        from ..runtime.threads import ThreadWorkerGroup

        options = timeout, extra_headers, auth, max_bytes, budget, retries
        wanted = resume, refresh, existing, remote_time, expect_type, filename, segments, progress
        group = ThreadWorkerGroup()
        work = self._download_work(partial(self._worker_port, group), concurrency, stop_on_error, options, wanted)
        return httpconn.Results(self._batch(group, items, Iterable, work, concurrency, ordered), group)

    def async_download_many(
        self,
        items: Iterable[tuple[URL, Path] | httpconn.Item] | AsyncIterable[tuple[URL, Path] | httpconn.Item],
        *,
        concurrency: int = 16,
        ordered: bool = False,
        stop_on_error: bool = False,
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        remote_time: bool | None = None,
        expect_type: ExpectType = None,
        filename: Filename = None,
        segments: int | None = None,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        progress: httpconn.ProgressCallback | None = None,
    ) -> httpconn.AsyncResults[httpconn.Saved]:
        """Do the same as :meth:`download_many` in asyncio or trio. See :meth:`async_get_many`."""
        from ..runtime.tasks import TaskWorkerGroup

        options = timeout, extra_headers, auth, max_bytes, budget, retries
        wanted = resume, refresh, existing, remote_time, expect_type, filename, segments, progress
        group = TaskWorkerGroup()
        work = self._download_work(self._async_port, concurrency, stop_on_error, options, wanted)
        batch = self._batch(group, items, Iterable | AsyncIterable, work, concurrency, ordered)
        return httpconn.AsyncResults(batch, group)

    def _batch(
        self, group: WorkerGroup, items: Any, kinds: Any, work: Work[Any, R], concurrency: int, ordered: bool
    ) -> Batch[Any, R]:
        from ..exchange.batch import Batch
        from ..exchange.scheduling import Hosts

        if isinstance(items, (str, bytes, Mapping)) or not isinstance(items, kinds):
            raise InvalidRequest(f"The URLs or items must be an iterable, not {type(items).__name__}")
        whole_number("concurrency", concurrency, 1, MAX_CONCURRENCY)
        require(ordered=(ordered, bool))
        source = aiter(items) if isinstance(items, AsyncIterable) else iter(items)
        most_tries = min(4 * concurrency - 3, max(1, self._calls.rules.limits.max_connections // 2))
        hosts = Hosts(_host_of, self._most_at_once, most_tries)
        return Batch(group, source, work, concurrency=concurrency, ordered=ordered, hosts=hosts)

    def _most_at_once(self, origin: Hashable) -> int:
        """Return how many calls to an origin get a connection at the same time."""
        own = self._calls.hosts.limit_for(origin) if isinstance(origin, Origin) else None
        return own or self._calls.rules.limits.per_host

    def _fetch_work(self, open_port: OpenPort, *options: Any) -> Work[URL | httpconn.Item, httpconn.Fetched]:
        options = self._calls.checked(*options)
        call_of, reuses = self._calls.repeated(*options), self._clients.reuse
        run_call, fetch_delivered = fetch.run_call, fetch.fetch_delivered

        async def work(worker: Worker, given: URL | httpconn.Item) -> httpconn.Fetched:
            url = given.url if isinstance(given, httpconn.Item) else given
            try:
                if isinstance(given, httpconn.Item):
                    check, calls = content_check(given), self._calls.sources(given, *options)
                    delivered = await _first_success(partial(open_port, worker), calls, check)
                else:
                    call = call_of(given)
                    port = worker.port
                    if not reuses or port is None or port.client.is_closed:
                        port = await open_port(worker)
                    delivered = await run_call(port, call, fetch_delivered(port, call))
                return _fetched(url, worker.number, *delivered)
            except HTTPConnError as error:
                return httpconn.Fetched(url, worker.number, error=error)

        return work

    def _download_work(
        self,
        open_port: OpenPort,
        concurrency: int,
        stop_on_error: bool,
        options: tuple[Any, ...],
        wanted: tuple[Any, ...],
    ) -> Work[tuple[URL, Path] | httpconn.Item, httpconn.Saved]:
        from ..core.segments import SpareConnections
        from ..downloads.download import fetch_file

        require(stop_on_error=(stop_on_error, bool))
        whole_number("concurrency", concurrency, 1, MAX_CONCURRENCY)
        timeout, extra_headers, auth, *others = options
        timeout, extra_headers, auth, _, *others, _ = self._calls.checked(timeout, extra_headers, auth, True, *others)
        shared = dict(zip(_SHARED.split(), (timeout, auth, *others, *wanted), strict=True))
        spare = SpareConnections.beside(concurrency)
        self._calls.download(_ANY_URL, "", extra_headers=extra_headers, **shared)  # checks the options

        async def work(worker: Worker, given: tuple[URL, Path] | httpconn.Item) -> httpconn.Saved:
            item = _item(given)
            path = "" if item.path is None else item.path
            try:
                if item.path is None:
                    raise InvalidRequest("An item of download_many needs a path")
                own: dict[str, Any] = {"digest": item.digest, "size": item.size, "mirrors": item.mirrors}
                own["extra_headers"] = merged(extra_headers, item.headers)
                call, checked = self._calls.download(item.url, path, spare=spare, **own, **shared)
                port = await open_port(worker)
                saved = await fetch.run_call(port, call, fetch_file(port, call, checked))
                return httpconn.Saved(item.url, path, worker.number, saved)
            except HTTPConnError as error:
                if stop_on_error:
                    raise
                return httpconn.Saved(item.url, path, worker.number, error=error)

        return work


def _fetched(url: URL, number: int, response: OpenResponse | None, content: bytes) -> httpconn.Fetched:
    if response is None:
        return httpconn.Fetched(url, number, content)
    head, state = response.head, response.state
    moved_to = response.url.redacted if response.history else None
    elapsed = response.port.now() - state.started_at
    return httpconn.Fetched(url, number, content, None, head.status, moved_to, state.attempts, elapsed, head.fields)


async def _first_success(
    open_port: Callable[[], Awaitable[Port]], calls: Sequence[Call], check: fetch.ContentCheck | None
) -> fetch.Delivered:
    """Return the content from the first URL that delivers it; raise the error of the last URL."""
    flow = fetch.fetch_delivered if check is None else check.fetch
    *others, last = calls
    for call in others:
        with suppress(HTTPConnError):
            port = await open_port()
            return await fetch.run_call(port, call, flow(port, call))
    port = await open_port()
    return await fetch.run_call(port, last, flow(port, last))


def _item(given: Any) -> httpconn.Item:
    if isinstance(given, httpconn.Item):
        return given
    try:
        url, path = given
    except (TypeError, ValueError):
        raise InvalidRequest("Each item must be an Item, or a pair of a URL and a path") from None
    return httpconn.Item(url, path)


def _host_of(given: Any) -> Hashable:
    """Return the origin of an item, or None if the item is not valid."""
    try:
        url = given.url if isinstance(given, httpconn.Item) else given[0] if isinstance(given, (tuple, list)) else given
        return _origin_of(url[: url.find("/", 8) + 1] or url) if isinstance(url, str) else vet(url).origin
    except (HTTPConnError, IndexError):
        return None


@lru_cache(maxsize=1024)
def _origin_of(start: str) -> Origin:
    """Return the origin of the URLs that begin with ``start``."""
    return vet(start).origin
