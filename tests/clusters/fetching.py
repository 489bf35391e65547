"""The code of a cluster's workers: one connection object for each process."""

from __future__ import annotations

from functools import cache
from typing import Any

import httpconn


@cache
def connection(workers: int) -> httpconn.HTTPConnection:
    """Return the connection object of this process, with its share of the connections to one host."""
    return httpconn.HTTPConnection(limits=httpconn.Limits(max_per_host=max(1, 8 // workers)))


def sizes(urls: list[str], conn: httpconn.HTTPConnection) -> list[int | None]:
    """Return the size of each body, or None for an error, in the order of the URLs."""
    with conn.get_many(urls, concurrency=8, ordered=True) as results:
        return [None if fetched.content is None else len(fetched.content) for fetched in results]


class AddSizes:
    """For ``map_batches`` of Ray Data: an actor keeps one connection for all its batches."""

    def __init__(self, conn: httpconn.HTTPConnection) -> None:
        self._connection = conn

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"url": batch["url"], "size": sizes(list(batch["url"]), self._connection)}
