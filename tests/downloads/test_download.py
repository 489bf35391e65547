"""Downloads: a file appears complete at its path, or not at all."""

from __future__ import annotations

import errno
import gzip
import stat

import pytest

import httpconn
from httpconn import Progress, RetryPolicy, Timeouts
from httpconn.core.identity import resource_key
from httpconn.core.urls import vet
from httpconn.disk.partfile import PartFile, Transfer
from tests.servers.application import pattern
from tests.servers.scripted import Close, Drip, Reset, Stall, in_turn, response

SIZE = 5_000_001


def test_a_file_is_complete_and_without_hidden_files(face, connect, application, tmp_path):
    path = face.download_file(connect(), f"{application}/bytes/{SIZE}", tmp_path / "file")
    assert path == tmp_path / "file"
    assert path.read_bytes() == pattern(SIZE)
    assert list(tmp_path.iterdir()) == [path]


def test_waiters_learn_the_version_of_the_file(face, connect, scripted, tmp_path):
    waiting = PartFile(tmp_path / "file")

    def respond(_):
        waiting.watch()
        return [response(headers={"ETag": '"v1"'}, body=b"ok")]

    server = scripted(respond)
    face.download_file(connect(), server.url, tmp_path / "file")
    assert waiting.published() == Transfer(resource_key(vet(server.url)), 2, '"v1"')


def test_a_path_may_be_text(face, connect, application, tmp_path):
    path = face.download_file(connect(), f"{application}/bytes/10", str(tmp_path / "file"))
    assert path == tmp_path / "file"


def test_identity_coding_is_requested(face, connect, scripted, tmp_path):
    server = scripted(response(body=b"ok"))
    face.download_file(connect(), server.url, tmp_path / "file")
    assert server.requests[0].header("Accept-Encoding") == "identity"


def test_an_encoded_response_is_decoded(face, connect, scripted, tmp_path):
    server = scripted(response(headers={"Content-Encoding": "gzip"}, body=gzip.compress(pattern(SIZE))))
    assert face.download_file(connect(), server.url, tmp_path / "file").read_bytes() == pattern(SIZE)


