"""A function for the map operations of Ray Data, Dask and Spark."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import pyarrow as pa

from ..connection import HTTPConnection
from ..errors import InvalidRequest
from .outcomes import (
    Values,
    body_values,
    default_connection,
    error_values,
    missing_url,
    require_connection,
    response_values,
    url_text,
)
from .shards import RESULT
from .sources import require_columns, table_of

FIELDS = pa.schema([each for each in RESULT if each.name not in ("row", "headers")]).append(
    pa.field("body", pa.binary())
)
"""The columns that :func:`fetch_batch` adds."""


def fetch_batch(
    batch: Any,
    *,
    url_column: str = "url",
    connection: HTTPConnection | None = None,
    concurrency: int = 32,
    max_bytes: int | None = None,
) -> Any:
    """Fetch the URLs of a batch, and return it with the columns of the results.

    Each process has one connection object for all its batches. ::

        dataset.map_batches(fetch_batch)                                        # Ray Data
        frame.map_partitions(fetch_batch, meta=...)                             # Dask
        frame.mapInPandas(lambda batches: map(fetch_batch, batches), schema)    # Spark

    The columns are ``final_url``, ``status``, ``error``, ``message``, ``attempts``, ``elapsed``, ``sha256``, ``size``,
    ``media_type`` and ``body``. The rows keep their order.

    Args:
        batch: a pandas DataFrame; a Table or RecordBatch of pyarrow; or a dict of columns.
        url_column: the name of the column with the URLs.
        connection: the options of the connection object. The default can reach the public internet only.
        concurrency: number of fetches at the same time.
        max_bytes: maximum size of each body in bytes.

    Returns:
        A DataFrame for a DataFrame, otherwise a Table.

    Raises:
        InvalidRequest: the batch has no such column, or an option is not valid.
    """
    if hasattr(batch, "iloc") and hasattr(batch, "columns"):  # a DataFrame of pandas
        require_columns("The batch", batch.columns, [url_column])
        column = batch[url_column]
        urls = column.astype(object).where(column.notna(), None).tolist()
        found = _fetched(urls, connection, concurrency, max_bytes)
        return batch.assign(**{each: found[each].to_pandas().set_axis(batch.index) for each in FIELDS.names})
    table = _of_arrays(batch) if isinstance(batch, Mapping) else table_of(batch)
    if table is None:
        raise InvalidRequest(f"A batch is a DataFrame, a Table, a RecordBatch or a dict, not {type(batch).__name__}")
    require_columns("The batch", table.column_names, [url_column])
    found = _fetched(table[url_column].to_pylist(), connection, concurrency, max_bytes)
    kept = table.select([each for each in table.column_names if each not in FIELDS.names])
    return pa.Table.from_arrays([*kept.columns, *found.columns], schema=pa.schema([*kept.schema, *FIELDS]))


def _of_arrays(batch: Mapping[str, Any]) -> pa.Table:
    try:
        return pa.table({name: pa.array(values) for name, values in batch.items()})
    except pa.ArrowException as error:
        message = f'The batch has a column that Arrow cannot hold. Use batch_format="pyarrow": {error}'
        raise InvalidRequest(message[:500]) from error


def _fetched(urls: list[Any], given: HTTPConnection | None, concurrency: int, max_bytes: int | None) -> pa.Table:
    require_connection(given, "transport")
    rows: list[Values] = [{} for _ in urls]
    present = []
    for at, url in enumerate(urls):
        if isinstance(url, bytes):
            urls[at] = url = url_text(url)
        error = missing_url(url)
        if error is None:
            present.append(at)
        else:
            rows[at] = error_values(error)
    connection = _connection(concurrency, None if given is None else pickle.dumps(given))
    with connection.get_many(
        (urls[at].strip() for at in present), concurrency=concurrency, max_bytes=max_bytes
    ) as results:
        for fetched in results:
            values = response_values(fetched)
            if fetched.content is None:
                values |= error_values(cast(Exception, fetched.error))
            else:
                values |= body_values(fetched.content) | {"body": fetched.content}
            rows[present[fetched.index]] = values
    return pa.Table.from_pylist(rows, schema=FIELDS)


@cache
def _connection(concurrency: int, pickled: bytes | None) -> HTTPConnection:
    """Return the connection object of this process, which all its batches share."""
    if pickled is None:
        return default_connection(concurrency)
    return cast(HTTPConnection, pickle.loads(pickled))  # noqa: S301 - it was pickled here
