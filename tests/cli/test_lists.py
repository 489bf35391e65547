"""``httpconn download`` with lists, repeated runs and existing files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess

import pytest
from click.testing import CliRunner

from httpconn.cli import cli
from tests.cli.test_cli import COMMAND, ENVIRONMENT, run
from tests.servers.files import Served
from tests.servers.scripted import response

OLD = "Sat, 01 Jan 2000 00:00:00 GMT"
LIST = """\
# a comment
{a}
htp://typo
htp://typo/x
  {b}   named.bin   # another comment
127.0.0.1/x

{folder}
{c} a
"""


@pytest.fixture
def server(scripted):
    files = {f"/{name}": Served(name.encode() * 1000, modified=OLD) for name in "abc"}
    return scripted(files)


@pytest.fixture
def files(server, tmp_path):
    urls = {name: server.url_for(f"/{name}") for name in "abc"}
    (tmp_path / "urls.txt").write_text(LIST.format(**urls, folder=server.url_for("/folder/")))
    return tmp_path


def test_a_bad_line_is_reported_and_the_others_are_fetched(server, files):
    done = run("download", "--input-file", "urls.txt", cwd=files)
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("httpconn: ")]
    assert done.returncode == 2
    assert sorted(line.partition(": ")[2][:15] for line in lines) == [f"urls.txt line {n}" for n in (3, 4, 6, 8, 9)]
    assert all("[" in line for line in lines)
    assert any("add http:// in front: http://127.0.0.1/x" in line for line in lines)
    assert sorted(each.name for each in files.iterdir()) == ["a", "named.bin", "urls.txt"]
    assert b"2 complete (2.0 kB), 5 failed" in done.stderr


def test_a_second_run_sends_conditional_requests_only(server, files):
    run("download", "--input-file", "urls.txt", cwd=files)
    assert os.stat(files / "a").st_mtime == 946_684_800
    done = run("download", "--input-file", "urls.txt", "-q", cwd=files)
    assert sorted(done.stdout.splitlines()) == [b"a (1.0 kB, up to date)", b"named.bin (1.0 kB, up to date)"]
    assert all(request.header("If-Modified-Since") == OLD for request in server.requests[2:])


@pytest.mark.parametrize("command", ["download", "get --jsonl"])
def test_a_byte_order_mark_and_carriage_returns_are_not_part_of_a_url(server, tmp_path, command):
    (tmp_path / "urls.txt").write_bytes(b"\xef\xbb\xbf%b\r\n" % server.url_for("/a").encode())
    assert run(*command.split(), "--input-file", "urls.txt", cwd=tmp_path).returncode == 0


def test_a_list_can_come_from_a_pipe(tmp_path):
    command = [*COMMAND, "download", "--input-file", "-", "-q"]
    done = subprocess.run(
        command, input=b"htp://typo/\n", capture_output=True, cwd=tmp_path, env=ENVIRONMENT, timeout=200
    )
    assert (done.returncode, done.stderr.startswith(b"httpconn: standard input line 1: ")) == (2, True)


@pytest.mark.parametrize(
    ("option", "requests", "line"),
    [
        ("--skip-existing", 0, b"a (3 bytes, skipped)"),
        ("--overwrite", 1, b"a (1.0 kB, length verified"),
        ("--refresh", 1, b"a (1.0 kB, length verified"),
    ],
)
def test_a_file_that_exists(server, tmp_path, option, requests, line):
    (tmp_path / "a").write_bytes(b"old")
    os.utime(tmp_path / "a", (0, 0))
    done = run("download", server.url_for("/a"), "-q", option, cwd=tmp_path)
    assert (done.returncode, len(server.requests)) == (0, requests)
    assert done.stdout.startswith(line)


def test_a_file_with_the_digest_is_not_requested(server, tmp_path):
    (tmp_path / "a").write_bytes(b"a" * 1000)
    digest = f"sha256:{hashlib.sha256(b'a' * 1000).hexdigest()}"
    done = run("download", server.url_for("/a"), "--digest", digest, "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout, server.connections) == (0, b"a (1.0 kB, sha256 verified, up to date)\n", 0)


def test_the_time_of_download_can_stay(server, tmp_path):
    run("download", server.url_for("/a"), "--no-remote-time", cwd=tmp_path)
    assert os.stat(tmp_path / "a").st_mtime > 946_684_800
    assert b"up to date" in run("download", server.url_for("/a"), "-q", cwd=tmp_path).stdout


def test_the_server_names_the_file_and_replaces_none(scripted, tmp_path):
    named = {"Content-Disposition": 'attachment; filename="my report.pdf'}
    url = scripted(response(200, named, b"content")).url_for("/report?id=1")
    first, again = (run("download", url, "-J", "-q", "-d", tmp_path) for _ in range(2))
    assert first.stdout.startswith(f"{tmp_path}/my report.pdf (7 bytes, length verified".encode())
    assert again.stdout == f"{tmp_path}/my report.pdf (7 bytes, skipped)\n".encode()


@pytest.mark.parametrize("options", [("get", "-o", "new/a"), ("download", "-o", "new/a"), ("download", "-d", "new")])
def test_an_error_about_a_missing_folder_names_create_dirs(server, tmp_path, options):
    command = (*options, server.url_for("/a"))
    done = run(*command, cwd=tmp_path)
    assert done.stderr.endswith(b"; add --create-dirs to create missing folders\n")
    assert run(*command, "--create-dirs", cwd=tmp_path).returncode == 0


def test_create_dirs_creates_folders(server, tmp_path):
    (tmp_path / "urls").write_text(f"{server.url_for('/a')} deep/er/a.bin\n")
    assert run("download", "--input-file", "urls", "-d", "new", "--create-dirs", cwd=tmp_path).returncode == 0
    assert (tmp_path / "new" / "deep" / "er" / "a.bin").exists()


def test_a_file_can_be_named_in_a_folder(server, tmp_path):
    assert run("download", server.url_for("/b"), "-o", "b.bin", "-d", "new", cwd=tmp_path).returncode == 9
    (tmp_path / "new").mkdir()
    assert run("download", server.url_for("/b"), "-o", "b.bin", "-d", "new", cwd=tmp_path).returncode == 0
    assert (tmp_path / "new" / "b.bin").exists()


@pytest.mark.parametrize("path", ["-", "/dev/stdout"])
@pytest.mark.parametrize("command", ["get", "download"])
def test_standard_output_is_a_file_too(server, tmp_path, command, path):
    done = run(command, server.url_for("/a"), "-o", path, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"a" * 1000, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_digest_on_standard_output_has_its_code(server, tmp_path):
    done = run("download", server.url_for("/a"), "-o", "-", "--digest", f"sha256:{'0' * 64}", cwd=tmp_path)
    assert (done.returncode, server.url_for("/a").encode() in done.stderr) == (8, True)


def test_lines_of_json_contain_the_error_of_a_line(files):
    done = run("download", "--input-file", "urls.txt", "--jsonl", "-q", cwd=files)
    told = {line["url"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert told["htp://typo/x"]["error"] == "InvalidURL"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "-", "--jsonl"],
        ["-o", "-", "-d", "x"],
        ["-J", "--overwrite"],
        ["-J", "-o", "file"],
        ["--mirror", "http://127.0.0.1:1/b"],
        ["-j", "0"],
        ["--segments", "0"],
        ["--limit-rate", "0"],
        ["--retries", "-1"],
        ["--timeout", "nan"],
        ["--digest", "sha256:abc"],
        ["-k", "--cacert", "/"],
        ["--cacert", "/no/such/file"],
        ["--proxy", "http://127.0.0.1:1", "--access", "public"],
        ["-u", "secret"],
    ],
)
def test_an_invalid_option_is_named(arguments):
    done = CliRunner().invoke(cli, ["download", "http://127.0.0.1:1/a", *arguments])
    told = done.stderr
    assert done.exit_code == 2
    assert arguments[0] in told
    assert not {"Timeouts", "RetryPolicy", "Limits", "secret", "Traceback"} & set(told.replace(".", " ").split())
