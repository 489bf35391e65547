"""One partition of a job: it fetches rows, writes shards and records them in the journal."""

import hashlib
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, TypeVar, cast

from anyio import Event, Lock
from anyio.from_thread import start_blocking_portal

from .._version import __version__
from ..api.outcomes import Fetched
from ..connection import HTTPConnection
from ..core.bodycounter import ByteBudget
from ..errors import LimitExceeded
from ..runtime.filework import in_thread
from ..runtime.threads import required_threads
from .job import Finished, Job, Journal, changed, outcome_of
from .outcomes import Values, body_values, error_values, missing_url, response_values, url_text
from .robots import Robots
from .shards import GROUP_BYTES, ShardWriter
from .sources import Row

MAX_OPEN = 8  # shards with rows that are still being fetched
MAX_COMMITS = 2  # shards that are being flushed or uploaded
CHUNK = 256  # rows that are read at the same time
MAX_UNWRITTEN = 32  # fetched rows that wait to be written

T = TypeVar("T")


@dataclass(eq=False)
class Shard:
    """A shard whose rows are being fetched."""

    number: int
    writer: ShardWriter
    is_first: bool
    digest: str = ""
    waiting: int = 0
    full: bool = False
    bytes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def count(self, values: Values) -> None:
        self.bytes += values.get("size") or 0
        self.outcomes[outcome_of(values)] += 1


class _Exit(Exception):
    """A wrapper for a SystemExit or KeyboardInterrupt of the user's function, which an event loop would also print."""


