"""File names from the server: used on request only, and inside the folder only."""

from __future__ import annotations

import errno

import pytest

import httpconn
from tests.servers.files import Served, cut
from tests.servers.scripted import response

BODY = b"content" * 1000
NAMED = {"Content-Disposition": 'attachment; filename="../evil/../file.bin"'}


@pytest.fixture
def download(face, connect, tmp_path):
    def call(url, **options):
        options = {"filename": "server", **options}
        return face.call(connect(retries=0), "download", url, tmp_path, **options)

    return call


def test_the_file_gets_the_servers_name(download, scripted, tmp_path):
    seen = []
    result = download(scripted(Served(BODY, headers=NAMED)).url, progress=seen.append)
    assert result.path == tmp_path / "file.bin"
    assert result.path.read_bytes() == BODY
    assert {event.path for event in seen} == {result.path}
    assert list(tmp_path.iterdir()) == [result.path]


def test_without_a_servers_name_the_first_url_names_the_file(download, scripted, tmp_path):
    server = scripted({"/weights.bin": response(302, {"Location": "/blob/123"}), "/blob/123": response(body=BODY)})
    assert download(server.url_for("/weights.bin?x=1")).path == tmp_path / "weights.bin"


def test_it_continues_where_it_broke(download, scripted, tmp_path):
    server = scripted(Served(BODY, headers=NAMED, faults=[cut(3000)]))
    with pytest.raises(httpconn.TruncatedBody):
        download(server.url)
    assert not (tmp_path / "file.bin").exists()
    result = download(server.url)
    assert (result.resumed, result.path.read_bytes()) == (3000, BODY)
    assert list(tmp_path.iterdir()) == [result.path]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_an_existing_file_of_the_name_is_kept(download, scripted, tmp_path, kind):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old") if kind == "file" else path.symlink_to("elsewhere")
    with pytest.raises(httpconn.StorageError) as caught:
        download(scripted(Served(BODY, headers=NAMED)).url)
    assert caught.value.errno == errno.EEXIST
    assert [each.name for each in tmp_path.iterdir()] == ["file.bin"]
    assert not (tmp_path / "elsewhere").exists()


def test_an_empty_file_has_a_name_too(download, scripted, tmp_path):
    server = scripted(response(416, {"Content-Range": "bytes */0"}))
    assert download(server.url_for("/empty")).path == tmp_path / "empty"


def test_the_servers_name_is_ignored_by_default(face, connect, scripted, tmp_path):
    server = scripted(Served(BODY, headers=NAMED))
    assert face.call(connect(), "download", server.url, tmp_path / "mine").path == tmp_path / "mine"


@pytest.mark.parametrize("options", [{"filename": "mine"}, {"filename": True}, {"refresh": True}])
def test_invalid_options_are_refused_before_a_request(download, scripted, options):
    server = scripted(Served(BODY))
    with pytest.raises(httpconn.InvalidRequest):
        download(server.url, **options)
    assert server.connections == 0


def test_the_path_has_to_be_a_folder(face, connect, scripted, tmp_path):
    server = scripted(Served(BODY))
    with pytest.raises(httpconn.StorageError):
        face.call(connect(), "download", server.url, tmp_path / "missing", filename="server")
    assert server.connections == 0
