"""fsspec's face: opened by a URL, read by pandas and pyarrow."""

from __future__ import annotations

import asyncio
import gc
import importlib
import io
import pickle
import random
import threading
import tomllib
import weakref
from datetime import UTC, datetime
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
from httpconn.testing import Close, response
from tests.http.children import exit_code_of
from tests.servers.files import Served

MIB = 1024 * 1024
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


def test_the_requirements_of_fsspec(scripted, connection):
    server = scripted({"/f": Served(LINES), "/gone": response(410)})
    files, url = HTTPConnFileSystem(connection=connection), server.url_for("/f")
    assert files.info("httpconn+" + url) == {
        "name": url,
        "size": len(LINES),
        "type": "file",
        "ETag": '"v1"',
        "Last-Modified": None,
        "mimetype": None,
        "url": url,
    }
    assert files.ls(url, detail=False) == [url]
    assert files.size(url) == len(LINES)
    assert files.isfile(url)
    assert not files.isdir(url)
    assert files.cat_file(url, 6, 11) == LINES[6:11]
    assert files.unstrip_protocol(url) == "httpconn+" + url
    assert files.ukey(url) == files.ukey("httpconn+" + url)
    for missing in (server.url_for("/gone"), server.url_for("/404"), "no-url"):
        assert not files.exists(missing)
        with pytest.raises(FileNotFoundError):
            files.open(missing)


def test_ranges_are_fetched_exactly(scripted, connection):
    content = random.Random(2).randbytes(4 * 1024 * 1024)
    server = scripted(Served(content))
    files = HTTPConnFileSystem(connection=connection)
    starts = [number * 60_000 for number in range(64)]
    ends = [start + 4096 for start in starts]
    found = files.cat_ranges([server.url] * 64, starts, ends)
    assert found == [content[start:end] for start, end in zip(starts, ends, strict=True)]
    asked = [request.header("Range").removeprefix("bytes=").split("-") for request in server.requests]
    assert len(asked) <= 64
    assert sum(int(last) - int(first) + 1 for first, last in asked) <= 64 * 4096
    assert files.cat_ranges([server.url_for("/a"), server.url_for("/b")], 0, 5) == [content[:5]] * 2
    assert files.cat_file(server.url, start=-5) == content[-5:]
    with pytest.raises(ValueError, match="zip"):
        files.cat_ranges([server.url] * 2, [0], [5])


def test_a_range_of_a_missing_file_is_an_error_at_its_position(scripted, connection):
    server = scripted({"/f": Served(LINES)})
    files = HTTPConnFileSystem(connection=connection)
    paths = [server.url_for("/f"), server.url_for("/missing")]
    found, error = files.cat_ranges(paths, 0, 5)
    assert (found, type(error)) == (LINES[:5], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        files.cat_ranges(paths, 0, 5, on_error="raise")


def test_files_are_fetched_at_the_same_time(scripted, connection):
    everyone = threading.Barrier(16)

    def serve(request):
        everyone.wait(200)
        return Served(LINES)(request)

    server = scripted(serve)
    urls = [server.url_for(f"/{number}") for number in range(16)]
    files = HTTPConnFileSystem(connection=connection)
    assert files.cat(urls) == dict.fromkeys(urls, LINES)
    assert files.cat_ranges(urls, 0, 5) == [LINES[:5]] * 16


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_continues_to_read(scripted, connection):
    server = scripted(Served(LINES))
    files = HTTPConnFileSystem(connection=connection)
    assert files.cat(server.url) == LINES
    assert exit_code_of(lambda: files.cat(server.url) == LINES) == 0
    assert files.cat(server.url) == LINES


def test_a_query_is_not_a_pattern(scripted, connection, tmp_path):
    server = scripted({"/f": Served(LINES)})
    files, url = HTTPConnFileSystem(connection=connection), server.url_for("/f?sig=a*[b]&x=1")
    assert files.cat(url) == LINES
    assert files.cat([url]) == {url: LINES}
    assert files.glob(url) == [url]
    for fetch in (files.get, files.download, files.get_file):
        fetch(url, str(tmp_path / "file"))
        assert (tmp_path / "file").read_bytes() == LINES
        (tmp_path / "file").unlink()
    files.get(url, str(tmp_path))
    assert (tmp_path / "f").read_bytes() == LINES


@pytest.mark.parametrize(("target", "path"), [("new/", "new/f"), ("new/sub/", "new/sub/f"), ("new/sub/g", "new/sub/g")])
def test_get_creates_the_folder(scripted, connection, tmp_path, target, path):
    url = scripted({"/f": Served(LINES)}).url_for("/f")
    HTTPConnFileSystem(connection=connection).get(url, f"{tmp_path}/{target}")
    assert (tmp_path / path).read_bytes() == LINES


def test_options(scripted, connection):
    server = scripted(Served(LINES))
    files = HTTPConnFileSystem(connection=connection, headers={"X-Key": "k"}, block_size=5, connections=1)
    assert (files.cat(server.url), files.info(server.url)["size"]) == (LINES, len(LINES))
    with files.open(server.url) as file:
        assert (file.read(3), file.blocksize) == (LINES[:3], 5)
    assert {request.header("X-Key") for request in server.requests} == {"k"}
    assert server.requests[-1].header("Range") == "bytes=0-4"
    with pytest.raises(TypeError, match="unknown"):
        HTTPConnFileSystem(unknown=1)


@pytest.mark.parametrize("size", [None, 9 * MIB])
def test_a_large_file_without_ranges(scripted, connection, size):
    content = random.Random(4).randbytes(9 * MIB)
    cut_off = lambda request: [response(framing="close", body=content), Close()]  # noqa: E731
    server = scripted(Served(content, ranges=False) if size else cut_off)
    files = HTTPConnFileSystem(connection=connection)
    with files.open(server.url) as file:
        assert (file.read(10), file.tell(), file.size, file.seekable()) == (content[:10], 10, size, False)
        assert (file.seek(5 * MIB), file.read(10)) == (5 * MIB, content[5 * MIB :][:10])
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0)
        with pickle.loads(pickle.dumps(file)) as copy:
            assert (copy.tell(), copy.read()) == (5 * MIB + 10, content[5 * MIB + 10 :])
        copy._request[0].close()
        assert file.read() == content[5 * MIB + 10 :]
    assert files.cat_file(server.url, 10, 20) == content[10:20]
    with pytest.raises(httpconn.RangesRefused):
        files.open(server.url, cache_type="none")
    target = io.BytesIO()
    files.get_file(server.url, target)
    assert target.getvalue() == content


