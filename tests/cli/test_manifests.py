"""``httpconn download --manifest`` and ``httpconn verify``."""

from __future__ import annotations

import hashlib
import json

import pytest

from httpconn.testing import response
from tests.cli.test_cli import run
from tests.servers.files import Served

BODIES = {"a.bin": b"a" * 1000, "b/c.bin": b"c" * 2000}
SUMS = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in BODIES.items())


@pytest.fixture
def server(scripted):
    files = {f"/files/{name}": Served(body) for name, body in BODIES.items()}
    return scripted(files | {"/files/SHA256SUMS": response(body=SUMS.encode())})


@pytest.fixture
def folder(tmp_path):
    for name, body in BODIES.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (tmp_path / "SHA256SUMS").write_text(f"# files\n{SUMS}")
    return tmp_path / "folder"


@pytest.mark.parametrize("source", ["url", "file", "standard input"])
def test_a_manifest_is_downloaded(server, tmp_path, source):
    url, sums = server.url_for("/files/SHA256SUMS"), tmp_path / "SHA256SUMS"
    sums.write_text(SUMS)
    base = [] if source == "url" else ["--base-url", server.url_for("/files")]
    name = {"url": url, "file": "SHA256SUMS", "standard input": "-"}[source]
    done = run("download", "--manifest", name, *base, "-d", "new/folder", cwd=tmp_path, text=SUMS.encode())
    assert done.returncode == 0, done.stderr
    assert {name: (tmp_path / "new/folder" / name).read_bytes() for name in BODIES} == BODIES
    assert done.stdout.count(b"length and sha256 verified") == 2
    assert b"2 complete (3.0 kB)" in done.stderr
    again = run("download", "--manifest", name, *base, "-d", "new/folder", "-q", cwd=tmp_path, text=SUMS.encode())
    assert (again.returncode, again.stdout.count(b"up to date"), again.stderr) == (0, 2, b"")


def test_failures_name_the_line_and_do_not_stop_other_files(server, tmp_path):
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  missing\n{SUMS}")
    options = ("--base-url", server.url_for("/files/"), "-d", "folder", "--jsonl")
    done = run("download", "--manifest", "SHA256SUMS", *options, cwd=tmp_path)
    assert done.returncode == 6
    assert b"httpconn: SHA256SUMS line 1: " in done.stderr
    errors = [json.loads(line).get("error") for line in done.stdout.splitlines()]
    assert errors == ["StatusError", None, None]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--manifest", "SHA256SUMS"), "needs -d"),
        (("--base-url", "http://127.0.0.1/"), "needs --manifest"),
        (("--manifest", "SHA256SUMS", "-d", ".", "http://127.0.0.1/"), "'[URL]...'"),
        (("--manifest", "SHA256SUMS", "-d", ".", "--skip-existing"), "'--skip-existing'"),
        (("--manifest", "SHA256SUMS", "-d", ".", "--digest", f"md5:{'0' * 32}"), "'--digest'"),
        (("--manifest", "SHA256SUMS", "-d", "."), "line 2: a.bin has no URL"),
        (("--manifest", "unsafe", "-d", ".", "--base-url", "http://127.0.0.1/"), "unsafe line 1: the path '../a'"),
    ],
)
def test_wrong_commands_send_nothing(folder, tmp_path, options, problem):
    (tmp_path / "unsafe").write_text(f"{'0' * 64}  ../a\n")
    done = run("download", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert problem.encode() in done.stderr


def test_a_manifest_from_a_server_cannot_send_a_token_to_another_host(scripted, tmp_path):
    other = scripted(response())
    server = scripted({"/files.jsonl": response(body=json.dumps({"url": other.url_for("/a")}).encode())})
    options = ("--manifest", server.url_for("/files.jsonl"), "-d", "folder")
    done = run("download", *options, "-H", "X-Token: 1", cwd=tmp_path)
    assert (done.returncode, other.requests) == (2, [])
    assert b"files.jsonl line 1: another host would get" in done.stderr
    assert run("download", *options, cwd=tmp_path).returncode == 0


def test_a_correct_folder_is_verified(folder, tmp_path):
    done = run("verify", "SHA256SUMS", "-d", "folder", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.endswith(b"2 of 2 correct\n")


def test_each_bad_file_has_a_line(folder, tmp_path):
    (folder / "a.bin").write_bytes(b"b" * 1000)
    (folder / "b/c.bin").unlink()
    done = run("verify", "SHA256SUMS", "-d", "folder", "--jsonl", cwd=tmp_path)
    assert done.returncode == 8
    assert b"httpconn: SHA256SUMS line 2: folder/a.bin: The content has the digest " in done.stderr
    assert b"httpconn: SHA256SUMS line 3: No such file or directory: folder/b/c.bin\n" in done.stderr
    assert b"0 of 2 correct, 2 failed" in done.stderr
    assert [bool(json.loads(line)["error"]) for line in done.stdout.splitlines()] == [True, True]


def test_sizes_are_verified_and_missing_digests_are_counted(folder, tmp_path):
    lines = [{"path": "a.bin", "size": 1000}, {"path": "b/c.bin", "size": 2001}, {"path": "b"}]
    (tmp_path / "files.jsonl").write_text("\n".join(map(json.dumps, [lines[0], lines[1]])))
    done = run("verify", "files.jsonl", "-d", "folder", cwd=tmp_path)
    assert (done.returncode, b"line 2: folder/b/c.bin has 2000 bytes, not 2001" in done.stderr) == (8, True)
    assert b"1 of 2 correct, 1 failed, 2 have no digest" in done.stderr
    (tmp_path / "files.jsonl").write_text(json.dumps(lines[2]))
    done = run("verify", "files.jsonl", "-d", "folder", "-q", cwd=tmp_path)
    assert (done.returncode, b"Is a directory" in done.stderr) == (9, True)


def test_an_invalid_manifest_is_not_verified(tmp_path):
    done = run("verify", "-", cwd=tmp_path, text=b"nonsense\n")
    assert (done.returncode, done.stderr) == (
        2,
        b"httpconn: standard input line 1: not a checksum line: nonsense\n",
    )
