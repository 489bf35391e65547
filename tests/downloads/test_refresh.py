"""A refresh fetches a file only if there is a newer one."""

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


def test_a_file_that_is_not_there_is_fetched(refresh, scripted, tmp_path):
    server = scripted(Served(b"new", modified=OLD))
    result = refresh(server.url, validator='"v1"')
    assert not result.unmodified
    assert server.requests[0].header("If-None-Match") is None
    assert (tmp_path / "file").read_bytes() == b"new"


def test_whoever_wants_the_path_alone_may_ask_for_it_too(face, connect, scripted, tmp_path):
    server = scripted(Served(b"content", modified=OLD))
    path = tmp_path / "file"
    for _ in range(2):
        assert face.download_file(connect(retries=0), server.url, path, refresh=True) == path
    assert server.requests[1].header("If-Modified-Since") == OLD
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', None])
def test_the_newest_file_stays_as_it_is(refresh, scripted, tmp_path, etag):
    server = scripted(Served(b"content", etag=etag, modified=OLD))
    first = refresh(server.url)
    before = first.path.stat()
    again = refresh(server.url, validator=first.validator)
    assert first.validator == (etag or OLD)
    assert (again.unmodified, again.size, again.validator) == (True, 7, first.validator)
    assert (before.st_mtime_ns, before.st_ino) == (again.path.stat().st_mtime_ns, again.path.stat().st_ino)
    assert list(tmp_path.iterdir()) == [again.path]


def test_the_modification_time_is_the_servers_and_is_asked_about(refresh, scripted):
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


def test_what_was_left_of_a_newer_file_is_taken_up(refresh, scripted):
    served = Served(b"old", modified=OLD)
    server = scripted(served)
    refresh(server.url)
    served.body, served.etag, served.modified, served.faults = b"n" * 1000, '"v2"', NEW, [cut(500)]
    with pytest.raises(httpconn.TruncatedBody):
        refresh(server.url)
    again = refresh(server.url)
    assert (again.resumed, again.path.read_bytes()) == (500, b"n" * 1000)


def test_the_question_goes_along_with_a_redirect_to_another_origin(refresh, scripted):
    files = scripted(Served(b"content"))
    server = scripted(response(302, {"Location": files.url}))
    first = refresh(server.url)
    assert refresh(server.url, validator=first.validator).unmodified


def test_a_304_that_nobody_asked_for_is_an_error(face, connect, scripted, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(httpconn.StatusError):
        face.call(connect(), "download", scripted(response(304)).url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("validator", ["v1", '"v1"\r\nX: y', "", 3, '"a", "b"'])
def test_what_is_no_validator_is_refused_before_anything_is_sent(refresh, scripted, tmp_path, validator):
    (tmp_path / "file").write_bytes(b"old")
    server = scripted(response())
    with pytest.raises(httpconn.InvalidRequest):
        refresh(server.url, validator=validator)
    assert server.connections == 0


def test_a_validator_alone_asks_for_nothing(face, connect, scripted, tmp_path):
    server = scripted(response())
    with pytest.raises(httpconn.InvalidRequest):
        face.call(connect(), "download", server.url, tmp_path / "file", validator='"v1"')
    assert server.connections == 0