def test_a_pickled_file_without_ranges_has_one_version(scripted, connection):
    server = scripted(Served(bytes(9 * MIB), etag='"v1"', ranges=False))
    with HTTPConnFileSystem(connection=connection).open(server.url) as file:
        rebuild, arguments = file.__reduce__()  # pickle.loads would leave its connection open
    server._handler.etag = '"v2"'
    with pytest.raises(httpconn.FileChanged):
        rebuild(*arguments)


def listing(*links):
    return Served("".join(f'<a href="{link}">x</a>' for link in links).encode(), headers={"Content-Type": "text/html"})


@pytest.fixture
def folder(scripted):
    """The URL of a folder, which is also served with a slash at its end, and has a folder without one."""
    page = listing("/d/a.txt", "b.txt#x", "sub/", "?C=N", "/")
    files = {"/d/a.txt": Served(LINES), "/d/b.txt": Served(b"b"), "/d/sub/c.txt": Served(b"c")}
    return scripted({"/d": page, "/d/": page, "/d/sub/": listing("c.txt"), **files}).url_for("/d")


def test_a_listing(folder, connection):
    files, url = HTTPConnFileSystem(connection=connection), folder
    assert files.ls(url, detail=False) == [f"{url}/a.txt", f"{url}/b.txt", f"{url}/sub/"]
    assert files.find(url) == [f"{url}/a.txt", f"{url}/b.txt", f"{url}/sub/c.txt"]
    assert list(files.walk(url)) == [(url, ["sub"], ["a.txt", "b.txt"]), (f"{url}/sub", [], ["c.txt"])]
    assert (files.isdir(url), files.isdir(f"{url}/a.txt"), files.isfile(f"{url}/a.txt")) == (True, False, True)
    with pytest.raises(FileNotFoundError):
        files.ls(f"{url}/missing")


def test_one_request_shows_what_a_file_is(scripted, connection):
    server = scripted({"/a": Served(LINES, headers={"Content-Type": "text/csv"})})
    files, url = HTTPConnFileSystem(connection=connection), server.url_for("/a")
    for ask in (files.ls, files.isfile, files.glob, files.exists, files.info):
        assert ask(url)
    assert [request.method for request in server.requests] == ["HEAD"] * 5


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["a.txt", "b.txt", "sub/"]),
        ("*/", ["sub/"]),
        ("[a]*", ["a.txt"]),
        ("*/*", ["sub/c.txt"]),
        ("**", ["", "a.txt", "b.txt", "sub/", "sub/c.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "sub/c.txt"]),
        ("missing/*", []),
        ("missing", []),
    ],
)
def test_patterns(folder, connection, pattern, found):
    files = HTTPConnFileSystem(connection=connection)
    assert files.glob(f"{folder}/{pattern}") == [f"{folder}/{name}" for name in found]
    assert sorted(files.glob(f"{folder}/{pattern}", detail=True)) == [f"{folder}/{name}" for name in found]


