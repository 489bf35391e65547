"""Data sets: what can be wrong with sources, and the rules of sites for robots."""

from __future__ import annotations

import gzip
import json
import os
import resource
from contextlib import nullcontext
from pathlib import Path

import fsspec
import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import httpconn
from httpconn import datasets
from httpconn.datasets import sources
from httpconn.datasets.robots import Robots
from httpconn.datasets.run import partition_of
from httpconn.testing import Received, ScriptedServer, Stall, redirect, response
from tests.datasets.test_datasets import rows_of

AT_ONCE = httpconn.RetryPolicy(attempts=1)
ROBOTS = b"User-agent: *\nDisallow: /private\nAllow: /private/*.png$\n\nUser-agent: other\nDisallow: /\n"


def respond(request: Received) -> bytes:
    path = request.target if isinstance(request.target, str) else request.target.decode()
    agent = request.header("User-Agent") or ""
    if path == "/robots.txt":
        return response(body=ROBOTS)
    kind = "text/html" if path.endswith(".html") else "image/png"
    tag = {"/ai": "noai, nofollow", "/other": "otherbot: noai"}.get(path, "all")
    start = b"\x89PNG\r\n\x1a\n" if path.endswith(".png") else b""
    return response(headers={"Content-Type": kind, "X-Robots-Tag": tag}, body=start + agent.encode())


@pytest.fixture(scope="module")
def server():
    with ScriptedServer(respond) as running:
        yield running


@pytest.fixture
def connection():
    with httpconn.HTTPConnection(retries=AT_ONCE) as opened:
        yield opened


@pytest.mark.parametrize("returned", [True, 5, [1, 2], "text"])
def test_a_result_of_on_item_that_is_not_bytes_is_an_error_of_the_row(server, connection, tmp_path, returned):
    sink = tmp_path / "sink"
    urls = [f"{server.url}/a.png"]
    assert datasets.fetch(urls, sink, connection=connection, on_item=lambda row: returned).errors == {"TypeError": 1}
    assert "bytes-like object is required" in rows_of(sink)[0]["message"]


class Remote(fsspec.AbstractFileSystem):
    """A file system with fsspec's own class of remote files, as s3fs, gcsfs and adlfs have it."""

    protocol = "remote"
    cachable = False

    def info(self, path: str, **options: object) -> dict[str, object]:
        return {"name": path, "size": os.stat(path).st_size, "type": "file"}

    def _open(self, path: str, *_: object, **options: object) -> RemoteFile:
        return RemoteFile(self, path)


