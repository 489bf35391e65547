"""Collections: a folder gets the state of a manifest, each file is safe on its own, and nothing is downloaded twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from httpconn import (
    HTTPConnection,
    IntegrityError,
    InvalidRequest,
    InvalidURL,
    Item,
    LimitExceeded,
    Manifest,
    Progress,
    StatusError,
    StorageError,
)
from httpconn.disk.knownfiles import NAME
from httpconn.testing import response
from tests.api.test_many import collect, target
from tests.servers.files import Served

BODIES = {f"part/{index}.bin": bytes([index]) * (1000 + index) for index in range(5)}


def sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.fixture
def server(scripted):
    return scripted({f"/{name}": Served(body) for name, body in BODIES.items()})


@pytest.fixture
def manifest(server):
    items = [Item(server.url_for(f"/{name}"), name, sha256(body)) for name, body in BODIES.items()]
    return Manifest(items, name="SHA256SUMS")


def outcome(result):
    return len(result.downloaded), len(result.unmodified), len(result.failed)


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_folder_gets_the_state_of_the_manifest(face, connect, server, manifest, tmp_path):
    folder = tmp_path / "new" / "folder"
    result = face.call(connect(), "download_all", manifest, folder)
    assert (outcome(result), contents(folder)) == ((5, 0, 0), BODIES)
    assert [(each.index, each.path) for each in result.files] == [
        (index, folder / name) for index, name in enumerate(BODIES)
    ]
    assert result.raise_for_failed() is result


def test_correct_files_are_kept_and_no_file_is_deleted(face, connect, server, manifest, tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part/0.bin").write_bytes(BODIES["part/0.bin"])
    (tmp_path / "part/1.bin").write_bytes(b"another version")
    (tmp_path / "part/other").write_bytes(b"not in the manifest")
    result = face.call(connect(), "download_all", manifest, tmp_path)
    assert (outcome(result), result.files[0].result().digest) == ((4, 1, 0), manifest[0].digest)
    assert contents(tmp_path) == {**BODIES, "part/other": b"not in the manifest"}
    assert "/part/0.bin" not in map(target, server.requests)


def test_files_without_a_digest_are_requested_if_they_changed(face, connect, server, tmp_path):
    items = [Item(server.url_for(f"/{name}"), name) for name in BODIES]
    first, again = (face.call(connect(), "download_all", items, tmp_path) for _ in range(2))
    assert (outcome(first), outcome(again)) == ((5, 0, 0), (0, 5, 0))


def test_a_failed_file_does_not_stop_the_others(face, connect, server, manifest, tmp_path):
    (tmp_path / "part/2.bin").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"")
    items = [*manifest, Item(server.url_for("/missing"), "missing"), Item(server.url_for("/part/0.bin"), "file/below")]
    items.append(Item(server.url_for("/part/0.bin"), "wrong", f"sha256:{'0' * 64}"))
    result = face.call(connect(), "download_all", items, tmp_path)
    assert outcome(result) == (4, 0, 4)
    assert [type(each.error) for each in result.failed] == [StorageError, StatusError, StorageError, IntegrityError]
    with pytest.raises(StorageError):
        result.raise_for_failed()


@pytest.mark.parametrize("link", ["folder", "file", "broken"])
def test_links_out_of_the_folder_are_errors_before_any_request(face, connect, server, manifest, tmp_path, link):
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    (folder / "part").mkdir(parents=True)
    outside.mkdir()
    if link == "folder":
        (folder / "part").rmdir()
        (folder / "part").symlink_to(outside)
    else:
        (folder / "part/1.bin").symlink_to(outside / ("missing" if link == "broken" else ""))
    with pytest.raises(InvalidRequest, match=r"SHA256SUMS item [12]: part/\d.bin is a link out of the folder"):
        face.call(connect(), "download_all", manifest, folder)
    assert not server.requests


def test_a_link_to_another_file_of_the_manifest_is_an_error(face, connect, server, manifest, tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part/1.bin").symlink_to("2.bin")
    with pytest.raises(InvalidRequest, match=r"part/2.bin and part/1.bin are the same file through a link"):
        face.call(connect(), "download_all", manifest, tmp_path)
    assert not server.requests


def test_links_inside_the_folder_and_to_it_are_followed(connect, server, manifest, tmp_path):
    (tmp_path / "real/elsewhere").mkdir(parents=True)
    (tmp_path / "real/part").symlink_to("elsewhere")
    (tmp_path / "folder").symlink_to("real")
    assert outcome(connect().download_all(manifest, tmp_path / "folder")) == (5, 0, 0)
    assert (tmp_path / "real/elsewhere/0.bin").read_bytes() == BODIES["part/0.bin"]


def test_a_manifest_without_urls_is_an_error_that_names_the_line(face, connect, tmp_path):
    manifest = Manifest.parse(f"# names only\n{'0' * 64}  file\n", name="SHA256SUMS")
    with pytest.raises(InvalidRequest, match=r"SHA256SUMS line 2: file has no URL"):
        face.call(connect(), "download_all", manifest, tmp_path)


def test_invalid_options_are_errors_before_any_request(face, connect, server, manifest, tmp_path):
    for options in ({"concurrency": 0}, {"segments": "2"}, {"max_bytes": -1}, {"progress": "bar"}):
        with pytest.raises(InvalidRequest):
            face.call(connect(), "download_all", manifest, tmp_path, **options).raise_for_failed()
    with pytest.raises(InvalidRequest):
        face.call(connect(), "download_all", ["https://example.com/"], tmp_path)
    with pytest.raises(InvalidRequest):
        face.call(connect(), "download_all", manifest, 7)
    assert not server.requests


class Hashed(Counter[str]):
    """A count of the algorithms of new hash objects."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        new = hashlib.new

        def counted(name: str, *args: object, **options: object) -> object:
            self[name] += 1
            return new(name, *args, **options)

        monkeypatch.setattr(hashlib, "new", counted)


