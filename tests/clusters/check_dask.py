"""Dask fetches a table of URLs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import dask.bag
import pandas as pd
import pytest
from distributed import Client, LocalCluster

import httpconn
from httpconn.datasets import fetch_batch
from tests.clusters.fetching import connection, sizes

WORKERS = 2


@pytest.fixture
def cluster() -> Iterator[Client]:
    """Two processes on this machine."""
    options = {"n_workers": WORKERS, "threads_per_worker": 2, "processes": True, "dashboard_address": None}
    with LocalCluster(**options) as running, Client(running) as client:
        yield client


@pytest.mark.usefixtures("cluster")
def test_partitions_are_fetched(table):
    bag = dask.bag.from_sequence(list(table), npartitions=4)
    found = bag.map_partitions(lambda urls: sizes(list(urls), connection(WORKERS))).compute()
    assert found == list(table.values())


def test_a_connection_is_pickled_with_a_task(table, cluster):
    conn = httpconn.HTTPConnection(headers={"X-Job": "1"})
    urls = list(table)
    assert cluster.submit(sizes, urls[:10], conn).result(timeout=60) == list(table.values())[:10]


def test_functions_of_a_notebook_go_with_a_connection(table, cluster):
    """A task that gets the connection passes it on, so it is pickled by a worker, too."""
    port = int(next(iter(table)).split(":")[2].partition("/")[0])
    conn = httpconn.HTTPConnection(resolver=lambda host, port: ["127.0.0.1"])
    passed = cluster.submit(lambda made: made, conn, workers=[0], allow_other_workers=True)
    sizes_of = cluster.submit(sizes, [f"http://name.test:{port}/5"], passed, workers=[1], allow_other_workers=True)
    assert sizes_of.result(timeout=60) == [5]


def test_errors_come_back_from_a_task(table, cluster):
    missing = next(url for url, size in table.items() if size is None)
    error = cluster.submit(httpconn.HTTPConnection().get_bytes, missing).exception(timeout=60)
    assert isinstance(error, httpconn.StatusError)


def test_a_killed_worker_costs_no_row(long_table, cluster):
    frame = pd.DataFrame({"n": range(len(long_table.urls)), "url": long_table.urls})
    parts = [frame[start : start + 250] for start in range(0, len(frame), 250)]
    with httpconn.HTTPConnection() as conn:
        tasks = cluster.map(fetch_batch, parts, connection=conn)
        assert long_table.under_way.wait(120)
        os.kill(next(iter(cluster.run(os.getpid).values())), signal.SIGKILL)
        found = pd.concat(cluster.gather(tasks))
    assert list(found["n"]) == list(range(len(frame)))
    assert found["error"].isna().all()