class RemoteFile(fsspec.spec.AbstractBufferedFile):
    def _fetch_range(self, start: int, end: int) -> bytes:
        return Path(self.path).read_bytes()[start:end]


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.jsonl.gz"])
def test_a_source_of_a_remote_file_system(server, connection, tmp_path, name):
    fsspec.register_implementation("remote", Remote, clobber=True)
    url = f"{server.url}/a.png"
    lines = {"txt": url, "csv": f"url\n{url}", "jsonl": json.dumps({"url": url})}
    content = lines[name.split(".")[1]].encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    summary = datasets.fetch(f"remote://{tmp_path}/{name}", str(tmp_path / "sink"), connection=connection)
    assert (summary.rows, summary.succeeded) == (1, 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.parquet", None, "absent.parquet does not exist"),
        ("a.parquet", b"PAR1 no", "a.parquet cannot be read"),
        ("a.xlsx", b"", "must end in .parquet"),
        ("a.csv", b"", "no column 'url'"),
        ("a.csv", b"link\nhttp://x/\n", "Its columns are: link"),
        ("a.jsonl", b'{"url": ' + b"[" * 100_000 + b"\n", "Line 1 of a.jsonl is not a JSON object"),
        ("a.jsonl", b"[1]\n", "Line 1 of a.jsonl is not a JSON object"),
        ("a.jsonl", b'{"link": 1}\n', "line 1 has no column 'url'"),
        ("a.txt.gz", b"no gzip", "a.txt.gz cannot be read"),
        ("a.txt.gz", gzip.compress(bytes(range(256)), mtime=0)[:40], "a.txt.gz cannot be read: Compressed file ended"),
        ("a.txt.gz", gzip.compress(b"a", mtime=0)[:10] + b"\xff", "a.txt.gz cannot be read: .*invalid"),
        ("a.txt.lz4", b"", "All except .parquet may have .gz"),
        ("a.parquet.gz", b"", "must end in .parquet"),
        ("a[1].txt", None, "has no files"),
    ],
)
def test_a_source_that_cannot_be_read_is_named(connection, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(httpconn.InvalidRequest, match=message):
        datasets.fetch(tmp_path / name, tmp_path / "sink", connection=connection)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"url": "%s", "n": "1"}\nno\n\n[1]\n{"url": "%s"}\n', "Line 4 of a.jsonl is not a JSON object"),
        (
            "a.jsonl",
            b'{"url": "%s", "n": "1"}\n"\xff"\n{"url\n{"url": "%s"}\n',
            "Line 3 of a.jsonl is not a JSON object",
        ),
        ("a.csv", b'url,n\n%s,"1"\n\nx\nx,2,3\n%s,\n', "Record 4 of a.csv has 3 fields, not 2"),
        ("a.tsv", b"url\tn\r\n%s\t1\r\nx\r\nx\r\n%s\t\r\n", "Record 4 of a.tsv has 1 fields, not 2"),
        ("a.csv", b"url,n\n%s,1\n\xff,\n%s,\nx", "Record 5 of a.csv has 1 fields, not 2"),
        ("a.csv", b'\xef\xbb\xbfurl,n\r%s,1\r"a\rb,c"\r%s,\r"x', "Record 5 of a.csv has 1 fields, not 2"),
    ],
)
def test_a_broken_line_is_a_row_with_an_error(server, connection, tmp_path, name, content, message):
    url = server.url_for("/")
    (tmp_path / name).write_bytes(content % (url.encode(), url.encode()))
    options = {"connection": connection, "columns": ["n"], "shard_size": 2}
    assert datasets.fetch(tmp_path / name, tmp_path / "sink", **options).errors == {"InvalidURL": 2}
    rows = rows_of(tmp_path / "sink")
    assert [row["row"] for row in rows] == [0, 1, 2, 3]
    assert [(row["url"], row["n"]) for row in rows if row["error"] is None] == [(url, "1"), (url, None)]
    assert message in [row["message"] for row in rows]
    assert datasets.fetch(tmp_path / name, tmp_path / "sink", retry={"InvalidURL"}, **options).complete
    assert [row["message"] for row in rows_of(tmp_path / "sink")] == [row["message"] for row in rows]


