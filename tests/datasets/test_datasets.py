"""Data sets: sources, sinks, rows, and jobs that continue."""

from __future__ import annotations

import csv
import hashlib
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import httpconn
from httpconn import datasets
from httpconn.datasets.shards import tar_header
from httpconn.testing import Received, ScriptedServer, redirect, response

AT_ONCE = httpconn.RetryPolicy(attempts=1)
PNG = b"\x89PNG\r\n\x1a\n"


def respond(request: Received) -> bytes:
    path = request.target if isinstance(request.target, str) else request.target.decode()
    if path.startswith("/404"):
        return response(404)
    if path.startswith("/moved"):
        return redirect("/1.png?token=secret")
    if path.startswith("/noai"):
        return response(headers={"X-Robots-Tag": "otherbot: none", "x-robots-tag": "noai, max-snippet:3"}, body=b"x")
    kind = "text/html" if path.endswith(".html") else "image/png"
    return response(headers={"Content-Type": kind, "ETag": f'"{path}"'}, body=PNG + path.encode())


@pytest.fixture(scope="module")
def server():
    with ScriptedServer(respond) as running:
        yield running


@pytest.fixture
def connection():
    with httpconn.HTTPConnection(retries=AT_ONCE) as opened:
        yield opened


def rows_of(sink) -> list[dict]:
    rows = [row for path in sorted(Path(sink).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return sorted(rows, key=lambda row: row["row"])


FORMATS = ["parquet", "webdataset", "folder"]


@pytest.mark.parametrize(("name", "size"), [("000000000001.jpg", 30_720), ("0.body.json", 0), ("a" * 100, 8**11 - 1)])
def test_the_header_of_a_tar_member_is_that_of_tarfile(name, size):
    member = tarfile.TarInfo(name)
    member.size = size
    assert tar_header(name, size) == member.tobuf()


@pytest.mark.parametrize("size", [8**11, 2**40 + 1])
def test_tarfile_reads_the_size_of_a_tar_member_of_8_gib(size):
    assert tarfile.TarInfo.frombuf(bytes(tar_header("a", size)), "ascii", "strict").size == size


def bodies_of(sink: Path, form: str) -> dict[int, bytes]:
    """The stored body of each row that has one."""
    found = {}
    for row in rows_of(sink):
        if form == "parquet" and row["body"] is not None:
            found[row["row"]] = row["body"]
        elif form == "folder" and row["key"] is not None:
            found[row["row"]] = (sink / row["key"]).read_bytes()
    for path in sink.glob("*.tar"):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                if not member.name.endswith(".json"):
                    found[int(member.name.partition(".")[0])] = tar.extractfile(member).read()
    return found


@pytest.mark.parametrize("form", FORMATS)
def test_each_url_has_one_row(server, connection, tmp_path, form):
    urls = [server.url_for(each) for each in ("/0.png", "/404", "/moved", "/3.html")]
    urls += [None, "no url", "ftp://example.com/"]
    sink = tmp_path / "sink"
    summary = datasets.fetch(urls, sink, format=form, connection=connection, shard_size=3, headers=["ETag"])
    assert (summary.complete, summary.shards, summary.rows, summary.succeeded) == (True, 3, 7, 3)
    assert summary.errors == {"InvalidURL": 3, "404": 1}
    assert summary == datasets.status(sink)
    rows = rows_of(sink)
    assert [row["url"] for row in rows] == urls
    assert [row["status"] for row in rows] == [200, 404, 200, 200, None, None, None]
    assert [row["error"] for row in rows] == [None, "StatusError", None, None, *["InvalidURL"] * 3]
    assert rows[0]["media_type"] == "image/png"
    assert dict(rows[0]["headers"]) == {"etag": '"/0.png"'}
    assert rows[2]["final_url"].endswith("/1.png?token=...") or "secret" not in rows[2]["final_url"]
    bodies = bodies_of(sink, form)
    assert bodies == {0: PNG + b"/0.png", 2: PNG + b"/1.png?token=secret", 3: PNG + b"/3.html"}
    assert all(hashlib.sha256(bodies[at]).hexdigest() == rows[at]["sha256"] for at in bodies)


def write_parquet(path, items):
    pq.write_table(pa.Table.from_pylist(items), path)


def write_csv(path, items):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(items[0]))
        writer.writeheader()
        writer.writerows(items)


def write_jsonl(path, items):
    path.write_text("".join(f"{json.dumps(each)}\n" for each in items))


WRITERS = {"t.parquet": write_parquet, "t.csv": write_csv, "t.jsonl": write_jsonl}


@pytest.mark.parametrize("name", WRITERS)
def test_a_source_has_columns(server, connection, tmp_path, name):
    items = [{"n": n, "caption": f'a "line",\n{n}', "link": server.url_for(f"/{n}")} for n in range(5)]
    WRITERS[name](tmp_path / name, items)
    options = {"url_column": "link", "columns": ["caption", "n"], "connection": connection}
    datasets.fetch(tmp_path / name, tmp_path / "sink", **options)
    rows = rows_of(tmp_path / "sink")
    number = str if name.endswith(".csv") else int
    assert [(row["url"], row["caption"], row["n"]) for row in rows] == [
        (each["link"], each["caption"], number(each["n"])) for each in items
    ]
    with pytest.raises(httpconn.InvalidRequest, match=r"no column 'nowhere'. Its columns are: n, caption, link"):
        datasets.fetch(tmp_path / name, tmp_path / "other", url_column="nowhere")
    assert not (tmp_path / "other").exists()