def test_unchanged_files_are_not_hashed_again(face, connect, server, manifest, tmp_path, monkeypatch):
    face.call(connect(), "download_all", manifest, tmp_path)
    hashed, requests = Hashed(monkeypatch), len(server.requests)
    again = face.call(connect(), "download_all", manifest, tmp_path)
    assert (outcome(again), hashed, len(server.requests)) == ((0, 5, 0), {}, requests)
    assert [each.result().digest for each in again.files] == [item.digest for item in manifest]


def test_changed_files_are_hashed_again(face, connect, server, manifest, tmp_path):
    face.call(connect(), "download_all", manifest, tmp_path)
    first, second, third, *_ = (tmp_path / name for name in BODIES)
    status = first.stat()
    first.write_bytes(b"x" * status.st_size)
    second.write_bytes(second.read_bytes())
    third.unlink()
    os.utime(first, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert outcome(face.call(connect(), "download_all", manifest, tmp_path)) == (2, 3, 0)
    assert contents(tmp_path) == BODIES


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1, "files": 7}', '{"format": 1}', "[" * 9999, "\0\xff"])
def test_a_damaged_state_file_is_ignored(connect, server, manifest, tmp_path, text):
    connect().download_all(manifest, tmp_path)
    (tmp_path / NAME).write_bytes(text.encode("latin-1"))
    assert outcome(connect().download_all(manifest, tmp_path)) == (0, 5, 0)
    assert len(json.loads((tmp_path / NAME).read_bytes())["files"]) == 5


def test_a_state_file_that_cannot_be_written_does_not_matter(connect, server, manifest, tmp_path):
    (tmp_path / NAME).mkdir()
    assert [outcome(connect().download_all(manifest, tmp_path)) for _ in range(2)] == [(5, 0, 0), (0, 5, 0)]
    assert contents(tmp_path) == BODIES


def test_one_progress_covers_the_collection(face, connect, server, manifest, tmp_path):
    events: list[Progress] = []
    (tmp_path / "part").mkdir()
    (tmp_path / "part/0.bin").write_bytes(BODIES["part/0.bin"])
    face.call(connect(), "download_all", manifest, tmp_path, progress=events.append)
    size = sum(map(len, BODIES.values()))
    assert (events[-1].files, events[-1].received, events[-1].total, events[-1].done) == ((5, 5), size, size, True)
    assert {event.path for event in events} == {tmp_path}
    assert not any(event.done for event in events[:-1])


def test_the_progress_of_a_collection_with_a_failure_ends(face, connect, server, tmp_path):
    events: list[Progress] = []
    items = [Item(server.url_for("/missing"), "a", size=7), Item(server.url_for("/part/1.bin"), "b")]
    face.call(connect(), "download_all", items, tmp_path, progress=events.append)
    assert (events[-1].files, events[-1].failed, events[-1].total) == ((2, 2), True, len(BODIES["part/1.bin"]))


def test_an_empty_collection_is_complete(face, connect, tmp_path):
    assert outcome(face.call(connect(), "download_all", [], tmp_path / "folder")) == (0, 0, 0)


