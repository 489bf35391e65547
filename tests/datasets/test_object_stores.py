"""Data sets in an object store: S3 as moto serves it, by way of pyarrow's client."""

from __future__ import annotations

import os
import tarfile
import tempfile

import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.memory import MemoryFileSystem

import httpconn
from httpconn import datasets
from httpconn.datasets import storage
from httpconn.testing import Received, ScriptedServer, response
from tests.servers.objectstore import BUCKET, serve_s3

COUNT = 25


@pytest.fixture(scope="module")
def store():
    with serve_s3() as running:
        running.put("begun", b"")
        yield running


@pytest.fixture
def bucket(store):
    network = f"127.0.0.1:{store.network.port}"
    client = pyarrow.fs.S3FileSystem(
        access_key="a",
        secret_key="b",
        region="us-east-1",
        scheme="http",
        endpoint_override=network,
        retry_strategy=pyarrow.fs.AwsStandardS3RetryStrategy(max_attempts=1),
    )
    return ArrowFSWrapper(client)


@pytest.fixture
def seen():
    return []


@pytest.fixture
def broken():
    return {b"/3"}


@pytest.fixture
def urls(seen, broken):
    def received(request: Received) -> bytes:
        seen.append(request.target)
        return response(503) if b"/3" in broken and request.target == b"/3" else response(body=b"body")

    with ScriptedServer(received) as server:
        yield [server.url_for(f"/{n}") for n in range(COUNT)]


@pytest.fixture
def options(bucket):
    with httpconn.HTTPConnection(retries=0) as connection:
        yield {"connection": connection, "filesystem": bucket, "shard_size": 10, "concurrency": 1}


@pytest.mark.parametrize("form", ["parquet", "webdataset", "folder"])
def test_a_sink_in_an_object_store(bucket, urls, seen, broken, options, form):
    sink = f"{BUCKET}/{form}"
    summary = datasets.fetch(urls, sink, format=form, **options)
    assert (summary.complete, summary.rows, summary.errors) == (True, COUNT, {"503": 1})
    seen.clear()
    assert datasets.fetch(urls, sink, format=form, **options) == summary
    assert not seen
    broken.clear()
    assert datasets.fetch(urls, sink, format=form, retry=[503], **options).errors == {}
    names = [name for name in bucket.find(sink) if name.endswith(".parquet")]
    rows = [row for name in names for row in pq.read_table(bucket.open(name)).to_pylist()]
    assert sorted(row["row"] for row in rows) == list(range(COUNT))
    if form == "parquet":
        assert all(row["body"] == b"body" for row in rows)
    elif form == "folder":
        assert all(bucket.cat_file(f"{sink}/{row['key']}") == b"body" for row in rows)
    else:
        with tarfile.open(fileobj=bucket.open(f"{sink}/00000-000002.tar")) as tar:
            assert len(tar.getnames()) == 2 * 5


def test_a_sink_without_its_bucket_or_a_shard_is_an_error(bucket, urls, options, tmp_path):
    with pytest.raises(httpconn.StorageError, match=r"absent-bucket/sink/.* cannot be read or written"):
        datasets.fetch(urls, "memory://absent-bucket/sink", **{**options, "filesystem": WithoutBuckets()})
    sink = tmp_path / "sink"
    assert datasets.fetch(urls, sink, connection=options["connection"]).errors == {"503": 1}
    (sink / "00000-000000.parquet").unlink()
    with pytest.raises(httpconn.StorageError, match=r"00000-000000\.parquet cannot be read or written"):
        datasets.fetch(urls, sink, connection=options["connection"], retry=[503])


class WithoutBuckets(MemoryFileSystem):
    """A file system without buckets, as s3fs reports it."""

    def put_file(self, *_, **__):
        raise FileNotFoundError("The specified bucket does not exist")


def test_an_object_store_that_fails_is_asked_again(store, urls, options, monkeypatch):
    monkeypatch.setattr(storage, "PAUSE", 0)
    sink = f"{BUCKET}/failing"
    store.failing = 2
    assert datasets.fetch(urls, sink, **options).rows == COUNT
    assert store.failing == 0


def test_an_object_store_that_keeps_failing_loses_nothing(store, urls, seen, options, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "PAUSE", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sink = f"{BUCKET}/broken"

    def fail_later(row):
        store.failing = 1_000 if row["row"] == 15 else store.failing

    with pytest.raises(httpconn.StorageError, match=f"{sink}.* cannot be read or written"):
        datasets.fetch(urls, sink, on_item=fail_later, **options)
    store.failing = 0
    assert not os.listdir(tmp_path)
    rows = datasets.status(sink, filesystem=options["filesystem"]).rows
    assert rows < COUNT
    seen.clear()
    summary = datasets.fetch(urls, sink, **options)
    assert (summary.rows, summary.complete) == (COUNT, True)
    assert len(seen) == COUNT - rows
