"""The command line, in a process of its own where that matters, otherwise in the process of the tests."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import httpconn
from httpconn.cli import cli
from tests.servers.application import pattern
from tests.servers.scripted import Close, Drip, Forever, Stall, chunked, in_turn, response

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "httpconn"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def run(
    *arguments: object, cwd: Path | None = None, text: bytes = b"", **environ: str
) -> subprocess.CompletedProcess[bytes]:
    """Call the command in this process, twenty times faster than in a new one."""
    streams = {name: io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for name in ("stdout", "stderr")}
    streams["stdin"] = io.TextIOWrapper(named := io.BytesIO(text), "utf-8")
    named.name = "<stdin>"
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd or Path()):
        patch.setattr(gc, "freeze", lambda: None)  # it would also freeze the objects of the tests
        for name, stream in streams.items():
            patch.setattr(sys, name, stream)
        for variable, value in {"COLUMNS": "100", **environ}.items():
            patch.setenv(variable, value)
        code = _exit_code(list(map(str, arguments)))
    return subprocess.CompletedProcess(
        arguments, code, *(streams[name].buffer.getvalue() for name in ("stdout", "stderr"))
    )


def _exit_code(arguments: list[str]) -> int:
    try:
        cli(arguments, prog_name="httpconn")
    except SystemExit as end:
        return int(end.code or 0)
    raise AssertionError("The command returned")


def run_process(*arguments: object, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a shell does."""
    command, env = [*COMMAND, *map(str, arguments)], {**ENVIRONMENT, **environ}
    return subprocess.run(command, capture_output=True, cwd=cwd, env=env, timeout=200, check=False)


def test_get_writes_the_body_as_it_is(application):
    done = run_process("get", f"{application}/bytes/300000")
    assert (done.returncode, done.stdout, done.stderr) == (0, pattern(300_000), b"")


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["http://1.1.1.1/?a=b"], 0, "http://1.1.1.1/?a=***: allowed"),
        (["http://10.0.0.1/"], 1, "http://10.0.0.1/: denied, private network 10.0.0.0/8 (RFC 1918)"),
        (["--access", "anywhere", "http://10.0.0.1/"], 0, "http://10.0.0.1/: allowed"),
        (["http://u:secret@example.com/"], 1, "http://example.com/: denied, userinfo"),
        (["ftp://example.com/"], 1, "ftp://example.com/: denied, Invalid HTTP URL"),
        (["http://localhost/"], 1, "http://localhost/: denied, loopback"),
    ],
)
def test_check_explains_the_decision(arguments, code, line):
    done = run("check", *arguments)
    assert (done.returncode, done.stderr) == (code, b"")
    assert done.stdout.decode().startswith(line)
    assert b"\x1b" not in done.stdout


def test_check_writes_json():
    done = run("check", "--json", "http://localhost:81/")
    checked = json.loads(done.stdout)
    assert (done.returncode, checked["allowed"], checked["reason"]) == (1, False, "loopback")
    assert (checked["host"], checked["port"]) == ("localhost", 81)
    assert all(not each["allowed"] for each in checked["addresses"])


@pytest.mark.parametrize(
    ("value", "code", "line"),
    [
        ("public", 3, "is denied: loopback"),
        ("pubilc", 2, "HTTPCONN_ACCESS must be 'public' or 'anywhere'"),
    ],
)
@pytest.mark.parametrize("command", [["get"], ["get", "--jsonl"], ["download", "-qo", "file"]], ids=" ".join)
def test_the_environment_sets_the_access_policy(scripted, tmp_path, command, value, code, line):
    server = scripted(response(body=b"secret"))
    done = run(*command, server.url, cwd=tmp_path, HTTPCONN_ACCESS=value)
    lines = "--jsonl" in command
    assert done.returncode == (1 if lines else code)
    assert line in (done.stdout if lines else done.stderr).decode()
    assert (server.requests, list(tmp_path.iterdir())) == ([], [])


def test_headers_are_sent(scripted):
    server = scripted(response(body=b"ok"))
    assert run("get", server.url, "-H", "X-A: b: c", "-H", "Accept:text/plain").stdout == b"ok"
    assert (server.requests[0].header("X-A"), server.requests[0].header("Accept")) == ("b: c", "text/plain")


def test_headers_are_read_from_a_file(scripted, tmp_path):
    server = scripted(response(body=b"ok"))
    (tmp_path / "secrets").write_text("Authorization: Bearer a:b\n\nX-A: file\n")
    assert run("get", server.url, "-H", f"@{tmp_path / 'secrets'}", "-H", "X-A: own").stdout == b"ok"
    assert (server.requests[0].header("Authorization"), server.requests[0].header("X-A")) == ("Bearer a:b", "own")


@pytest.mark.parametrize(("given", "line"), [("secret", b"'NAME: VALUE'"), ("@missing", b"No such file")])
def test_an_invalid_header_is_not_printed(tmp_path, given, line):
    done = run("get", "http://127.0.0.1:1/", "-H", given, cwd=tmp_path)
    assert (done.returncode, line in done.stderr, b"secret" in done.stderr) == (2, True, False)