class Partition:
    """The rows of a job for the hosts with the hash ``number``.

    An event loop fetches. Threads, one at a time, do everything else: they read the source, call ``on_item`` and write.

    Args:
        budget: the bytes that the partitions of this process may receive, or None.
    """

    def __init__(self, job: Job, number: int, connection: HTTPConnection, budget: ByteBudget | None) -> None:
        self._job = job
        self._number = number
        self._storage = job.storage
        self._connection = connection
        self._budget = budget
        self._journal = Journal(job.storage, number)
        self._open: list[Shard] = []
        self._pending: dict[int, tuple[Shard, Values]] = {}
        self._unwritten: list[tuple[Shard, Values, Fetched]] = []
        self._commits: deque[Future[None]] = deque()
        self._count = 0
        self._stopped = False
        contact = job.contact
        self._headers = None if contact is None else {"User-Agent": f"httpconn/{__version__} (+{contact})"}

    def run(self) -> None:
        """Fetch the rows that no earlier run has finished, or those to retry."""
        with ExitStack() as stack:
            stack.enter_context(self._storage.locked(f"lock-{self._number:05d}"))
            stack.callback(self._discard)
            self._pool = stack.enter_context(ThreadPoolExecutor(1, "httpconn-commit"))
            self._rows = self._from_source() if self._job.retry is None else self._from_shards(self._job.retry)
            stack.callback(self._rows.close)
            with required_threads():
                self._pool.submit(int)  # starts the only thread of the pool
                portal = stack.enter_context(start_blocking_portal())  # this thread may have a running event loop
            try:
                portal.call(self._fetch)
            except _Exit as ended:
                raise cast(BaseException, ended.__cause__) from None
            finally:
                self._stopped = True
            while self._commits:
                self._commits.popleft().result()
            if self._job.retry is None:
                self._journal.add_end(self._count)

    def _discard(self) -> None:
        for shard in self._open:
            shard.writer.discard()

    async def _fetch(self) -> None:
        self._turn = Lock()
        self._room = Event()
        self._room.set()
        results = self._screened().async_get_many(
            self._urls(),
            concurrency=self._job.concurrency,
            extra_headers=self._headers,
            max_bytes=self._job.max_bytes,
            budget=self._budget,
            accept=self._job.accept or None,
        )
        size = 0
        async with results:
            async for fetched in results:
                self._unwritten.append((*self._pending.pop(fetched.index), fetched))
                size += len(fetched.content or b"")
                if len(self._unwritten) >= MAX_UNWRITTEN or size >= GROUP_BYTES or not self._room.is_set():
                    size = 0
                    await self._write_fetched()
        await self._write_fetched()

    def _screened(self) -> HTTPConnection:
        job, connection = self._job, self._connection
        if not job.robots_txt and not job.robots_tags:
            return connection
        agent = (self._headers or connection.get_sync_client().headers)["User-Agent"].partition("/")[0].strip()
        return connection._screened(Robots(connection, agent, self._headers, job.robots_tags, job.robots_txt))

    async def _urls(self) -> AsyncIterator[str]:
        index = 0
        while (rows := await self._in_thread(self._take)) is not None:
            for row in rows:
                self._pending[index] = row
                index += 1
                yield row[1]["url"].strip()
            if len(self._open) > MAX_OPEN:
                self._room = Event()
                await self._write_fetched()
                await self._room.wait()

    async def _write_fetched(self) -> None:
        written, self._unwritten = self._unwritten, []
        await self._in_thread(self._record_all, written)
        if len(self._open) <= MAX_OPEN:
            self._room.set()

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        async with self._turn:
            return await in_thread(work, *given)

    def _take(self) -> list[tuple[Shard, Values]] | None:
        """Return the next rows to fetch, or None after the last one. Write the rows that have no URL."""
        taken = list(islice(self._rows, min(CHUNK, self._job.shard_size)))
        found = []
        for shard, values in taken:
            error = missing_url(values["url"])
            if error is None:
                found.append((shard, values))
            else:
                self._write(shard, values | {"url": None}, None, error)
        self._commit_full()
        return found if taken else None

    def _from_source(self) -> Generator[tuple[Shard, Values], None, None]:
        """Assign the rows to shards. Skip the rows of finished shards after a check that they are unchanged."""
        names = [name for name, _ in self._job.layout.columns]
        own = self._own_rows()
        while first := list(islice(own, 1)):
            digest, size = hashlib.blake2b(digest_size=16), 0
            shard = None if self._count in self._journal.finished else self._new_shard(self._count)
            for row, (url, copied) in chain(first, islice(own, self._job.shard_size - 1)):
                digest.update(repr((url, copied)).encode("utf-8", "surrogatepass"))
                size += 1
                if shard is not None:
                    shard.waiting += 1
                    yield shard, {"row": row, **dict(zip(names, copied, strict=True)), "url": url_text(url)}
            self._end_shard(shard, digest.hexdigest(), size)
        if any(each >= self._count for each in list(self._journal.finished)):
            raise changed(self._job.source)

    def _own_rows(self) -> Iterator[tuple[int, Row]]:
        """Return the rows of this partition with their number in the source."""
        parts, rows = self._job.partitions, enumerate(self._job.source.rows())
        return rows if parts == 1 else (each for each in rows if partition_of(each[1][0], parts) == self._number)

    def _end_shard(self, shard: Shard | None, digest: str, rows: int) -> None:
        if shard is None:
            finished = self._journal.finished[self._count]
            if (finished.digest, finished.rows) != (digest, rows):
                raise changed(self._job.source)
        else:
            shard.digest = digest
            shard.full = True
        self._count += 1

    def _new_shard(self, number: int, *, is_first: bool = True) -> Shard:
        writer = ShardWriter(self._storage, self._job.layout, f"{self._number:05d}-{number:06d}")
        self._open.append(shard := Shard(number, writer, is_first))
        return shard

    def _from_shards(self, retry: frozenset[str]) -> Generator[tuple[Shard, Values], None, None]:
        """Rewrite the finished shards that have rows to retry, and yield these rows."""
        for number, finished in sorted(self._journal.finished.items()):
            if not retry & finished.outcomes.keys():
                continue
            shard = self._new_shard(number, is_first=False)
            shard.digest = finished.digest
            for values, is_kept in shard.writer.copy(lambda row: row["url"] is None or outcome_of(row) not in retry):
                if is_kept:
                    shard.count(values)
                else:
                    shard.waiting += 1
                    names = ("row", "url", *(name for name, _ in self._job.layout.columns))
                    yield shard, {name: values[name] for name in names}
            shard.full = True

    def _record_all(self, rows: list[tuple[Shard, Values, Fetched]]) -> None:
        try:
            for shard, values, fetched in rows:
                if self._stopped:  # on_item may take long
                    return
                self._record(shard, values, fetched)
        finally:
            self._commit_full()

    def _record(self, shard: Shard, values: Values, fetched: Fetched) -> None:
        error: Exception | None = fetched.error
        if isinstance(error, LimitExceeded) and error.kind == "budget":
            raise error  # the shard is fetched by a run with a larger limit
        values |= response_values(fetched, self._job.headers)
        body = fetched.content
        if body is not None and self._job.on_item is not None:
            try:
                returned = self._job.on_item({**values, "body": body})
                body = body if returned is None else bytes(memoryview(returned))  # bytes(5) would be five zeros
            except Exception as raised:  # noqa: BLE001 - the row has the error of the user's function
                body, error = None, raised
            except BaseException as raised:
                raise _Exit from raised
        self._write(shard, values, body, error)

    def _write(self, shard: Shard, values: Values, body: bytes | None, error: Exception | None) -> None:
        if body is not None:
            values |= body_values(body)
        if error is not None:
            values |= error_values(error)
        shard.waiting -= 1
        shard.count(values)
        shard.writer.add(values, body)

    def _commit_full(self) -> None:
        """Publish the shards with all rows, in another thread."""
        for shard in [each for each in self._open if each.full and not each.waiting]:
            if len(self._commits) >= MAX_COMMITS:
                self._commits.popleft().result()
            self._commits.append(self._pool.submit(self._commit, shard))
            self._open.remove(shard)

    def _commit(self, shard: Shard) -> None:
        try:
            shard.writer.publish(is_first=shard.is_first)
        except BaseException:
            shard.writer.discard()
            raise
        rows = shard.outcomes.total()
        self._journal.add(Finished(shard.number, rows, shard.digest, shard.bytes, dict(shard.outcomes)))


def partition_of(url: Any, partitions: int) -> int:
    """Return the partition of a URL, from 0 to ``partitions - 1``. It is the same for all URLs of a host.

    Args:
        url: a URL. Other values of a source, such as None, have a partition, too.
        partitions: the number of partitions.
    """
    url = url_text(url)
    authority = url.split("/", 3)[2] if isinstance(url, str) and url.count("/", 0, 2000) >= 2 else ""
    host = authority.partition("?")[0].partition("#")[0].rpartition("@")[2].partition(":")[0]
    return zlib.crc32(host.strip().lower().rstrip(".").encode("utf-8", "surrogatepass")) % partitions
