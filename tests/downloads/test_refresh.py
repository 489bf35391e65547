"""A refresh downloads a file only if the server has a newer version."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

import httpconn
from tests.servers.files import Served, cut
from tests.servers.scripted import response

OLD, NEW = "Sat, 01 Jan 2000 00:00:00 GMT", "Sun, 02 Jan 2000 00:00:00 GMT"


@pytest.fixture
def refresh(face, connect, tmp_path):
    def call(url, **options):
        return face.call(connect(retries=0), "download", url, tmp_path / "file", refresh=True, **options)

    return call


def test_a_missing_file_is_downloaded(refresh, scripted, tmp_path):
    server = scripted(Served(b"new", modified=OLD))
    result = refresh(server.url, validator='"v1"')
    assert not result.unmodified
    assert server.requests[0].header("If-None-Match") is None
    assert (tmp_path / "file").read_bytes() == b"new"


def test_download_file_can_refresh_too(face, connect, scripted, tmp_path):
    server = scripted(Served(b"content", modified=OLD))
    path = tmp_path / "file"
    for _ in range(2):
        assert face.download_file(connect(retries=0), server.url, path, refresh=True) == path
    assert server.requests[1].header("If-Modified-Since") == OLD
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', None])
def test_a_current_file_stays(refresh, scripted, tmp_path, etag):
    server = scripted(Served(b"content", etag=etag, modified=OLD))
    first = refresh(server.url)
    before = first.path.stat()
    again = refresh(server.url, validator=first.validator)
    assert first.validator == (etag or OLD)
    assert (again.unmodified, again.size, again.validator) == (True, 7, first.validator)
    assert (before.st_mtime_ns, before.st_ino) == (again.path.stat().st_mtime_ns, again.path.stat().st_ino)
    assert list(tmp_path.iterdir()) == [again.path]


def test_the_modification_time_is_the_servers_and_a_condition(refresh, scripted):
    server = scripted(Served(b"content", modified=OLD))
    path = refresh(server.url).path
    assert path.stat().st_mtime == parsedate_to_datetime(OLD).timestamp()
    assert refresh(server.url).unmodified
    assert server.requests[1].header("If-Modified-Since") == OLD


def test_a_newer_file_replaces_the_old_one(refresh, scripted):
    served = Served(b"old", modified=OLD)
    server = scripted(served)
    first = refresh(server.url)
    served.body, served.etag, served.modified = b"new", '"v2"', NEW
    again = refresh(server.url, validator=first.validator)
    assert (again.unmodified, again.path.read_bytes()) == (False, b"new")
    assert again.path.stat().st_mtime == parsedate_to_datetime(NEW).timestamp()


def test_a_partial_newer_file_is_resumed(refresh, scripted):
    served = Served(b"old", modified=OLD)
    server = scripted(served)
    refresh(server.url)
    served.body, served.etag, served.modified, served.faults = b"n" * 1000, '"v2"', NEW, [cut(500)]
    with pytest.raises(httpconn.TruncatedBody):
        refresh(server.url)
    again = refresh(server.url)
    assert (again.resumed, again.path.read_bytes()) == (500, b"n" * 1000)


def test_conditions_follow_a_redirect_to_another_origin(refresh, scripted):
    files = scripted(Served(b"content"))
    server = scripted(response(302, {"Location": files.url}))
    first = refresh(server.url)
    assert refresh(server.url, validator=first.validator).unmodified


def test_an_unrequested_304_is_an_error(face, connect, scripted, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(httpconn.StatusError):
        face.call(connect(), "download", scripted(response(304)).url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("validator", ["v1", '"v1"\r\nX: y', "", 3, '"a", "b"'])
def test_an_invalid_validator_is_refused_before_a_request(refresh, scripted, tmp_path, validator):
    (tmp_path / "file").write_bytes(b"old")
    server = scripted(response())
    with pytest.raises(httpconn.InvalidRequest):
        refresh(server.url, validator=validator)
    assert server.connections == 0


def test_a_validator_needs_refresh(face, connect, scripted, tmp_path):
    server = scripted(response())
    with pytest.raises(httpconn.InvalidRequest):
        face.call(connect(), "download", server.url, tmp_path / "file", validator='"v1"')
    assert server.connections == 0