@pytest.mark.parametrize(
    ("variables", "code", "line"),
    [
        ({"HTTPCONN_MAX_BYTES": "5"}, 7, b"declares 10 bytes; 5 are allowed"),
        ({"HTTPCONN_RETRIES": "none"}, 2, b"'none' is not a valid whole number."),
        ({"HTTPCONN_TIMEOUT": "5s"}, 2, b"'5s' is not a valid number of seconds."),
        ({"HTTPCONN_TIMEOUT": "0"}, 2, b"0.0 is not in the range"),
        ({"HTTPCONN_TIMEOUT": ""}, 0, b""),
    ],
)
def test_the_environment_gives_options(application, variables, code, line):
    done = run("get", f"{application}/bytes/10", **variables)
    assert (done.returncode, line in done.stderr) == (code, True)


def test_download_names_files_after_their_urls(application, tmp_path):
    done = run("download", f"{application}/bytes/300000", f"{application}/json", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "300000").read_bytes() == pattern(300_000)
    assert (tmp_path / "json").exists()
    told = sorted(done.stdout.decode().splitlines())
    assert told[0].startswith("300000 (0.3 MB, length verified, ")
    assert b"2 complete (" in done.stderr
    assert b"\x1b" not in done.stderr
    assert b"300000: 0.3 MB of 0.3 MB" in done.stderr


def test_download_to_a_file_or_a_folder(application, tmp_path):
    url = f"{application}/bytes/10"
    (tmp_path / "folder").mkdir()
    assert run("download", url, "-o", tmp_path / "named", "-q").stderr == b""
    assert run("download", url, "-d", tmp_path / "folder").returncode == 0
    assert (tmp_path / "named").read_bytes() == (tmp_path / "folder" / "10").read_bytes() == pattern(10)


def test_two_urls_with_one_name_do_not_overwrite_each_other(application, tmp_path):
    done = run("download", f"{application}/bytes/10", f"{application}/gzip/10", cwd=tmp_path)
    assert done.returncode == 2
    assert b"would be saved as 10" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_reported_once(application, tmp_path):
    done = run("download", f"{application}/bytes/10", f"{application}/bytes/11", "-d", "missing", cwd=tmp_path)
    assert done.returncode == 9
    assert len(done.stderr.splitlines()) == 1


def test_on_a_terminal_results_and_failures_stay_above_the_bars(application, tmp_path):
    """Return the final screen of a real pseudo-terminal."""
    leader, follower = pty.openpty()
    command = [*COMMAND, "download", f"{application}/bytes/300000", f"{application}/status/404"]
    environment = {**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "160"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=follower, stderr=follower) as process:
        os.close(follower)
        screen = read_terminal(leader)
        assert process.wait(200) == 6
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).strip() for line in screen.splitlines()]
    assert any(line.startswith("300000 (0.3 MB, length verified") for line in lines)
    assert "1 complete (0.3 MB), 1 failed" in lines
    assert any(line.startswith("httpconn: The server responded with 404") for line in lines)


def read_terminal(leader):
    seen = b""
    with os.fdopen(leader, "rb", buffering=0) as terminal, contextlib.suppress(OSError):  # EIO at its end
        while piece := terminal.read(4096):
            seen += piece
    return seen.decode()


def test_results_go_to_a_pipe_though_the_bars_are_on_a_terminal(application, tmp_path):
    leader, follower = pty.openpty()
    command = [*COMMAND, "download", f"{application}/bytes/300000"]
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=follower) as process:
        os.close(follower)
        read_terminal(leader)
        assert process.stdout.read().startswith(b"300000 (0.3 MB, length verified, ")


