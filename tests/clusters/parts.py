"""A job in parts. A part has all URLs of its hosts and its own sink, so any worker can start or continue it."""

from __future__ import annotations

import pyarrow as pa

import httpconn
from httpconn import datasets

PARTS = 16


def part_of(url: str | None) -> int:
    """Return the part of a URL, which is the same for all URLs of a host."""
    return datasets.partition_of(url, PARTS)


def fetch_part(rows: pa.Table, sink: str, connection: httpconn.HTTPConnection) -> pa.Table:
    """Fetch the rows of a part, or only what an earlier run has not finished. A finished part needs no request."""
    part = rows["part"][0].as_py()
    with connection:
        summary = datasets.fetch(
            rows.sort_by("n"), f"{sink}/part-{part:05d}", columns=["n"], shard_size=250, connection=connection
        )
    return pa.table({"part": [part], "rows": [summary.rows], "failed": [summary.failed]})
