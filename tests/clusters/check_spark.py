"""Spark fetches a table of URLs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import httpconn
from httpconn.datasets import batches, fetch_batch
from tests.clusters.drivers import spark_session

SCHEMA = """
    url string, final_url string, status int, error string, message string, attempts int, elapsed double,
    sha256 string, size long, media_type string, body binary, process long, connections long
"""


@pytest.fixture
def spark() -> Iterator[Any]:
    with spark_session() as session:
        yield session


def test_errors_are_columns_and_a_process_has_one_connection(table, spark):
    conn = httpconn.HTTPConnection()
    given = [*table, None, "no url"]

    def fetch(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for part in parts:
            found = fetch_batch(part, connection=conn)
            yield found.assign(process=os.getpid(), connections=batches._connection.cache_info().misses)

    frame = spark.createDataFrame([(url,) for url in given], "url string").repartition(8)
    rows = {row.url: row for row in frame.mapInPandas(fetch, SCHEMA).collect()}
    assert {url: rows[url].size for url in table} == table
    missing = [row for url, row in rows.items() if url in table and table[url] is None]
    assert {(row.error, row.status, row.body) for row in missing} == {("StatusError", 404, None)}
    assert [(rows[url].error, rows[url].status) for url in (None, "no url")] == [("InvalidURL", None)] * 2
    assert {row.connections for row in rows.values()} == {1}
    assert os.getpid() not in {row.process for row in rows.values()}


def test_arrow_batches_are_fetched(table, spark):
    def fetch(parts: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with httpconn.HTTPConnection() as conn:
            for part in parts:
                yield from fetch_batch(part, connection=conn).to_batches()

    schema = SCHEMA.partition(", process")[0]
    frame = spark.createDataFrame([(url,) for url in table], "url string").repartition(2)
    assert {row.url: row.size for row in frame.mapInArrow(fetch, schema).collect()} == table