def test_items_of_download_many_have_their_own_options(face, connect, server, tmp_path):
    name, body = next(iter(BODIES.items()))
    url, mirror = server.url_for("/missing"), server.url_for(f"/{name}")
    items = [
        Item(url, tmp_path / "mirrored", sha256(body), mirrors=[mirror]),
        Item(mirror, str(tmp_path / "header"), headers={"X-Own": "1", "x-call": "2"}),
        (mirror, tmp_path / "pair"),
    ]
    results = collect(face, connect(), items, method="download_many", extra_headers={"X-Call": "1"}, ordered=True)
    assert [each.result().size for each in results] == [len(body)] * 3
    sent = {request.header("X-Own"): request.header("X-Call") for request in server.requests}
    assert sent == {"1": "2", None: "1"}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"url": 7}, InvalidURL),
        ({"url": "ftp://example.com/"}, InvalidURL),
        ({"path": 7}, InvalidRequest),
        ({"path": None}, InvalidRequest),
        ({"digest": "sha3:1"}, InvalidRequest),
        ({"digest": 7}, InvalidRequest),
        ({"size": -1}, InvalidRequest),
        ({"size": "7"}, InvalidRequest),
        ({"headers": ["a"]}, InvalidRequest),
        ({"headers": {"a": "b\nc"}}, InvalidRequest),
        ({"mirrors": "https://example.com/"}, InvalidRequest),
        ({"mirrors": ["https://example.com/"]}, InvalidRequest),
        ({"mirrors": 7}, InvalidRequest),
        ({"digest": f"sha256:{'0' * 64}", "mirrors": [7]}, InvalidRequest),
    ],
)
def test_an_invalid_item_fails_alone(face, connect, server, tmp_path, values, error):
    good = {"url": server.url_for("/part/0.bin"), "path": tmp_path / "file"}
    for method in ("download_many", "get_many"):
        if method == "get_many" and "path" in values:
            continue
        items = [Item(**{**good, **values}), Item(**good)]
        first, second = collect(face, connect(), items, method=method, ordered=True, extra_headers={"a": "b"})
        assert isinstance(first.error, error)
        assert second.result()


def test_items_of_get_many_are_checked(face, connect, scripted):
    server = scripted({"/good": response(body=b"good"), "/wrong": response(body=b"wrong")})
    good, wrong, missing = (server.url_for(path) for path in ("/good", "/wrong", "/missing"))
    items = [
        Item(good, digest=sha256(b"good"), size=4),
        Item(wrong, digest=sha256(b"good")),
        Item(good, size=5),
        Item(wrong, digest=sha256(b"good"), mirrors=[missing, good]),
        good,
    ]
    results = collect(face, connect(), items, ordered=True)
    assert [each.content or type(each.error) for each in results] == [
        b"good",
        IntegrityError,
        IntegrityError,
        b"good",
        b"good",
    ]
    assert results[1].error.url == wrong


def test_mirrors_on_other_origins_do_not_get_the_header_fields(face, connect, scripted):
    first, other = scripted({"/a": response(404), "/b": response(404)}), scripted(response(body=b"1"))
    item = Item(
        first.url_for("/a"),
        digest=sha256(b"1"),
        headers={"X-Key": "1"},
        mirrors=[first.url_for("/b"), other.url_for("/")],
    )
    (result,) = collect(face, connect(), [item], extra_headers={"X-Call": "1"})
    assert result.result() == b"1"
    assert [request.header("X-Key") for request in first.requests] == ["1", "1"]
    assert [request.header(name) for request in other.requests for name in ("X-Key", "X-Call")] == [None, None]


def test_a_file_larger_than_the_limit_fails_alone(connect, server, manifest, tmp_path):
    result = connect().download_all(manifest, tmp_path, max_bytes=1002)
    assert [type(each.error) for each in result.files] == [type(None)] * 3 + [LimitExceeded] * 2


def test_the_default_connection_downloads_collections(server, manifest, tmp_path):
    with HTTPConnection() as connection:
        assert outcome(connection.download_all(iter(manifest), tmp_path, segments=2)) == (5, 0, 0)


def test_an_interrupted_call_saves_the_verified_digests(face, connect, server, manifest, tmp_path):
    def fail(event: Progress) -> None:
        if event.files == (5, 5):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        face.call(connect(), "download_all", manifest, tmp_path, progress=fail)
    assert len(json.loads((tmp_path / NAME).read_bytes())["files"]) == 5