def test_a_line_that_is_too_long_is_a_row_with_an_error(server, connection, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_LINE", 100)
    (tmp_path / "a.txt").write_text(f"{server.url_for('/')}\n{'x' * 250}\n{server.url_for('/')}\n")
    datasets.fetch(tmp_path / "a.txt", tmp_path / "sink", connection=connection)
    messages = [row["message"] for row in rows_of(tmp_path / "sink")]
    assert messages == [None, "Line 2 of a.txt has more than 100 bytes", None]


@pytest.mark.parametrize("long", ["x" * 250 + ",", '"' + "x,\n" * 80 + 'x",', '"' + "x" * 50 + "\n" + "x" * 80])
def test_a_csv_record_that_is_too_long_is_a_row_with_an_error(server, connection, tmp_path, monkeypatch, long):
    monkeypatch.setattr(sources, "MAX_LINE", 100)
    url = server.url_for("/")
    (tmp_path / "a.csv").write_text(f"url,n\n{url},1\n{long}\n{url},2\n")
    datasets.fetch(tmp_path / "a.csv", tmp_path / "sink", connection=connection, columns=["n"])
    rows = rows_of(tmp_path / "sink")
    assert [row["n"] for row in rows if row["error"] is None] == ["1", "2"]
    assert rows[1]["message"] == "Record 3 of a.csv has more than 100 characters, or a quote without an end"
    assert all(row["error"] == "InvalidURL" for row in rows[1:-1])


def test_binary_urls_are_decoded(server, connection, tmp_path):
    url = server.url_for("/é.png")
    table = pa.table({"url": pa.array([url.encode(), b"\xff", None], pa.binary())})
    pq.write_table(table, tmp_path / "a.parquet")
    datasets.fetch(tmp_path / "a.parquet", tmp_path / "sink", connection=connection)
    assert [row["url"] for row in rows_of(tmp_path / "sink")] == [url, "\ufffd", None]
    assert datasets.fetch_batch(table, connection=connection)["error"].to_pylist() == [None, "InvalidURL", "InvalidURL"]
    assert partition_of(url.encode(), 1000) == partition_of(url, 1000)


def test_a_map_keeps_repeated_keys(server, connection, tmp_path):
    kind = pa.map_(pa.string(), pa.int64())
    values = [[("a", 1), ("a", 2)], None, [], [("b", 3)]]
    table = pa.table({"url": [server.url_for("/")] * 4, "m": pa.array(values, kind)})
    datasets.fetch(table, tmp_path / "sink", connection=connection, columns=["m"])
    assert [row["m"] for row in rows_of(tmp_path / "sink")] == values


def test_options_are_checked(tmp_path):
    sink = tmp_path / "sink"
    rows = [{"url": "x", "status": 1}]
    for options, message in [
        ({"columns": ["status"]}, "'status' cannot be copied"),
        ({"format": "zip"}, "format must be"),
        ({"processes": 0}, "processes must be"),
        ({"shard_size": True}, "shard_size must be"),
        ({"robots_tags": ["no"]}, "robots_tags= accepts"),
        ({"accept": "png"}, "not a media type"),
        ({"columns": None}, "columns does not accept a value of type NoneType"),
        ({"headers": None}, "headers does not accept"),
        ({"connection": httpx.Client}, "connection does not accept a value of type type"),
        ({"max_total_bytes": "5"}, "max_total_bytes must be"),
        ({"on_item": 5}, "on_item does not accept"),
    ]:
        with pytest.raises(httpconn.InvalidRequest, match=message):
            datasets.fetch(rows, sink, **options)
    for source in (b"urls", {"url": 1}, 5):
        with pytest.raises(httpconn.InvalidRequest, match="must be a path, a table or an iterable"):
            datasets.fetch(source, sink)
    with pytest.raises(httpconn.InvalidRequest, match="sink does not accept a value of type NoneType"):
        datasets.fetch(rows, None)
    with pytest.raises(httpconn.InvalidRequest, match="connection does not accept"):
        datasets.fetch_batch({"url": ["x"]}, connection=5)
    assert not sink.exists()


def test_a_transport_is_never_ignored(tmp_path):
    """A test double must not reach the network."""
    double = httpx.MockTransport(lambda request: httpx.Response(200, content=b"double"))
    for options, fetch in [
        ({"transport": double}, lambda conn: datasets.fetch(["http://a.test/"], tmp_path / "no", connection=conn)),
        ({"async_transport": double}, lambda conn: datasets.fetch_batch({"url": ["http://a.test/"]}, connection=conn)),
    ]:
        with (
            httpconn.HTTPConnection(**options) as conn,
            pytest.raises(httpconn.InvalidRequest, match=r"no \w*transport="),
        ):
            fetch(conn)
    with httpconn.HTTPConnection(async_transport=double) as conn:
        datasets.fetch(["http://a.test/"], tmp_path / "sink", connection=conn)
    assert [row["body"] for row in rows_of(tmp_path / "sink")] == [b"double"]
    assert not (tmp_path / "no").exists()


def test_each_bad_value_is_a_row(server, connection, tmp_path):
    huge = "http://example.com/" + "x" * 10_000_000
    given = [None, 7, "", "http://[::1", "http://user:secret@", huge, "http://a\ud800.test/", server.url_for("/1.png")]
    summary = datasets.fetch(given, tmp_path / "sink", connection=connection)
    assert summary.errors == {"InvalidURL": 7}
    rows = rows_of(tmp_path / "sink")
    assert [row["url"] for row in rows] == [None, "7", *given[2:6], "http://a?.test/", given[7]]
    odd = [*given[:5], "http:///", "http://:80/"]
    assert datasets.fetch(odd, tmp_path / "odd", connection=connection, robots_txt=True).failed == 7
    assert all(len(row["message"]) <= 500 and "secret" not in row["message"] for row in rows[:7])


def test_a_url_is_stored_as_given_and_fetched_without_space_and_secrets(server, connection, tmp_path):
    url = server.url_for("/a b.png?key=hidden")
    given = [f" {url}\n", url.replace("//", "//user:hidden@")]
    datasets.fetch(given, tmp_path / "sink", connection=connection)
    rows = rows_of(tmp_path / "sink")
    assert [row["url"] for row in rows] == given
    assert [row["status"] for row in rows] == [200, 200]
    found = datasets.fetch_batch({"url": given}, connection=connection)["final_url"].to_pylist()
    assert found == [row["final_url"] for row in rows]
    assert all(each.startswith(server.url_for("/a")) and "hidden" not in each for each in found)


def test_values_that_no_column_can_hold(server, connection, tmp_path):
    url = server.url_for("/")
    rows = [{"url": url, "text": "half \ud83d", "n": None}, {"url": url, "text": None, "n": None}]
    datasets.fetch(rows, tmp_path / "sink", connection=connection, columns=["text", "n"])
    assert [row["text"] for row in rows_of(tmp_path / "sink")] == ["half ?", None]
    interval = pa.table({"url": [url], "n": pa.array([pa.MonthDayNano([1, 2, 3])])})
    with pytest.raises(httpconn.InvalidRequest, match="The column 'n' cannot be stored in Parquet"):
        datasets.fetch(interval, tmp_path / "interval", columns=["n"])
    with pytest.raises(httpconn.InvalidRequest, match="The column 1 cannot be stored"):
        datasets.fetch([{"url": url, 1: 2}], tmp_path / "number", columns=[1])


MANY = sources.SAMPLE + 1  # rows whose types are not inferred together


@pytest.mark.parametrize(
    ("first", "last", "kind", "stored"),
    [
        ("1", "2.5", pa.float64(), [1.0, 2.5]),
        ("null", "1", pa.int64(), [None, 1]),
        ("1", '"two"', pa.string(), ["1", "two"]),
        ('"one"', "[2]", pa.string(), ["one", "[2]"]),
        ("1", f"1{'0' * 30}", pa.string(), ["1", f"1{'0' * 30}"]),
        ("1.5", f"1{'0' * 400}", pa.string(), ["1.5", f"1{'0' * 400}"]),
        ("true", "1", pa.string(), ["true", "1"]),
        ("{}", "{}", pa.string(), ["{}", "{}"]),
        ('{"x": 1}', '{"y": "é"}', None, [{"x": 1, "y": None}, {"x": None, "y": "é"}]),
        ('{"x": 1}', '{"x": "é"}', pa.string(), ['{"x": 1}', '{"x": "é"}']),
        ("[]", '["a"]', None, [[], ["a"]]),
        ("[" * 150 + "]" * 150, "null", pa.string(), ["[" * 150 + "]" * 150, None]),
        ('{"x": "\\ud800"}', "Infinity", pa.string(), ['{"x": "?"}', "Infinity"]),
    ],
)
def test_a_column_holds_all_values_of_its_source(connection, tmp_path, first, last, kind, stored):
    line = '{"url": null, "n": %s}\r\n'
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + (line % first * MANY + line % last).encode())
    items = [{"url": None, "n": json.loads(each)} for each in (*[first] * MANY, last)]
    for source in (tmp_path / "a.jsonl", items):
        sink = tmp_path / ("items" if source is items else "file")
        datasets.fetch(source, sink, connection=connection, columns=["n"])
        table = pq.read_table(sink / "00000-000000.parquet")
        assert kind in (None, table.schema.field("n").type)
        assert table["n"].to_pylist() == stored[:1] * MANY + stored[1:]
    (tmp_path / "a.jsonl").write_text(line % '"another"')
    with pytest.raises(httpconn.InvalidRequest, match="has changed since the first run"):
        datasets.fetch(tmp_path / "a.jsonl", tmp_path / "file", connection=connection, columns=["n"])


