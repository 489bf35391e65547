"""fsspec's face: opened by a URL, read by pandas and pyarrow."""

from __future__ import annotations

import importlib
import io
import random
import tomllib
from pathlib import Path

import fsspec
import pandas
import pyarrow
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import pytest

import httpconn
from httpconn.filesystem import HTTPConnFileSystem
from httpconn.testing import response
from tests.servers.files import Served

LINES = b"fruit,price\napple,1.2\npear,2.5\n"


@pytest.fixture(autouse=True)
def _registered():
    # As the entry points of the installed package do.
    for protocol in HTTPConnFileSystem.protocol:
        fsspec.register_implementation(protocol, HTTPConnFileSystem, clobber=True)


@pytest.fixture
def connection():
    with httpconn.HTTPConnection(retries=0) as opened:
        yield opened


def test_the_entry_points_name_it():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["fsspec.specs"]
    assert set(points) == set(HTTPConnFileSystem.protocol)
    for point in points.values():
        module, _, name = point.rpartition(":")
        assert getattr(importlib.import_module(module), name) is HTTPConnFileSystem


def test_a_url_is_opened(scripted, connection):
    server = scripted({"/a%2Fb//c.csv": Served(LINES)})
    url = "httpconn+" + server.url_for("/a%2Fb//c.csv?sig=%2B")
    with fsspec.open(url, connection=connection) as file:
        assert file.read() == LINES
    with fsspec.open(url, "rt", connection=connection) as file:
        assert file.readlines()[1] == "apple,1.2\n"
    assert {request.target for request in server.requests} == {b"/a%2Fb//c.csv?sig=%2B"}


def test_the_global_connection_by_default(scripted, monkeypatch, connection):
    monkeypatch.setattr(httpconn, "global_http_connection", connection)
    server = scripted(Served(LINES))
    with fsspec.open("httpconn+" + server.url_for("/f")) as file:
        assert file.read(5) == LINES[:5]


def test_the_access_policy_of_the_connection_holds(scripted):
    server = scripted(Served(LINES))
    with httpconn.HTTPConnection(access=httpconn.AccessPolicy.public_internet()) as guarded:
        files = HTTPConnFileSystem(connection=guarded)
        with pytest.raises(httpconn.AccessDenied):
            files.open(server.url)
    assert server.requests == []


def test_what_fsspec_asks_of_a_filesystem(scripted, connection):
    server = scripted({"/f": Served(LINES), "/gone": response(410)})
    files, url = HTTPConnFileSystem(connection=connection), server.url_for("/f")
    assert files.info("httpconn+" + url) == {
        "name": url,
        "size": len(LINES),
        "type": "file",
        "ETag": '"v1"',
        "Last-Modified": None,
    }
    assert files.ls(url, detail=False) == [url]
    assert files.size(url) == len(LINES)
    assert files.isfile(url)
    assert not files.isdir(url)
    assert files.cat_file(url, 6, 11) == LINES[6:11]
    assert files.unstrip_protocol(url) == "httpconn+" + url
    assert files.ukey(url) == files.ukey("httpconn+" + url)
    for missing in (server.url_for("/gone"), server.url_for("/404")):
        assert not files.exists(missing)
        with pytest.raises(FileNotFoundError):
            files.open(missing)


def test_it_only_reads(connection):
    with pytest.raises(httpconn.InvalidRequest, match="read"):
        HTTPConnFileSystem(connection=connection).open("http://127.0.0.1/", "wb")


def test_a_connection_that_is_none():
    with pytest.raises(httpconn.InvalidRequest, match="connection"):
        HTTPConnFileSystem(connection="http://127.0.0.1")


def test_pandas_reads_by_url(scripted, connection):
    server = scripted(Served(LINES))
    url, options = "httpconn+" + server.url_for("/prices.csv"), {"connection": connection}
    assert pandas.read_csv(url, storage_options=options)["price"].sum() == 3.7


def test_pyarrow_reads_columns(scripted, connection):
    chance = random.Random(3)
    table = pyarrow.table({name: [chance.random() for _ in range(50_000)] for name in "abcdefgh"})
    packed = io.BytesIO()
    pyarrow.parquet.write_table(table, packed)
    server = scripted(Served(packed.getvalue()))
    files = HTTPConnFileSystem(connection=connection)
    with files.open(server.url_for("/t.parquet"), block_size=16 * 1024) as file:
        assert pyarrow.parquet.read_table(file, columns=["b"]).equals(table.select(["b"]))
    wrapped = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(files))
    read = pyarrow.parquet.read_table(server.url_for("/t.parquet"), filesystem=wrapped, columns=["c"])
    assert read.equals(table.select(["c"]))