def test_a_folder_is_downloaded(folder, connection, tmp_path):
    files = HTTPConnFileSystem(connection=connection)
    files.get(folder, str(tmp_path / "all"), recursive=True)
    assert (tmp_path / "all/sub/c.txt").read_bytes() == b"c"
    assert (tmp_path / "all/a.txt").read_bytes() == LINES
    files.get(f"{folder}/*.txt", str(tmp_path))
    assert (tmp_path / "b.txt").read_bytes() == b"b"
    assert files.cat(f"{folder}/*.txt") == {f"{folder}/a.txt": LINES, f"{folder}/b.txt": b"b"}


def test_brackets_of_a_host_are_no_pattern(connection):
    assert HTTPConnFileSystem(connection=connection).expand_path("http://[::1]/f") == ["http://[::1]/f"]


def test_listings_are_shared(folder, monkeypatch, connection):
    monkeypatch.setattr(httpconn, "global_http_connection", connection)
    files = fsspec.filesystem("httpconn", use_listings_cache=True)
    assert len(files.ls(folder)) == 3
    assert fsspec.filesystem("httpconn", use_listings_cache=True) is files
    assert list(files.dircache) == [folder]
    assert fsspec.filesystem("httpconn") is not files
    HTTPConnFileSystem.clear_instance_cache()


def test_a_filesystem_does_not_outlive_its_connection(connection):
    files = weakref.ref(fsspec.filesystem("httpconn", connection=connection))
    gc.collect()
    assert files() is None


@pytest.mark.parametrize("wrapper", ["simplecache", "filecache"])
def test_a_cache_of_files(scripted, connection, tmp_path, wrapper):
    server = scripted(Served(LINES))
    url = f"{wrapper}::" + server.url_for("/f?sig=*").replace("http://", "httpconn://")
    options = {"httpconn": {"connection": connection}, wrapper: {"cache_storage": str(tmp_path)}}
    for _ in range(2):
        with fsspec.open(url, **options) as file:
            assert file.read() == LINES
    assert [request.method for request in server.requests].count("GET") == 1


# fsspec leaves the file of its cache open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_block_cache(scripted, connection, tmp_path):
    content = random.Random(5).randbytes(100_000)
    server = scripted(Served(content))
    files = HTTPConnFileSystem(connection=connection, block_size=1000)
    cached = fsspec.filesystem("blockcache", fs=files, cache_storage=str(tmp_path))
    for _ in range(2):
        with cached.open(server.url, "rb") as file:
            file.seek(50_000)
            assert file.read(100) == content[50_000:50_100]
    assert sum(request.header("Range") == "bytes=50000-50999" for request in server.requests) == 1
    assert cached.cat(server.url) == content


def test_the_time_of_a_change(scripted, connection):
    files = HTTPConnFileSystem(connection=connection)
    server = scripted({"/a": Served(LINES, modified="Mon, 05 Jan 2026 00:00:00 GMT"), "/b": Served(LINES)})
    assert files.modified(server.url_for("/a")) == datetime(2026, 1, 5, tzinfo=UTC)
    assert files.modified(server.url_for("/b")) > datetime(2026, 1, 5, tzinfo=UTC)
    with pytest.raises(NotImplementedError):
        files.created(server.url_for("/a"))


def test_protocols_without_a_plus(scripted, connection):
    server = scripted(Served(LINES))
    with fsspec.open(server.url.replace("http://", "httpconn://"), connection=connection) as file:
        assert file.read() == LINES
    assert HTTPConnFileSystem._strip_protocol("httpconns://example.com/a") == "https://example.com/a"


def test_it_is_asynchronous(scripted, tmp_path):
    server = scripted({"/f": Served(LINES), "/large": Served(bytes(9 * MIB), ranges=False)})
    url = server.url_for("/f")

    async def main():
        async with httpconn.HTTPConnection() as connection:
            files = HTTPConnFileSystem(connection=connection, asynchronous=True, skip_instance_cache=True)
            assert await files._cat_file(url) == LINES
            assert await files._cat_ranges([url, url], [0, 6], [5, 11]) == [LINES[:5], LINES[6:11]]
            assert (await files._info(url))["size"] == len(LINES)
            await files._get_file(url, tmp_path / "file")
            async with await files.open_async(url) as file:
                assert await file.read(5) == LINES[:5]
            async with await files.open_async(server.url_for("/large")) as file:
                assert (file.size, await file.read(5), len(await file.read())) == (9 * MIB, bytes(5), 9 * MIB - 5)
            target = io.BytesIO()
            await files._get_file(url, target)
            assert target.getvalue() == LINES
            with pytest.raises(FileNotFoundError):
                await files._cat_file(server.url_for("/missing"))

    asyncio.run(main())
    assert (tmp_path / "file").read_bytes() == LINES


def test_it_only_reads(connection):
    with pytest.raises(httpconn.InvalidRequest, match="read"):
        HTTPConnFileSystem(connection=connection).open("http://127.0.0.1/", "wb")


def test_connection_must_be_a_connection_object():
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
