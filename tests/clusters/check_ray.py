"""Ray Data fetches a table of URLs."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
import ray

import httpconn
from httpconn.datasets import fetch_batch
from tests.clusters.fetching import AddSizes

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def cluster() -> Iterator[None]:
    """Two workers on this machine."""
    environment = {"env_vars": {"PYTHONPATH": str(ROOT)}}
    ray.init(num_cpus=2, include_dashboard=False, runtime_env=environment, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_actors_fetch_batches(table):
    with httpconn.HTTPConnection(limits=httpconn.Limits(max_per_host=4)) as conn:
        fetched = ray.data.from_items([{"url": url} for url in table]).map_batches(
            AddSizes, fn_constructor_args=(conn,), batch_size=50, concurrency=2, batch_format="numpy"
        )
        rows = fetched.take_all()
    found = {row["url"]: row["size"] for row in rows}
    assert {url: None if size is None or size != size else int(size) for url, size in found.items()} == table


@pytest.mark.usefixtures("cluster")
def test_errors_come_back_from_a_task(table):
    @ray.remote
    def fetch(conn: httpconn.HTTPConnection, url: str) -> httpconn.Fetched:
        with conn, conn.get_many([url]) as results:
            return next(results)

    missing = next(url for url, size in table.items() if size is None)
    fetched = ray.get(fetch.remote(httpconn.HTTPConnection(), missing))
    assert isinstance(fetched.error, httpconn.StatusError)
    assert fetched.error.status_code == 404


@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_costs_no_row(long_table, tmp_path):
    rows = [{"n": n, "url": url} for n, url in enumerate(long_table.urls)]
    with httpconn.HTTPConnection() as conn:
        fetched = ray.data.from_items(rows).map_batches(
            fetch_batch, fn_kwargs={"connection": conn}, batch_size=250, batch_format="pyarrow"
        )
        killer = threading.Thread(target=kill_a_worker, args=(long_table.under_way,))
        killer.start()
        fetched.write_parquet(str(tmp_path / "sink"))
        killer.join()
    found = pq.read_table(tmp_path / "sink").to_pydict()
    assert sorted(found["n"]) == list(range(len(rows)))
    assert not any(found["error"])


@pytest.mark.usefixtures("cluster")
def test_a_pipeline_writes_a_webdataset(table, tmp_path):
    rows = [{"n": n, "url": url} for n, url in enumerate(table)]
    with httpconn.HTTPConnection() as conn:
        fetched = ray.data.from_items(rows).map_batches(
            fetch_batch, fn_kwargs={"connection": conn}, batch_format="pyarrow"
        )

        def sample(row):
            return {
                "__key__": f"{row['n']:012d}",
                "bin": row["body"],
                "json": {"url": row["url"], "status": row["status"]},
            }

        fetched.filter(lambda row: row["error"] is None).map(sample).write_webdataset(str(tmp_path))
    names, sizes_found = [], {}
    for path in tmp_path.glob("*.tar"):
        with tarfile.open(path) as tar:
            names += tar.getnames()
            sizes_found |= {int(each.name[:12]): each.size for each in tar if each.name.endswith(".bin")}
    assert len(names) == 2 * len(sizes_found)
    assert sizes_found == {n: size for n, size in enumerate(table.values()) if size is not None}


def kill_a_worker(under_way: threading.Event) -> None:
    """Kill a process that is fetching. It is a child of the cluster that this test started."""
    assert under_way.wait(120)
    children = psutil.Process().children(recursive=True)
    next(each for each in children if "MapBatches" in " ".join(each.cmdline())).kill()