def test_one_failure_does_not_stop_the_others(application, tmp_path):
    done = run("download", f"{application}/status/404", f"{application}/bytes/10", cwd=tmp_path)
    assert done.returncode == 6
    assert (tmp_path / "10").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["get", "ftp://example.com/"], 2),
        (["get", "http://"], 2),
        (["get", "http://127.0.0.1:1/", "--retries", "0"], 4),
        (["get", "http://127.0.0.1:1/", "-H", "no colon"], 2),
        (["get", "http://127.0.0.1:1/", "-H", "Host: x"], 2),
        (["get", "http://127.0.0.1:1/", "--timeout", "-1"], 2),
        (["get", "http://127.0.0.1:1/", "--max-bytes", "many"], 2),
        (["get"], 2),
        (["download"], 2),
        (["download", "http://127.0.0.1:1/"], 2),
        (["download", "http://127.0.0.1:1/..%2fx"], 2),
        (["download", "http://127.0.0.1:1/%2e%2e"], 2),
        (["download", "http://[/x"], 2),
        (["download", "http://127.0.0.1:1/a", "http://127.0.0.1:1/b", "-o", "c"], 2),
        (["download", "http://127.0.0.1:1/a", "-o", "folder/"], 2),
        (["download", "http://127.0.0.1:1/a", "-o", "."], 9),
        (["download", "http://127.0.0.1:1/a", "-d", "/no/such/folder"], 9),
        (["get", "http://127.0.0.1:1/", "--max-bytes", "9" * 400 + ".5", "--retries", "0"], 4),
        (["unknown"], 2),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(arguments, code):
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr
    if b"Usage:" not in done.stderr:
        assert len(done.stderr.decode().strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("script", "options", "code"),
    [
        (response(404), [], 6),
        (response(302), [], 6),
        ([b"garbage\r\n\r\n", Close()], [], 6),
        ([Stall()], ["--timeout", "0.3"], 5),
        (response(body=b"x" * 2000), ["--max-bytes", "1k"], 7),
    ],
)
@pytest.mark.parametrize("command", ["get", "download"])
def test_an_invalid_response_has_its_exit_code(scripted, tmp_path, command, script, options, code):
    done = run(command, scripted(script).url_for("/file"), "--retries", 0, *options, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_retries(scripted):
    server = scripted(in_turn(response(503), response(503), response(body=b"ok")))
    assert run("get", server.url, "--retries", "2").stdout == b"ok"


def test_a_closed_pipe_is_not_an_error(scripted):
    server = scripted([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Forever(chunked(b"x" * 5000)[:-5])])
    with subprocess.Popen(
        [*COMMAND, "get", server.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdout.read(10) == b"x" * 10
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(200) == 0


def test_another_broken_pipe_is_not_the_success_of_a_command(monkeypatch):
    def get_metadata(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(httpconn.HTTPConnection, "get_metadata", get_metadata)
    with pytest.raises(BrokenPipeError):
        cli.main(["info", "http://127.0.0.1/"], standalone_mode=False)


def test_a_command_without_a_reader_does_all_its_work(application, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    options = {"stdout": writer, "stderr": subprocess.PIPE, "env": ENVIRONMENT, "cwd": tmp_path, "timeout": 200}
    urls = [f"{application}/bytes/{size}" for size in (10, 20, 30)]
    done = subprocess.run([*COMMAND, "download", "-j", "1", *urls, f"{application}/status/404"], **options)
    assert (done.returncode, sorted(os.listdir(tmp_path))) == (6, ["10", "20", "30"])
    done = subprocess.run([*COMMAND, "check", "http://127.0.0.1/", "http://127.0.0.2/"], **options)
    assert (done.returncode, done.stderr) == (1, b"")
    os.close(writer)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("get $0 >&-", 9),
        ("get $0 >/dev/full", 9),
        ("get $0 -o /dev/full", 9),
        ("get --help >/dev/full", 9),
        ("--version >/dev/full", 9),
        ("info $0 >&-", 9),
        ("download $0 >/dev/full", 9),
        ("download $0 2>&-", 0),
        ("get --jsonl --input-file - <&-", 2),
        ("get --jsonl --input-file /proc/self/mem", 2),
        ("get $0 -H @- <&-", 2),
        ("verify - <&-", 2),
    ],
)
def test_an_unusable_stream_is_an_error_and_unread_progress_is_not(application, tmp_path, command, code):
    line = f"exec {sys.executable} -m httpconn {command}"
    done = subprocess.run(
        ["sh", "-c", line, f"{application}/bytes/10"],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert code == 0 or done.stderr


def test_a_name_that_standard_output_cannot_encode_is_escaped(application, tmp_path):
    done = run_process(
        "download", f"{application}/bytes/10", "-o", "ü☃", cwd=tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="latin-1"
    )
    assert (done.returncode, done.stdout[:16]) == (0, b"\xfc\\u2603 (10 byte")


@pytest.mark.parametrize("command", ["get", "download"])
def test_a_pipe_or_a_device_gets_the_bytes_as_they_arrive(application, tmp_path, command):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE) as reader:
        done = run(command, f"{application}/bytes/10000", "-o", "pipe", cwd=tmp_path)
        assert (done.returncode, reader.stdout.read()) == (0, pattern(10_000))
    assert run(command, f"{application}/bytes/10", "-o", "/dev/null").returncode == 0
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_an_interrupt_has_its_exit_code_and_leaves_no_file(scripted, tmp_path):
    half = response(headers={"Content-Length": "5000000"}, body=b"x" * 2_000_000)
    server = scripted([half, Drip(b"x" * 100, every=0.01), Stall()])
    command = [*COMMAND, "download", server.url_for("/file")]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert b"file: " in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(200) == 130
    assert b"Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_during_the_start_has_the_same_exit_code(tmp_path):
    (tmp_path / "anyio.py").write_text("raise KeyboardInterrupt")
    done = run_process("get", "http://127.0.0.1:1/", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"httpconn: interrupted\n")


def test_help_and_version(tmp_path):
    assert run("--version").stdout.decode() == f"httpconn {httpconn.__version__}\n"
    for arguments in (["--help"], ["get", "--help"], ["download", "-h"]):
        done = run(*arguments)
        assert done.returncode == 0
        assert b"Exit codes:" in done.stdout


def test_missing_packages_are_named(tmp_path):
    for package in ("click", "rich"):
        (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('no', name={package!r})")
    done = run_process("--version", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 2
    assert done.stderr.decode() == "httpconn: the command line needs click and rich: pip install 'httpconn[cli]'\n"