def test_the_files_of_a_source_can_have_different_types(connection, tmp_path):
    (tmp_path / "parts").mkdir()
    for number, values in enumerate([[1], ["two"], [None]]):
        table = pa.table({"url": pa.nulls(1), "n": values, "small": pa.array([number], f"int{8 << number}")})
        pq.write_table(table, tmp_path / "parts" / f"{number}.parquet")
    datasets.fetch(tmp_path / "parts", tmp_path / "sink", connection=connection, columns=["n", "small"])
    rows = rows_of(tmp_path / "sink")
    assert [(row["n"], row["small"]) for row in rows] == [("1", 0), ("two", 1), (None, 2)]
    pq.write_table(pa.table({"url": pa.nulls(1), "n": [1]}), tmp_path / "parts" / "3.parquet")
    with pytest.raises(httpconn.InvalidRequest, match=r"3.parquet has no column 'small'"):
        datasets.fetch(tmp_path / "parts", tmp_path / "other", columns=["n", "small"])
    assert not (tmp_path / "other").exists()


def test_a_source_can_be_a_folder_or_a_pattern(server, connection, tmp_path):
    (tmp_path / "parts").mkdir()
    for part in range(3):
        urls = [server.url_for(f"/{part}/{n}") for n in range(4)]
        pq.write_table(pa.table({"url": urls}), tmp_path / "parts" / f"{part}.parquet")
    (tmp_path / "parts" / "_SUCCESS").touch()
    (tmp_path / "urls[1].parquet.d").mkdir()
    line = f"URL\turl\n\t{server.url_for('/')}\n".encode()
    (tmp_path / "urls[1].parquet.d" / "a.TSV.GZ").write_bytes(gzip.compress(line * 2))
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(f"\ufeff# a comment\n{server.url_for('/')}\n\n".encode()))
    sources = [("parts", 12, 12), ("parts/[01].parquet", 8, 8), ("a.txt.gz", 1, 1), ("urls[1].parquet.d", 3, 2)]
    for source, count, succeeded in sources:
        sink = tmp_path / f"sink{count}"
        summary = datasets.fetch(str(tmp_path / source), sink, connection=connection)
        assert (summary.rows, summary.succeeded) == (count, succeeded)
        assert [row["row"] for row in rows_of(sink)] == list(range(count))


