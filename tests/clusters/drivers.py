"""Drivers that fetch a table of URLs in parts: ``python -m tests.clusters.drivers ray|dask|spark SOURCE SINK``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

import httpconn
from tests.clusters.parts import PARTS, fetch_part, part_of

ROOT = Path(__file__).parent.parent.parent


def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def with_ray(source: str, sink: str, connection: httpconn.HTTPConnection) -> int:
    import ray

    ray.init(
        num_cpus=2, include_dashboard=False, runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}}, log_to_driver=False
    )
    rows = ray.data.read_parquet(source).map(lambda row: {**row, "part": part_of(row["url"])})
    parts = rows.groupby("part", PARTS).map_groups(
        fetch_part, fn_args=(sink, connection), batch_format="pyarrow", num_cpus=0.5
    )
    return sum(part["rows"] for part in parts.take_all())


def with_dask(source: str, sink: str, connection: httpconn.HTTPConnection) -> int:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster, Client(cluster) as client:
        frame = pd.read_parquet(source)
        groups = frame.assign(part=frame["url"].map(part_of)).groupby("part")
        tasks = client.map(fetch_part, [pa.table(rows) for _, rows in groups], sink=sink, connection=connection)
        return sum(found["rows"][0].as_py() for found in client.gather(tasks))


def with_spark(source: str, sink: str, connection: httpconn.HTTPConnection) -> int:
    def fetch(rows: pa.Table) -> pa.Table:
        return fetch_part(rows, sink, connection)

    with spark_session() as spark:
        rows = spark.read.parquet(source)
        part = spark.udf.register("part_of", part_of, "int")
        parts = (
            rows.withColumn("part", part("url"))
            .groupBy("part")
            .applyInArrow(fetch, "part long, rows long, failed long")
        )
        return sum(found.rows for found in parts.collect())


def spark_session() -> Any:
    """Return a session of Spark with two processes of this machine. Spark needs Java 17 or newer."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    options = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "4"}
    return SparkSession.builder.master("local[2]").config(map=options).getOrCreate()


if __name__ == "__main__":
    engine, *paths = sys.argv[1:]
    run = {"ray": with_ray, "dask": with_dask, "spark": with_spark}[engine]
    print(run(*paths, httpconn.HTTPConnection(resolver=loopback)))
