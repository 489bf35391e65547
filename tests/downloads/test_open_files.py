"""Downloads where an open file can be neither removed nor renamed, as on Windows: no hidden file remains."""

from __future__ import annotations

import hashlib

import pytest

import httpconn
from httpconn.testing import Close, Drip, Stall
from tests.disk.windows import open_files_keep_their_names
from tests.servers.application import pattern
from tests.servers.files import Served, cut
from tests.servers.scripted import response

SIZE = 3_000_001
BODY = pattern(SIZE)
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


@pytest.fixture(autouse=True)
def _windows(monkeypatch):
    with open_files_keep_their_names(monkeypatch):
        yield


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "options",
    [{}, {"segments": 4}, {"existing": "refresh"}, {"existing": "error"}, {"digest": SHA256}, {"resume": False}],
    ids=str,
)
def test_a_success(face, connect, scripted, tmp_path, options):
    server = scripted(Served(BODY, modified="Sat, 01 Jan 2000 00:00:00 GMT"))
    connection = connect()
    for name in ("a", "b"):
        face.call(connection, "download", server.url, tmp_path / name, **options)
    if options.get("existing") != "error":
        face.call(connection, "download", server.url, tmp_path / "a", **options)
    assert files(tmp_path) == ["a", "b"]
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_name_from_the_server(face, connect, scripted, tmp_path):
    face.call(connect(), "download", scripted(Served(BODY)).url_for("/name.bin"), tmp_path, filename="server")
    assert files(tmp_path) == ["name.bin"]


@pytest.mark.parametrize(
    ("steps", "options", "error"),
    [
        ([response(404)], {}, httpconn.StatusError),
        ([response(200, {}, BODY)], {"max_bytes": 10}, httpconn.LimitExceeded),
        ([response(200, {}, BODY[::-1])], {"digest": SHA256}, httpconn.IntegrityError),
        ([response(200, {}, BODY)[:-5], Close()], {}, httpconn.TruncatedBody),
    ],
    ids=["status", "limit", "digest", "truncated"],
)
def test_a_failure(face, connect, scripted, tmp_path, steps, options, error):
    server = scripted(lambda _: steps)
    with pytest.raises(error):
        face.call(connect(retries=0), "download", server.url, tmp_path / "file", **options)
    assert files(tmp_path) == []


@pytest.mark.parametrize("segments", [1, 3])
def test_a_resumed_download(face, connect, scripted, tmp_path, segments):
    server, connection = scripted(Served(BODY, faults=[cut(SIZE // 8)] * 3)), connect(retries=0)
    with pytest.raises(httpconn.HTTPConnError):
        face.call(connection, "download", server.url, tmp_path / "file", segments=segments)
    assert face.call(connection, "download", server.url, tmp_path / "file", retries=9).resumed > 0
    assert (tmp_path / "file").read_bytes() == BODY
    assert files(tmp_path) == ["file"]


def test_several_downloads_of_one_file(face, connect, scripted, tmp_path):
    def slowly(request):
        return [Drip(Served(BODY).respond(request)[0], size=500_000, every=0.02)]

    server, connection = scripted(slowly), connect()
    calls = [face.start(connection, "download", server.url, tmp_path / "file") for _ in range(4)]
    assert {call.result(200).size for call in calls} == {SIZE}
    assert files(tmp_path) == ["file"]


@pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
@pytest.mark.parametrize("count", [1, 2])
def test_a_cancelled_download(face, connect, scripted, tmp_path, count):
    server, connection = scripted(Served(BODY, etag=None, faults=[cut(SIZE // 2, Stall())])), connect()
    calls = [face.start(connection, "download", server.url, tmp_path / "file") for _ in range(count)]
    server.wait_for(lambda: len(server.requests) == 1)
    for call in reversed(calls):
        face.cancel(call)
    assert files(tmp_path) == []