def test_a_later_file_can_start_with_a_broken_line(server, connection, tmp_path):
    (tmp_path / "parts").mkdir()
    line = json.dumps({"url": server.url_for("/1.png"), "n": 1})
    (tmp_path / "parts" / "0.jsonl").write_text(f"{line}\n")
    (tmp_path / "parts" / "1.jsonl").write_text(f"broken\n{line}\n")
    datasets.fetch(str(tmp_path / "parts"), tmp_path / "sink", columns=["n"], connection=connection)
    assert [(row["error"], row["n"]) for row in rows_of(tmp_path / "sink")] == [
        (None, 1),
        ("InvalidURL", None),
        (None, 1),
    ]


def test_a_source_can_have_more_files_than_a_process_may_open(server, connection, tmp_path):
    (tmp_path / "parts").mkdir()
    for number in range(120):
        (tmp_path / "parts" / f"{number:03}.jsonl").write_text(json.dumps({"url": server.url_for(f"/{number}")}))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 60, before[1]))
    try:
        done = datasets.fetch(str(tmp_path / "parts"), tmp_path / "sink", connection=connection, concurrency=2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert done.succeeded == 120


def test_columns_of_different_files_lose_no_value(server, connection, tmp_path):
    (tmp_path / "parts").mkdir()
    url = server.url_for("/1.png")
    for number, kinds in enumerate([(pa.uint64(), pa.binary()), (pa.int64(), pa.string())]):
        values = [[2**63 + 5], ["é".encode()]] if number == 0 else [[-1], ["é"]]
        columns = {"url": [url]} | {
            name: pa.array(each, kind) for name, each, kind in zip("ab", values, kinds, strict=True)
        }
        pq.write_table(pa.table(columns), tmp_path / "parts" / f"{number}.parquet")
    datasets.fetch(str(tmp_path / "parts"), tmp_path / "sink", columns=["a", "b"], connection=connection)
    assert [(row["a"], row["b"]) for row in rows_of(tmp_path / "sink")] == [(str(2**63 + 5), "é"), ("-1", "é")]


def test_white_space_around_a_url_does_not_change_its_partition():
    assert partition_of(" http://a.example\n", 1000) == partition_of("http://a.example", 1000)


def test_other_media_types_are_errors(server, connection, tmp_path):
    urls = [server.url_for("/1.png"), server.url_for("/1.html")]
    datasets.fetch(urls, tmp_path / "sink", connection=connection, accept="image/*")
    assert [(row["error"], row["size"] is None) for row in rows_of(tmp_path / "sink")] == [
        (None, False),
        ("UnexpectedContent", True),
    ]


def test_the_rules_of_sites_are_obeyed_on_request(server, connection, tmp_path):
    urls = [server.url_for(path) for path in ("/ai", "/other", "/private/1", "/private/1.png")]
    options = {"robots_tags": ["noai"], "robots_txt": True, "contact": "https://example.org/crawler"}
    datasets.fetch(urls, tmp_path / "sink", connection=connection, **options)
    rows = rows_of(tmp_path / "sink")
    assert [row["error"] for row in rows] == ["AccessDenied", None, "AccessDenied", None]
    assert rows[0]["message"] == "The X-Robots-Tag of the response contains noai"
    assert "robots.txt" in rows[2]["message"]
    assert rows[1]["body"] == f"httpconn/{httpconn.__version__} (+https://example.org/crawler)".encode()
    datasets.fetch(urls, tmp_path / "all", connection=connection)
    assert all(row["error"] is None for row in rows_of(tmp_path / "all"))


def test_robots_txt_is_checked_after_redirects_and_tags_before_the_body(connection, tmp_path):
    denying = ScriptedServer({"/robots.txt": response(body=ROBOTS), "/private/1": response(body=b"secret")})
    endless = [response(headers={"X-Robots-Tag": "noai", "Content-Length": "10000000"}), Stall()]
    with denying as other:
        moved = redirect(other.url_for("/private/1"))
        with ScriptedServer({"/robots.txt": response(404), "/ai": endless, "/moved": moved}) as server:
            urls = [server.url_for(path) for path in ("/moved", "/moved", "/ai")]
            options = {"robots_tags": ["noai"], "robots_txt": True, "connection": connection}
            assert datasets.fetch(urls, tmp_path / "sink", **options).errors == {"AccessDenied": 3}
        assert [each.target for each in other.requests] == [b"/robots.txt"]
        rows = rows_of(tmp_path / "sink")
        assert rows[0]["final_url"] == other.url_for("/private/1")
    assert [row["message"] for row in rows[1:]] == [
        "The robots.txt of the site does not allow the URL",
        "The X-Robots-Tag of the response contains noai",
    ]


@pytest.mark.parametrize(("status", "error"), [(404, None), (503, "AccessDenied")])
def test_a_site_without_robots_txt_allows_all_unless_it_fails(connection, tmp_path, status, error):
    with ScriptedServer({"/robots.txt": response(status), "/": response(body=b"ok")}) as server:
        datasets.fetch([server.url_for("/")], tmp_path / "sink", connection=connection, robots_txt=True)
    assert [row["error"] for row in rows_of(tmp_path / "sink")] == [error]


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_the_first_500_kibibytes_of_robots_txt_count(tmp_path, end):
    rules = b"User-agent: *%bDisallow: /private%b" % (end, end)
    rules += b"#" * (500 * 1024 - len(rules) - 12) + end + b"Disallow: /private-2%b" % end
    with ScriptedServer({"/robots.txt": response(body=rules), "/": response(body=b"ok")}) as server:
        urls = [server.url_for("/"), server.url_for("/private")]
        with httpconn.HTTPConnection(limits=httpconn.Limits(max_bytes=1000)) as conn:
            datasets.fetch(urls, tmp_path / "sink", connection=conn, robots_txt=True)
    assert [row["error"] for row in rows_of(tmp_path / "sink")] == [None, "AccessDenied"]


@pytest.mark.parametrize(
    ("value", "denied"),
    [
        ("noindex", True),
        ("NOINDEX, nofollow", True),
        ("none", True),
        ("max-snippet:3, noindex", True),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", True),
        ("httpconn: noindex", True),
        ("otherbot: noindex", False),
        ("noimageai", False),
        ("", False),
    ],
)
def test_the_directives_of_x_robots_tag(value, denied):
    robots = Robots(httpconn.HTTPConnection(), "httpconn", None, frozenset({"noindex"}), obeys_files=False)
    with pytest.raises(httpconn.AccessDenied) if denied else nullcontext():
        robots.response([(b"x-robots-tag", value.encode())])


def test_all_urls_of_a_host_belong_to_one_partition():
    same = [
        "http://a.test/",
        "https://A.test:8443/x?y#z",
        "http://user:pw@a.test./",
        "http://a.test?x",
        "http://a.test",
    ]
    assert len({partition_of(url, 1000) for url in same}) == 1
    assert len({partition_of(f"http://{n}.test/", 7) for n in range(100)}) == 7
    for url in (None, 5, "", "///", "\ud800://\ud800/", "a" * 10_000):
        assert 0 <= partition_of(url, 3) < 3


def test_a_batch_keeps_its_kind_and_its_rows(server, connection):
    urls = [server.url_for("/a.png"), None, "no url", server.url_for("/b.html")]
    frame = pd.DataFrame({"n": [4, 5, 6, 7], "url": urls}, index=[10, 11, 12, 13])
    found = datasets.fetch_batch(frame, connection=connection)
    assert list(found.index) == [10, 11, 12, 13]
    assert list(found["n"]) == [4, 5, 6, 7]
    assert list(found["media_type"])[::3] == ["image/png", "text/html"]
    for batch in (pa.table(frame), pa.RecordBatch.from_pandas(frame), {"n": [4, 5, 6, 7], "url": urls}):
        table = datasets.fetch_batch(batch, connection=connection)
        assert [row["n"] for row in table.to_pylist()] == [4, 5, 6, 7]
        assert [row["error"] for row in table.to_pylist()] == [None, "InvalidURL", "InvalidURL", None]
        assert table["body"].to_pylist()[3].startswith(b"httpconn/")
    again = datasets.fetch_batch(table, connection=connection)
    assert again.schema == table.schema
    with pytest.raises(httpconn.InvalidRequest, match=r"has no column 'link'. Its columns are: n, url"):
        datasets.fetch_batch(frame, url_column="link")
    with pytest.raises(httpconn.InvalidRequest, match="not list"):
        datasets.fetch_batch(urls)


@pytest.mark.parametrize("kind", [pa.Table.from_pandas, pa.RecordBatch.from_pandas, pd.DataFrame])
def test_a_source_can_be_a_table(server, connection, tmp_path, kind):
    urls = [server.url_for("/a.png"), None, "no url"]
    frame = pd.DataFrame({"other": [1, "x", None], "n": pa.array([4, 5, 6], "int16"), "url": urls}, index=[7, 8, 9])
    given = kind(frame if kind is pd.DataFrame else frame[["n", "url"]])
    datasets.fetch(given, tmp_path / "sink", connection=connection, columns=["n"])
    assert [(row["n"], row["url"]) for row in rows_of(tmp_path / "sink")] == list(zip([4, 5, 6], urls, strict=True))
    with pytest.raises(httpconn.InvalidRequest, match=r"The table has no column 'link'. Its columns are: .*n, url"):
        datasets.fetch(given, tmp_path / "no", url_column="link")
    datasets.fetch(pa.array(urls), tmp_path / "array", connection=connection)
    assert [row["url"] for row in rows_of(tmp_path / "array")] == urls
    if kind is pd.DataFrame:
        with pytest.raises(httpconn.InvalidRequest, match=r"The table cannot be read: .*column other"):
            datasets.fetch(frame, tmp_path / "mixed", columns=["other"])


def test_a_batch_can_have_values_of_any_kind(server, connection):
    mixed = [server.url_for("/a.png"), float("nan"), 7]
    frame = pd.DataFrame({"n": [1, "x", None], "url": mixed}, index=[1, 1, 1])
    found = datasets.fetch_batch(frame, connection=connection)
    assert list(found["message"])[1:] == ["The URL is missing", "The URL is a int, not a text"]
    for column in ([[1, 2], [3, 4]], [1, "x"]):
        with pytest.raises(httpconn.InvalidRequest, match='Use batch_format="pyarrow"'):
            datasets.fetch_batch({"n": np.array(column, dtype=object), "url": mixed[:1] * 2})
    with pytest.raises(httpconn.InvalidRequest, match="not Series"):
        datasets.fetch_batch(frame["url"])
    with pytest.raises(httpconn.InvalidRequest, match="has several columns 'url'"):
        datasets.fetch_batch(pa.Table.from_arrays([pa.array(mixed[:1])] * 2, ["url", "url"]))


def test_the_default_is_the_public_internet(server, tmp_path):
    datasets.fetch([server.url_for("/")], tmp_path / "sink")
    assert [row["error"] for row in rows_of(tmp_path / "sink")] == ["AccessDenied"]
    assert datasets.fetch_batch({"url": [server.url_for("/")]})["error"].to_pylist() == ["AccessDenied"]
    assert json.loads((tmp_path / "sink" / "_httpconn" / "job.json").read_text())["partitions"] == 1
