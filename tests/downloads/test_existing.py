"""``download`` with an existing file: replace, skip, refresh or error."""

from __future__ import annotations

import errno
import hashlib
import os

import pytest

import httpconn
from tests.servers.files import Served
from tests.servers.scripted import in_turn, response

BODY = b"content" * 1000
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
OLD = "Sat, 01 Jan 2000 00:00:00 GMT"


@pytest.fixture
def download(face, connect, tmp_path):
    def call(url, path=tmp_path / "file", **options):
        return face.call(connect(retries=0), "download", url, path, **options)

    return call


@pytest.mark.parametrize("existing", [None, "replace", "skip", "refresh"])
def test_a_file_with_the_digest_is_never_requested(download, scripted, tmp_path, existing):
    server = scripted(Served(BODY))
    (tmp_path / "file").write_bytes(BODY)
    result = download(server.url, digest=DIGEST, existing=existing)
    assert (result.unmodified, result.verified, result.size) == (True, {"sha256"}, len(BODY))
    assert (server.connections, [each.name for each in tmp_path.iterdir()]) == (0, ["file"])


@pytest.mark.parametrize("existing", [None, "skip", "refresh"])
def test_a_file_without_the_digest_is_replaced(download, scripted, tmp_path, existing):
    server = scripted(Served(BODY))
    (tmp_path / "file").write_bytes(b"other")
    assert not download(server.url, digest=DIGEST, existing=existing).unmodified
    assert (tmp_path / "file").read_bytes() == BODY
    assert server.requests[0].header("If-Modified-Since") is None


def test_a_skipped_file_costs_no_request(download, scripted, tmp_path):
    server = scripted(Served(BODY))
    assert not download(server.url, existing="skip").unmodified
    again = download(server.url, existing="skip")
    assert (again.unmodified, again.size, again.verified, len(server.requests)) == (True, len(BODY), frozenset(), 1)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_existing_error_is_raised_before_a_request(download, scripted, tmp_path, kind):
    server, path = scripted(Served(BODY)), tmp_path / "file"
    path.write_bytes(b"old") if kind == "file" else path.symlink_to("elsewhere")
    with pytest.raises(httpconn.StorageError) as caught:
        download(server.url, existing="error")
    assert (caught.value.errno, server.connections) == (errno.EEXIST, 0)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_created_during_the_download_is_an_error_too(download, scripted, tmp_path):
    def respond(_request):
        (tmp_path / "file").write_bytes(b"of another program")
        return [response(body=BODY)]

    with pytest.raises(httpconn.StorageError) as caught:
        download(scripted(respond).url, existing="error")
    assert (caught.value.errno, (tmp_path / "file").read_bytes()) == (errno.EEXIST, b"of another program")


def test_a_refresh_asks_by_the_etag_of_the_earlier_download(download, scripted):
    server = scripted(Served(BODY, etag='"v1"', modified=None))
    assert [download(server.url, existing="refresh").unmodified for _ in range(2)] == [False, True]
    assert server.requests[1].header("If-None-Match") == '"v1"'


def test_the_stored_version_of_a_changed_file_is_ignored(download, scripted, tmp_path):
    server = scripted(Served(BODY, etag='"v1"'))
    download(server.url, existing="refresh")
    (tmp_path / "file").write_bytes(b"edited")
    assert not download(server.url, existing="refresh").unmodified
    assert (tmp_path / "file").read_bytes() == BODY


def test_an_incomplete_file_of_another_program_is_replaced(download, scripted, tmp_path):
    def respond(request):  # compares the dates, as servers do
        return [response(304)] if request.header("If-Modified-Since") else [response(headers={}, body=BODY)]

    (tmp_path / "file").write_bytes(BODY[:100])
    assert not download(scripted(respond).url, existing="refresh").unmodified
    assert (tmp_path / "file").read_bytes() == BODY


def test_the_file_of_another_url_is_replaced(download, scripted, tmp_path):
    old = scripted({"/old": Served(b"new content", modified=OLD), "/new": Served(BODY, modified=OLD)})
    assert not download(old.url_for("/old"), existing="refresh").unmodified
    assert not download(old.url_for("/new"), existing="refresh").unmodified
    assert (tmp_path / "file").read_bytes() == BODY


def test_without_conditions_date_and_size_are_compared(download, scripted):
    server = scripted(response(headers={"Last-Modified": OLD}, body=BODY))
    assert [download(server.url, existing="refresh").unmodified for _ in range(2)] == [False, True]


@pytest.mark.parametrize("size", [0, 1])
def test_another_size_with_the_same_date_is_a_new_version(download, scripted, tmp_path, size):
    server = scripted(Served(BODY, etag=None, modified=OLD, faults=[]))
    download(server.url, existing="refresh")
    server = scripted(response(headers={"Last-Modified": OLD}, body=BODY[size:]))
    download(server.url, existing="refresh")
    assert (tmp_path / "file").read_bytes() == BODY[size:]


@pytest.mark.parametrize(
    ("existing", "given", "is_remote"), [(None, None, False), (None, True, True), ("refresh", False, False)]
)
def test_remote_time_sets_the_modification_time(download, scripted, existing, given, is_remote):
    path = download(scripted(Served(BODY, modified=OLD)).url, existing=existing, remote_time=given).path
    assert (os.stat(path).st_mtime == 946_684_800) is is_remote


def test_the_servers_name_can_be_skipped(download, scripted, tmp_path):
    named = {"Content-Disposition": "attachment; filename=report.pdf"}
    server = scripted(in_turn(response(200, named, BODY), response(200, named, b"another")))
    first, again = (download(server.url, tmp_path, filename="server", existing="skip") for _ in range(2))
    assert (first.path, again.path, again.unmodified) == (tmp_path / "report.pdf", first.path, True)
    assert ([each.name for each in tmp_path.iterdir()], first.path.read_bytes()) == (["report.pdf"], BODY)


@pytest.mark.parametrize(
    "options",
    [
        {"existing": "keep"},
        {"existing": True},
        {"existing": "skip", "refresh": True},
        {"existing": "skip", "validator": '"v1"'},
        {"existing": "replace", "filename": "server"},
        {"remote_time": 1},
    ],
)
def test_invalid_options_are_refused(download, scripted, options):
    server = scripted(Served(BODY))
    with pytest.raises(httpconn.InvalidRequest):
        download(server.url, **options)
    assert server.connections == 0


def test_the_hashing_of_a_large_file_is_progress(face, connect, scripted, tmp_path):
    body = bytes(17 * 1024 * 1024)
    (tmp_path / "file").write_bytes(body)
    events: list[httpconn.Progress] = []
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    server = scripted(Served(b""))
    result = face.call(connect(), "download", server.url, tmp_path / "file", digest=digest, progress=events.append)
    assert (result.unmodified, result.verified, server.connections) == (True, {"sha256"}, 0)
    assert (events[0].received, events[0].total) == (0, len(body))
    assert (events[-1].received, events[-1].done) == (len(body), True)
    assert all(event.verifying for event in events)
