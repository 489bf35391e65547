"""The options of a job, and the journal of its finished shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import errors
from ..connection import HTTPConnection
from ..errors import InvalidRequest
from .shards import Layout
from .sources import Source
from .storage import STATE, Storage

JOB = f"{STATE}/job.json"
OK = "ok"
STATUSES = frozenset(map(str, range(100, 1000)))

OnItem = Callable[[dict[str, Any]], bytes | None]


@dataclass(frozen=True)
class Job:
    """The parts of a job that each process receives."""

    source: Source
    storage: Storage
    layout: Layout
    shard_size: int
    partitions: int
    concurrency: int
    connection: HTTPConnection | None  # None for the default one, which each process makes
    on_item: OnItem | None
    retry: frozenset[str] | None  # the outcomes to fetch again, or None for a job that goes through its source
    accept: tuple[str, ...]
    headers: tuple[str, ...]
    max_bytes: int | None
    total_bytes: int | None  # bytes that each process may receive, or None
    contact: str | None
    robots_tags: frozenset[str]
    robots_txt: bool

    @property
    def identity(self) -> dict[str, Any]:
        """The values that each run of the job must share."""
        return {
            "format": self.layout.form,
            "url_column": self.source.column,
            "source": self.source.fingerprint(),
            "columns": [[name, str(kind)] for name, kind in self.layout.columns],  # the source determines the types
            "shard_size": self.shard_size,
        }


class Finished(NamedTuple):
    """A line of a journal: a finished shard."""

    shard: int
    rows: int
    digest: str
    bytes: int
    outcomes: Mapping[str, int]  # the number of rows for each outcome: "ok", a status, or the name of an error class


@dataclass(frozen=True)
class Summary:
    """The state of a job.

    Attributes:
        complete: whether the job has gone through the whole source.
        shards: the number of finished shards.
        rows: the number of rows in finished shards.
        succeeded: the number of rows with a body.
        bytes: the size of the bodies in bytes.
        errors: the number of rows for each error: a status such as "404", or the name of an error class.
    """

    complete: bool = False
    shards: int = 0
    rows: int = 0
    succeeded: int = 0
    bytes: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """The number of rows without a body."""
        return self.rows - self.succeeded


class Journal:
    """The journal of one partition: a line of JSON for each finished shard, and one for the end of the source."""

    def __init__(self, storage: Storage, partition: int) -> None:
        self._storage = storage
        self._name = f"{STATE}/journal-{partition:05d}.jsonl"
        self.finished: dict[int, Finished] = {}
        self.end: int | None = None
        self._lines = 0
        for line in storage.lines(self._name):
            self._lines += 1
            if "end" in line:
                self.end = line["end"]
            else:  # a later line of a shard replaces the earlier one
                self.finished[line["shard"]] = Finished(**line)

    def add(self, finished: Finished) -> None:
        self._append(finished._asdict())
        self.finished[finished.shard] = finished

    def add_end(self, shards: int) -> None:
        if self.end is None:
            self._append({"end": shards})
            self.end = shards

    def _append(self, line: Mapping[str, Any]) -> None:
        self._lines += 1
        self._storage.append(self._name, line, self._lines)


def begin(job: Job) -> int:
    """Check that the sink is empty or holds this job with the same source, and return the number of partitions."""
    storage = job.storage
    known = storage.read(JOB)
    if known is None:
        if not storage.is_empty():
            raise InvalidRequest(f"The sink {storage.sink} is not empty and holds no job. Use another folder")
        storage.write(JOB, {**job.identity, "partitions": job.partitions})
        return job.partitions
    for name, value in job.identity.items():
        if name == "source" and value != known[name]:
            raise changed(job.source)
        if value != known[name]:
            raise InvalidRequest(f"The sink {storage.sink} holds another job: its {name} is {known[name]}, not {value}")
    return int(known["partitions"])


def changed(source: Source) -> InvalidRequest:
    """Return the error for a source that differs from the source of earlier runs."""
    message = "has changed since the first run of this job. Use the same source, or another sink"
    return InvalidRequest(f"{source.name} {message}" if not source.is_file else f"The source {source.name} {message}")


def summary_of(storage: Storage) -> Summary:
    """Return the state of the job of a sink. Raises InvalidRequest: the sink holds no job."""
    job = storage.read(JOB)
    if job is None:
        raise InvalidRequest(
            f"The sink {storage.sink} holds no job. Check the path, or run the job first without retry"
        )
    journals = [Journal(storage, each) for each in range(job["partitions"])]
    shards = [each for journal in journals for each in journal.finished.values()]
    outcomes: Counter[str] = Counter()
    for each in shards:
        outcomes.update(each.outcomes)
    succeeded = outcomes.pop(OK, 0)
    return Summary(
        complete=all(each.end == len(each.finished) for each in journals),
        shards=len(shards),
        rows=sum(each.rows for each in shards),
        succeeded=succeeded,
        bytes=sum(each.bytes for each in shards),
        errors=dict(sorted(outcomes.items(), key=lambda each: (-each[1], each[0]))),
    )


def outcome_of(row: Mapping[str, Any]) -> str:
    """Return the outcome of a row: "ok", a status such as "404", or the name of an error class."""
    error = row.get("error")
    return OK if error is None else str(row.get("status")) if error == "StatusError" else str(error)


def outcomes_to_retry(given: Any, storage: Storage) -> frozenset[str]:
    """Return the outcomes for error classes, their names and statuses. A class includes its subclasses.

    Raises:
        InvalidRequest: a name is neither that of an error class nor that of an error in the sink, which ``on_item``
            raised, or the sink holds no job.
    """
    known = summary_of(storage).errors
    found: set[str] = set()
    for each in given if isinstance(given, Iterable) and not isinstance(given, str) else [given]:
        text = each.__name__ if isinstance(each, type) else str(each)
        kind = getattr(errors, text, each)
        if isinstance(kind, type) and issubclass(kind, errors.HTTPConnError):
            found |= set(_names(kind))
        elif text in known or text in STATUSES or (isinstance(kind, type) and issubclass(kind, Exception)):
            found.add(text)
        else:
            raise InvalidRequest(f"retry= accepts error classes, such as TimedOut, and statuses, but not {text!r}")
    return frozenset(found)


def _names(kind: type[errors.HTTPConnError]) -> Iterator[str]:
    if kind in (errors.StatusError, errors.ResponseError, errors.HTTPConnError):
        yield from STATUSES
    for each in errors.__all__:
        if issubclass(getattr(errors, each), kind):
            yield each
