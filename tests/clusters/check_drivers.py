"""The driver of a job is killed, and the same program continues the job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.clusters.conftest import ROWS, Watched
from tests.clusters.drivers import ROOT

HOSTS = 100


def finished(sink: Path) -> dict[Path, tuple[int, int, int]]:
    """Return the identity of each finished shard."""
    found = {path: path.stat() for path in sink.glob("part-*/*.parquet")}
    return {path: (each.st_ino, each.st_mtime_ns, each.st_size) for path, each in found.items()}


@pytest.mark.parametrize("engine", ["ray", "dask", "spark"])
def test_a_killed_driver_costs_no_row(long_table: Watched, tmp_path: Path, engine: str) -> None:
    source, sink = tmp_path / "urls.parquet", tmp_path / "sink"
    urls = [url.replace("127.0.0.1", f"h{n % HOSTS}.test") for n, url in enumerate(long_table.urls)]
    pq.write_table(pa.table({"n": range(ROWS), "url": urls}), source)
    command = [sys.executable, "-m", "tests.clusters.drivers", engine, str(source), str(sink)]
    with subprocess.Popen(command, cwd=ROOT) as driver:
        assert long_table.under_way.wait(200)
        workers = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
    for process in psutil.wait_procs(workers, timeout=20)[1]:
        process.kill()  # the agents of Ray do not end with their driver
    shards, requests = finished(sink), long_table.requested
    assert 0 < len(shards) * 250 < ROWS
    again = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=200)
    assert again.stdout.split()[-1] == str(ROWS)
    assert shards.items() <= finished(sink).items()
    rows = pq.read_table(sink, columns=["n", "error"]).to_pydict()
    assert sorted(rows["n"]) == list(range(ROWS))
    assert not any(rows["error"])
    kept = sum(pq.read_metadata(path).num_rows for path in shards)
    assert long_table.requested - requests == ROWS - kept
