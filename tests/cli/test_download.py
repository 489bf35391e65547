"""``httpconn download`` with digests, mirrors, lists and interrupts."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import subprocess
import time

import pytest

from httpconn.testing import Stall, cut, response
from tests.cli.test_cli import COMMAND, ENVIRONMENT, run
from tests.servers.application import pattern
from tests.servers.files import Served

BODY = bytes(range(256)) * 8_000
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


def test_a_digest_is_checked_and_reported(scripted, tmp_path):
    url = scripted(Served(BODY)).url_for("/file")
    done = run("download", url, "--digest", DIGEST, cwd=tmp_path)
    assert (done.returncode, (tmp_path / "file").read_bytes()) == (0, BODY)
    assert b"(2.0 MB, length and sha256 verified, " in done.stdout


def test_a_refresh_leaves_the_newest_file_alone(scripted, tmp_path):
    url = scripted(Served(BODY, modified="Sat, 01 Jan 2000 00:00:00 GMT")).url_for("/file")
    first, again = (run("download", url, "--refresh", "-q", cwd=tmp_path) for _ in range(2))
    assert b"length verified" in first.stdout
    assert (again.returncode, again.stdout, again.stderr) == (0, b"file (2.0 MB, up to date)\n", b"")
    told = run("download", url, "--refresh", "-q", "--jsonl", cwd=tmp_path)
    assert json.loads(told.stdout)["unmodified"]


def test_the_source_of_a_digest_is_reported(scripted, tmp_path):
    announced = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    url = scripted(response(200, {"Repr-Digest": f"sha-256=:{announced}:"}, BODY)).url_for("/file")
    done = run("download", url, cwd=tmp_path)
    assert b"(2.0 MB, length and sha256 verified by repr-digest, " in done.stdout


def test_another_digest_leaves_no_file(scripted, tmp_path):
    url = scripted(Served(BODY)).url_for("/file")
    done = run("download", url, "--digest", f"sha256:{'0' * 64}", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "file").exists()) == (8, False)


@pytest.mark.parametrize("options", [[], ["-o", "-"]], ids=["file", "stream"])
def test_another_media_type_is_rejected(scripted, tmp_path, options):
    url = scripted(response(200, {"Content-Type": "text/html"}, b"<html>")).url_for("/file")
    types = ["--expect-type", "image/*", "--expect-type", "application/zip", "--retries", "0"]
    done = run("download", url, *types, *options, cwd=tmp_path)
    assert b"text/html, not image/* or application/zip" in done.stderr
    assert (done.returncode != 0, done.stdout, list(tmp_path.iterdir())) == (True, b"", [])
    assert run("download", url, "--expect-type", "text/*", *options, cwd=tmp_path).returncode == 0


def test_a_mirror_is_used(scripted, tmp_path):
    broken, whole = scripted(response(404)), scripted(Served(BODY))
    mirror = whole.url_for("/elsewhere")
    done = run("download", broken.url_for("/file"), "--mirror", mirror, "--digest", DIGEST, cwd=tmp_path)
    assert (done.returncode, (tmp_path / "file").read_bytes()) == (0, BODY)


def test_a_list_holds_urls_and_paths(scripted, tmp_path):
    server = scripted({"/one": response(body=b"1"), "/two": response(body=b"22")})
    (tmp_path / "folder").mkdir()
    (tmp_path / "list").write_text(f"{server.url_for('/one')}\n\n{server.url_for('/two')}  a name\n")
    done = run("download", "--input-file", "list", "-d", "folder", "-q", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    found = {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()}
    assert found == {"one": b"1", "a name": b"22"}


def test_json_lines_report_each_file(scripted, tmp_path):
    server = scripted({"/one": response(body=b"1")})
    one, two = server.url_for("/one"), server.url_for("/two")
    done = run("download", one, two, "--jsonl", "-q", cwd=tmp_path)
    told = {each["url"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 6
    assert (told[one]["path"], told[one]["size"], told[one]["verified"]) == ("one", 1, ["length"])
    assert (told[two]["error"], told[two]["status"]) == ("StatusError", 404)


def test_the_exit_code_is_that_of_the_first_failure_in_order(scripted, tmp_path):
    server = scripted(response(404))
    done = run("download", server.url_for("/a"), "ftp://localhost/b", cwd=tmp_path)
    assert done.returncode == 6


@pytest.mark.parametrize(
    "arguments",
    [
        ["http://localhost/a", "http://localhost/b", "--digest", DIGEST],
        ["http://localhost/a", "--mirror", "http://localhost/b"],
        ["--input-file", "-", "-o", "file"],
        ["http://localhost/a", "--digest", "sha256"],
        ["--manifest", "one", "--manifest", "two", "-d", "."],
    ],
)
def test_contradictory_options_are_refused(arguments, tmp_path):
    assert run("download", *arguments, cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("command", ["download", "get --jsonl"])
def test_several_lists_are_read(scripted, tmp_path, command):
    server = scripted(response(body=b"1"))
    for name in "ab":
        (tmp_path / name).write_text(server.url_for(f"/{name}.bin"))
    done = run(*command.split(), "--input-file", "a", "--input-file", "b", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(request.target for request in server.requests) == [b"/a.bin", b"/b.bin"]


@pytest.mark.parametrize("options", [[], ["--no-resume"]])
def test_an_interrupted_download_resumes(scripted, tmp_path, options):
    body = bytes(24_000_000)  # the first tenth, which is reported first, is more than one block
    half = cut(response(200, {"ETag": '"v1"'}, body), len(body) // 2, Stall())
    server = scripted(Served(body, faults=[lambda served, request: half]))
    command = [*COMMAND, "download", server.url_for("/file"), *options]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert b"file: " in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=200)
    assert process.returncode == 130
    assert (b"run the same command to resume" in told) is not bool(options)
    assert any(tmp_path.iterdir()) is not bool(options)
    done = run("download", server.url_for("/file"), cwd=tmp_path)
    assert (tmp_path / "file").read_bytes() == body
    assert (b" resumed" in done.stdout) is not bool(options)


def test_a_path_cannot_steer_a_terminal(scripted, tmp_path):
    url = scripted(response(body=b"1")).url_for("/one")
    done = run("download", "--input-file", "-", cwd=tmp_path, text=f"{url} a\x1b[31m\x07b\n".encode())
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\x07" not in done.stdout + done.stderr
    assert rb"a\x1b[31m\x07b" in done.stdout


def test_all_files_share_a_rate(scripted, tmp_path):
    server = scripted(response(body=bytes(100_000)))
    began = time.monotonic()
    done = run("download", "-q", "-j", "2", "--limit-rate", "200K", f"{server.url}/a", f"{server.url}/b", cwd=tmp_path)
    assert (done.returncode, len(list(tmp_path.iterdir()))) == (0, 2)
    assert time.monotonic() - began > 0.8


def test_a_file_on_several_connections(scripted, tmp_path):
    served = Served(pattern(6_000_000))
    assert run("download", "-q", "--segments", "3", scripted(served).url_for("/a"), cwd=tmp_path).returncode == 0
    assert (tmp_path / "a").read_bytes() == served.body
    assert run("download", "--segments", "0", "http://127.0.0.1:9/", cwd=tmp_path).returncode == 2
