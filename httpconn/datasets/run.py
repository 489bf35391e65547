"""One partition of a job: it fetches rows, writes shards and records them in the journal."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter, deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from .._version import __version__
from ..api.outcomes import Fetched
from ..connection import HTTPConnection
from ..core.bodycounter import ByteBudget
from ..errors import HTTPConnError, LimitExceeded
from .job import Finished, Job, Journal, changed, outcome_of
from .outcomes import Values, body_values, error_values, missing_url, response_values
from .robots import Robots, denied_by
from .shards import ShardWriter, read_shard
from .sources import Row
from .storage import Storage

MAX_OPEN = 8  # shards with rows that are still being fetched
MAX_COMMITS = 2  # shards that are being flushed or uploaded
LOOKAHEAD = 256  # rows whose sites' robots.txt are fetched together


@dataclass(eq=False)
class Shard:
    """A shard whose rows are being fetched."""

    number: int
    writer: ShardWriter
    is_first: bool
    digest: str = ""
    waiting: int = 0
    full: bool = False
    rows: int = 0
    bytes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


class Partition:
    """The rows of a job whose hosts have the hash ``number``.

    Args:
        budget: the bytes that the partitions of this process may receive, or None.
    """

    def __init__(
        self, job: Job, number: int, storage: Storage, connection: HTTPConnection, budget: ByteBudget | None
    ) -> None:
        self._job = job
        self._number = number
        self._storage = storage
        self._connection = connection
        self._budget = budget
        self._journal = Journal(storage, number)
        self._open: list[Shard] = []
        self._pending: dict[int, tuple[Shard, Values]] = {}
        self._commits: deque[Future[None]] = deque()
        agent = connection.get_sync_client().headers["User-Agent"]
        self._headers: dict[str, str] | None = None
        if job.contact is not None:
            agent = f"httpconn/{__version__} (+{job.contact})"
            self._headers = {"User-Agent": agent}
        self._agent = agent.partition("/")[0].strip()
        self._robots = Robots(connection, self._agent, self._headers, job.concurrency) if job.robots_txt else None

    def run(self) -> None:
        """Fetch the rows that no earlier run has finished, or those to retry."""
        with ExitStack() as stack:
            stack.enter_context(self._storage.locked(f"lock-{self._number:05d}"))
            stack.callback(self._discard)
            self._pool = stack.enter_context(ThreadPoolExecutor(1, "httpconn-commit"))
            rows = self._from_source() if self._job.retry is None else self._from_shards(self._job.retry)
            stack.enter_context(closing(rows))
            given = rows if self._robots is None else self._with_robots(rows, self._robots)
            while self._fetch(given):
                pass
            while self._commits:
                self._commits.popleft().result()
            if self._job.retry is None:
                self._journal.add_end(self._count)

    def _discard(self) -> None:
        for shard in self._open:
            shard.writer.discard()

    def _fetch(self, rows: Iterator[tuple[Shard, Values]]) -> bool:
        """Fetch rows to the end of the source, or until too many shards wait for their last rows."""
        self._more = False
        results = self._connection.get_many(
            self._urls(rows),
            concurrency=self._job.concurrency,
            extra_headers=self._headers,
            max_bytes=self._job.max_bytes,
            budget=self._budget,
            accept=self._job.accept or None,
        )
        with results:
            for fetched in results:
                self._record(*self._pending.pop(fetched.index), fetched)
        self._commit_full()
        return self._more

    def _urls(self, rows: Iterator[tuple[Shard, Values]]) -> Iterator[str]:
        index = 0
        self._pending.clear()
        for shard, values in rows:
            error = self._objection(values["url"])
            if error is not None:
                self._write(shard, values, None, error)
                continue
            self._pending[index] = shard, values
            index += 1
            yield values["url"]
            if len(self._open) > MAX_OPEN:
                self._commit_full()
                self._more = len(self._open) > MAX_OPEN
                if self._more:
                    return

    def _objection(self, url: Any) -> HTTPConnError | None:
        """Return the error of a URL that must not be fetched, or None."""
        error = missing_url(url)
        if error is not None:
            return error
        return None if self._robots is None else self._robots.denied(url)

    def _from_source(self) -> Generator[tuple[Shard, Values], None, None]:
        """Assign the rows to shards, without those of finished shards, and check that the latter are unchanged."""
        shard: Shard | None = None
        digest = hashlib.blake2b(digest_size=16)
        self._count = position = 0
        for row, (url, copied) in self._own_rows():
            if position == 0:
                digest = hashlib.blake2b(digest_size=16)
                shard = None if self._count in self._journal.finished else self._new_shard(self._count)
            digest.update(repr((url, copied)).encode("utf-8", "surrogatepass"))
            position += 1
            is_last = position == self._job.shard_size
            if shard is not None:
                shard.waiting += 1
                text = url if url is None or isinstance(url, str) else str(url)
                yield shard, {"row": row, **dict(self._named(copied)), "url": text}
            if is_last:
                self._end_shard(shard, digest.hexdigest(), position)
                position = 0
        if position:
            self._end_shard(shard, digest.hexdigest(), position)
        if any(each >= self._count for each in list(self._journal.finished)):
            raise changed(self._job.source)

    def _named(self, copied: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        return zip((name for name, _ in self._job.layout.columns), copied, strict=True)

    def _own_rows(self) -> Iterator[tuple[int, Row]]:
        """Yield the rows of this partition with their number in the source."""
        parts = self._job.partitions
        return (
            (number, row)
            for number, row in enumerate(self._job.source.rows())
            if parts == 1 or partition_of(row[0], parts) == self._number
        )

    def _with_robots(self, rows: Iterator[tuple[Shard, Values]], robots: Robots) -> Iterator[tuple[Shard, Values]]:
        """Fetch the robots.txt of the sites of some rows together, before the rows are fetched."""
        while ahead := list(islice(rows, LOOKAHEAD)):
            robots.load(values["url"] for _, values in ahead)
            yield from ahead

    def _new_shard(self, number: int, *, is_first: bool = True) -> Shard:
        shard = Shard(number, ShardWriter(self._storage, self._job.layout, self._name(number)), is_first)
        self._open.append(shard)
        return shard

    def _name(self, number: int) -> str:
        return f"{self._number:05d}-{number:06d}"

    def _end_shard(self, shard: Shard | None, digest: str, rows: int) -> None:
        if shard is None:
            finished = self._journal.finished[self._count]
            if (finished.digest, finished.rows) != (digest, rows):
                raise changed(self._job.source)
        else:
            shard.digest = digest
            shard.full = True
        self._count += 1

    def _from_shards(self, retry: frozenset[str]) -> Generator[tuple[Shard, Values], None, None]:
        """Write the finished shards that have rows to retry again, and yield these rows."""
        for number, finished in sorted(self._journal.finished.items()):
            if not retry & finished.outcomes.keys():
                continue
            shard = self._new_shard(number, is_first=False)
            shard.digest = finished.digest
            for values, body in read_shard(self._storage, self._job.layout.form, self._name(number)):
                if outcome_of(values["error"], values["status"]) in retry:
                    shard.waiting += 1
                    kept = ("row", "url", *(name for name, _ in self._job.layout.columns))
                    yield shard, {name: values[name] for name in kept}
                else:
                    self._add(shard, values, body)
            shard.full = True

    def _record(self, shard: Shard, values: Values, fetched: Fetched) -> None:
        error = fetched.error
        if isinstance(error, LimitExceeded) and error.kind == "budget":
            raise error  # the shard is fetched by a run with a larger limit
        found, fields = response_values(fetched)
        values |= found
        values["headers"] = {name: fields[name] for name in self._job.headers if name in fields}
        if error is None:
            error = denied_by(fields.get_list("x-robots-tag"), self._job.robots_tags, self._agent)
        self._write(shard, values, None if error else fetched.content, error)

    def _write(self, shard: Shard, values: Values, body: bytes | None, error: Exception | None) -> None:
        if error is None and self._job.on_item is not None:
            try:
                returned = self._job.on_item({**values, "body": body})
                body = body if returned is None else bytes(returned)
            except Exception as raised:  # noqa: BLE001 - the row has the error of the user's function
                body, error = None, raised
        if body is not None:
            values |= body_values(body)
        if error is not None:
            values |= error_values(error)
        shard.waiting -= 1
        self._add(shard, values, body)
        if shard.full and not shard.waiting:
            self._commit_full()

    def _add(self, shard: Shard, values: Values, body: bytes | None) -> None:
        shard.rows += 1
        shard.outcomes[outcome_of(values.get("error"), values.get("status"))] += 1
        shard.bytes += values.get("size") or 0
        shard.writer.add(values, body)

    def _commit_full(self) -> None:
        """Publish the shards whose rows are all there, in another thread."""
        for shard in [each for each in self._open if each.full and not each.waiting]:
            if len(self._commits) >= MAX_COMMITS:
                self._commits.popleft().result()
            self._commits.append(self._pool.submit(self._commit, shard))
            self._open.remove(shard)

    def _commit(self, shard: Shard) -> None:
        shard.writer.publish(is_first=shard.is_first)
        self._journal.add(Finished(shard.number, shard.rows, shard.digest, shard.bytes, dict(shard.outcomes)))


def partition_of(url: Any, partitions: int) -> int:
    """Return the partition of a URL, from 0 to ``partitions - 1``. It is the same for all URLs of a host.

    Args:
        url: a URL. Other values of a source, such as None, have a partition, too.
        partitions: the number of partitions.
    """
    authority = url.split("/", 3)[2] if isinstance(url, str) and url.count("/", 0, 2000) >= 2 else ""
    host = authority.partition("?")[0].partition("#")[0].rpartition("@")[2].partition(":")[0]
    return zlib.crc32(host.lower().rstrip(".").encode("utf-8", "surrogatepass")) % partitions
