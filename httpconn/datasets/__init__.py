"""Data sets: fetch the URLs of a table into Parquet files, WebDataset tars or folders, and continue after a crash.

Needs the extra ``datasets``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from ..errors import InvalidRequest, install

try:
    import fsspec as fsspec
    import pyarrow as pyarrow
except ImportError as _missing:
    raise ImportError(f"httpconn.datasets needs pyarrow and fsspec. {install('datasets')}") from _missing

from ..api.arguments import require
from ..connection import HTTPConnection
from ..core import mediatypes
from ..options import whole_number
from .batches import fetch_batch as fetch_batch
from .job import Job as _Job
from .job import OnItem, Summary, begin, outcomes_to_retry, summary_of
from .outcomes import require_connection
from .processes import run_job
from .robots import checked_tags
from .run import partition_of as partition_of
from .shards import Layout
from .sources import ArrowTable, Source
from .storage import Storage

__all__ = ["Summary", "fetch", "fetch_batch", "partition_of", "status"]

Format = Literal["parquet", "webdataset", "folder"]


def fetch(
    source: str | os.PathLike[str] | ArrowTable | Iterable[str | Mapping[str, Any] | None],
    sink: str | os.PathLike[str],
    *,
    format: Format = "parquet",
    connection: HTTPConnection | None = None,
    url_column: str = "url",
    columns: Iterable[str] = (),
    shard_size: int = 10_000,
    processes: int = 1,
    concurrency: int = 64,
    retry: Iterable[str | int | type] | None = None,
    on_item: OnItem | None = None,
    accept: str | Iterable[str] | None = None,
    headers: Iterable[str] = (),
    max_bytes: int | None = None,
    max_total_bytes: int | None = None,
    contact: str | None = None,
    robots_tags: Iterable[str] = (),
    robots_txt: bool = False,
    filesystem: Any = None,
) -> Summary:
    """Fetch the URLs of a source into the shards of a sink. The same call continues a job that was interrupted.

    The sink gets one row for each URL, even if the URL is missing, invalid or cannot be fetched. A finished shard is
    never fetched again.

    Args:
        source: a Parquet, CSV, TSV, JSON lines or text file, by path or fsspec URL; a folder or pattern of such files;
            a table of pyarrow, pandas or polars; or an iterable of URLs or of mappings, which is written to a
            temporary file first. Text has one URL per line; ``#`` starts a comment line.
        sink: a folder, by path or fsspec URL such as ``s3://bucket/folder``. It must be empty or hold this job.
        format: "parquet" for Parquet files with the bodies, "webdataset" for tar files, or "folder" for a file for each
            body. The last two have a Parquet file without the bodies beside each tar or folder.
        connection: the connection object. The job uses its asynchronous methods, so a test replaces the network by
            ``async_transport=``. The default can reach the public internet only.
        url_column: the name of the column with the URLs.
        columns: the names of further columns to copy.
        shard_size: rows of a shard.
        processes: number of processes. One process fetches all URLs of a host, so limits and rates for each host hold.
            A program with several processes needs ``if __name__ == "__main__":``. The first run of a job decides how
            the hosts are divided; a later run can use fewer processes.
        concurrency: number of simultaneous fetches in each process.
        retry: errors and statuses, such as ``{"TimedOut", 503}``, of rows of finished shards. Only these rows are
            fetched, and their shards are written again. An error class includes its subclasses. Give an
            error of ``on_item`` as its class or the name of the class.
        on_item: a function that gets each row with a body as a dict, and returns the body to store, or None to store
            the body unchanged. If the function raises an exception, the row has this error. The function runs in the
            process that fetches.
        accept: media types such as ``image/*``. The first 1,445 bytes of a body determine its type; a body of another
            type is not read, and its row has an error.
        headers: names of header fields of the response to store.
        max_bytes: maximum size of each body in bytes. None means the limit of the connection.
        max_total_bytes: maximum size of all bodies together in bytes. The job stops when it reaches the limit.
        contact: an address of the operator, such as ``https://example.org/crawler``, for the User-Agent.
        robots_tags: any of "noai", "noimageai" and "noindex". A response with such an X-Robots-Tag is an
            error, and its body is not read.
        robots_txt: fetch the robots.txt of each site, and do not fetch the URLs that it denies (RFC 9309), also after
            redirects.
        filesystem: the fsspec file system of the sink. None means the one that fsspec selects.

    Returns:
        The state of the job.

    Raises:
        InvalidRequest: an option is not valid, the source has changed, or the sink holds another job.
        StorageError: the sink could not be written. The same call continues the job.
        LimitExceeded: ``max_total_bytes`` is reached. The same call with a larger number continues the job.
    """
    require_connection(connection, "async_transport")
    require(sink=(sink, str | os.PathLike), url_column=(url_column, str), contact=(contact, str | None))
    require(columns=(columns, Iterable), headers=(headers, Iterable), robots_tags=(robots_tags, Iterable))
    require(on_item=(on_item, Callable | None), robots_txt=(robots_txt, bool))
    if max_total_bytes is not None:
        whole_number("max_total_bytes", max_total_bytes, 0)
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    sink = os.fspath(sink)
    given = Source(source, url_column, (columns,) if isinstance(columns, str) else tuple(dict.fromkeys(columns)))
    _check(given, format, processes=processes, shard_size=shard_size, concurrency=concurrency)
    with tempfile.TemporaryDirectory(prefix="httpconn-") as folder:
        storage = Storage(sink, filesystem, folder)
        given = given.spooled(folder)
        layout = Layout(format, tuple(zip(given.columns, given.types(), strict=True)))
        layout.check()
        job = _Job(
            source=given,
            storage=storage,
            layout=layout,
            shard_size=shard_size,
            partitions=processes,
            concurrency=concurrency,
            connection=connection,
            on_item=on_item,
            retry=None if retry is None else outcomes_to_retry(retry, storage),
            accept=mediatypes.patterns(accept),
            headers=tuple(str(name).lower() for name in ((headers,) if isinstance(headers, str) else headers)),
            max_bytes=max_bytes,
            total_bytes=None,
            contact=contact,
            robots_tags=checked_tags(robots_tags),
            robots_txt=robots_txt,
        )
        return _run(job, processes, max_total_bytes)


def _run(job: _Job, processes: int, max_total_bytes: int | None) -> Summary:
    """Run the unfinished part of a job with its share of the bytes for each process."""
    partitions = begin(job)
    left = None if max_total_bytes is None else max(0, max_total_bytes - summary_of(job.storage).bytes)
    share = None if left is None else left // min(processes, partitions)
    with job.storage.locked("lock"):
        run_job(replace(job, partitions=partitions, total_bytes=share), processes)
    return summary_of(job.storage)


def status(sink: str | os.PathLike[str], *, filesystem: Any = None) -> Summary:
    """Return the state of the job of a sink, also while the job runs.

    Args:
        sink: the folder of the job.
        filesystem: the fsspec file system of the sink. None means the one that fsspec selects.

    Raises:
        InvalidRequest: the sink holds no job.
    """
    return summary_of(Storage(os.fspath(sink), filesystem))


def _check(source: Source, form: str, **numbers: int) -> None:
    if form not in ("parquet", "webdataset", "folder"):
        raise InvalidRequest('format must be "parquet", "webdataset" or "folder"')
    if isinstance(source.given, (bytes, Mapping)) or not isinstance(source.given, (str, ArrowTable, Iterable)):
        raise InvalidRequest(f"The source must be a path, a table or an iterable, not {type(source.given).__name__}")
    for name, number in numbers.items():
        if type(number) is not int or not 1 <= number <= 1_000_000:
            raise InvalidRequest(f"{name} must be a whole number from 1 to 1,000,000")