@pytest.mark.parametrize(
    ("coding", "url", "name"),
    [
        ("gzip", "/data.csv.gz?sig=1", "file"),
        ("x-gzip", "/release.TGZ", "file"),
        ("gzip, aws-chunked", "/latest", "file.tar.gz"),
        ("zstd", "/data.tar.zst", "file"),
        ("br", "/data.br", "file"),
        ("bzip2", "/data.bz2", "file"),
        ("x-xz", "/data.xz", "file"),
        ("compress", "/data.tar.Z", "file"),
    ],
)
def test_a_file_whose_format_is_its_coding_is_stored_as_sent(face, connect, scripted, tmp_path, coding, url, name):
    server = scripted(response(headers={"Content-Encoding": coding}, body=b"packed"))
    result = face.call(connect(), "download", server.url_for(url), tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"packed"
    assert result.verified == {"length"}


def test_a_coded_format_is_known_from_the_first_or_last_url(face, connect, scripted, tmp_path):
    away = scripted(response(headers={"Content-Encoding": "gzip"}, body=b"packed"))
    moved = {"/a": response(302, {"Location": away.url_for("/1.gz")}), "/b.gz": response(302, {"Location": away.url})}
    server, connection = scripted(moved), connect()
    for path in moved:
        assert face.download_file(connection, server.url_for(path), tmp_path / "file").read_bytes() == b"packed"


def test_a_coded_format_is_known_from_the_servers_name(face, connect, scripted, tmp_path):
    named = {"Content-Encoding": "gzip", "Content-Disposition": 'attachment; filename="a.gz"'}
    server = scripted(response(headers=named, body=b"packed"))
    face.call(connect(), "download", server.url, tmp_path, filename="server")
    assert (tmp_path / "a.gz").read_bytes() == b"packed"


def test_an_empty_file(face, connect, scripted, tmp_path):
    assert face.download_file(connect(), scripted(response()).url, tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize(
    "fault",
    [
        response(404),
        response(302),
        [response(headers={"Content-Length": "10"}, body=b"half"), Close()],
        [response(headers={"Content-Length": "10"}, body=b"half"), Reset()],
        [response(headers={"Content-Length": "10"}, body=b"half"), Stall()],
        [b"garbage\r\n\r\n", Close()],
        response(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"x" * 100)[:-1]),
        response(206, {"Content-Range": "bytes 0-1/10"}, body=b"ab"),
    ],
    ids=["404", "302", "cut", "reset", "stall", "garbage", "gzip", "206"],
)
def test_the_old_file_survives_every_failure(face, connect, scripted, tmp_path, fault):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(httpconn.HTTPConnError):
        face.download_file(connect(retries=0), scripted(fault).url, path, timeout=Timeouts(read=0.3))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_download_is_retried(face, connect, scripted, tmp_path):
    broken = [response(headers={"Content-Length": str(SIZE)}, body=pattern(SIZE // 2)), Close()]
    server = scripted(in_turn(broken, broken, response(body=pattern(SIZE))))
    path = face.download_file(connect(retries=RetryPolicy(backoff=0)), server.url, tmp_path / "file")
    assert path.read_bytes() == pattern(SIZE)


@pytest.mark.parametrize(
    ("path", "number"), [(".", errno.EISDIR), ("missing/file", errno.ENOENT), ("file/below", errno.ENOTDIR)]
)
def test_a_path_that_cannot_be_written_is_refused_before_a_request(face, connect, scripted, tmp_path, path, number):
    (tmp_path / "file").write_bytes(b"old")
    server = scripted(response())
    with pytest.raises(httpconn.StorageError) as caught:
        face.download_file(connect(), server.url, tmp_path / path)
    assert caught.value.errno == number
    assert server.connections == 0


@pytest.mark.parametrize("path", [3, None, b"bytes", "a\x00b", "folder/"])
def test_invalid_paths(face, connect, scripted, path):
    server = scripted(response())
    with pytest.raises(httpconn.HTTPConnError):
        face.download_file(connect(), server.url, path)
    assert server.connections == 0


def test_the_mode_is_that_of_a_new_file(face, connect, scripted, tmp_path):
    path = face.download_file(connect(), scripted(response(body=b"x")).url, tmp_path / "file")
    (tmp_path / "other").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_progress_is_reported_from_start_to_end(face, connect, scripted, tmp_path):
    seen: list[Progress] = []
    server = scripted(response(body=pattern(SIZE)))
    face.download_file(connect(), server.url_for("/f?sig=secret"), tmp_path / "file", progress=seen.append)
    assert (seen[-1].received, seen[-1].total, seen[-1].done) == (SIZE, SIZE, True)
    assert [event.received for event in seen] == sorted(event.received for event in seen)
    assert not any("secret" in event.url for event in seen)


def test_progress_of_a_slow_file_is_reported_rarely(face, connect, scripted, tmp_path):
    seen: list[Progress] = []
    server = scripted([response(headers={"Content-Length": "600"}), Drip(b"x" * 600, every=0.001)])
    face.download_file(connect(), server.url, tmp_path / "file", progress=seen.append)
    assert seen[0].received == 0
    assert len({event.received for event in seen}) > 3  # although the file is one block on disk
    assert len(seen) < 200


def test_a_callback_that_raises_ends_the_download_with_its_error(face, connect, scripted, tmp_path):
    class Stop(Exception):
        pass

    def stop(_):
        raise Stop

    server = scripted(response(body=pattern(SIZE)))
    connection = connect()
    with pytest.raises(Stop):
        face.download_file(connection, server.url, tmp_path / "file", progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
def test_a_cancelled_download_leaves_nothing(face, connect, scripted, tmp_path):
    server = scripted([response(headers={"Content-Length": str(SIZE)}, body=pattern(SIZE // 2)), Stall()])
    call = face.start(connect(), "download_file", server.url, tmp_path / "file")
    server.wait_for(lambda: len(server.requests) == 1)
    face.cancel(call)
    assert list(tmp_path.iterdir()) == []
    server.wait_for(lambda: server.open_connections == 0)
