"""The options of ``httpconn get`` that curl has, too."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_cli import run
from tests.servers.scripted import Close, in_turn, response


def test_a_body_goes_to_a_file_once_it_is_complete(scripted, tmp_path):
    short = response(headers={"Content-Length": "9"}, body=b"short")
    server = scripted(in_turn([short, Close()], response(body=b"whole")))
    assert run("get", server.url, "-o", "file", "--retries", "0", cwd=tmp_path).returncode == 6
    assert list(tmp_path.iterdir()) == []
    assert run("get", server.url, "-o", "new/file", "--create-dirs", cwd=tmp_path).stdout == b""
    assert (tmp_path / "new" / "file").read_bytes() == b"whole"


def test_the_header_is_written_before_the_body(scripted):
    done = run("get", "-i", scripted(response(headers={"X-A": "b"}, body=b"body")).url)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert (head.splitlines()[0], b"X-A: b" in head, body) == (b"HTTP/1.1 200 OK", True, b"body")


def test_an_error_is_written_with_its_header_and_has_its_code(scripted):
    done = run("get", "-i", scripted(response(404, body=b"no such page")).url)
    assert (done.returncode, done.stdout.startswith(b"HTTP/1.1 404"), done.stdout.endswith(b"no such page")) == (
        6,
        True,
        True,
    )


def test_head_requests_the_header_only(scripted):
    server = scripted(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nETag: "a"\r\n\r\n')
    done = run("get", "-I", server.url)
    assert (done.returncode, server.requests[0].method) == (0, "HEAD")
    assert done.stdout == b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nETag: "a"\r\n\r\n'


def test_head_works_for_files_beyond_the_size_limit(scripted):
    server = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    done = run("get", "-I", server.url, "--max-bytes", "10")
    assert (done.returncode, done.stdout) == (0, b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")


def test_a_user_agent_and_a_user_are_sent(scripted):
    server = scripted(response())
    run("get", server.url, "-A", "me/1", "-u", "joe:pass:word")
    assert server.requests[0].header("User-Agent") == "me/1"
    assert server.requests[0].header("Authorization") == "Basic am9lOnBhc3M6d29yZA=="


def test_verbose_output_contains_no_secret(scripted):
    secrets = {"Set-Cookie": "sid=secret", "X-Amz-Security-Token": "secret", "Server": "demo"}
    location = {"Location": "/next?token=secret&x", **secrets}
    server = scripted({"/": response(302, location), "/next": response(200, secrets, b"body")})
    done = run("get", "-v", f"{server.url}?key=secret", "-u", "joe:secret", "-H", "X-Own: secret")
    told = done.stderr.decode()
    assert (done.returncode, done.stdout, "secret" in told) == (0, b"body", False)
    for line in ("> GET /?key=***", "> X-Own: ***", "* connection complete", "< HTTP/1.1 302", "< Server: demo"):
        assert line in told
    assert "* redirected to" in told


@pytest.mark.parametrize(("policy", "code"), [("public", 3), ("anywhere", 0)])
@pytest.mark.parametrize("command", [["get"], ["download", "-qo", "file"]], ids=" ".join)
def test_an_access_policy_can_be_chosen(scripted, tmp_path, command, policy, code):
    server = scripted(response())
    assert run(*command, server.url, "--access", policy, cwd=tmp_path, HTTPCONN_ACCESS="").returncode == code


def test_the_certificate_is_verified_by_default(scripted, certificates):
    server = scripted(response(body=b"ok"), tls=certificates.good)
    assert run("get", server.url).returncode == 4
    assert run("get", server.url, "-k").stdout == b"ok"
    assert run("get", server.url, "--cacert", certificates.files.authority).stdout == b"ok"


def test_requests_go_through_a_proxy(scripted):
    proxy = scripted(response(body=b"through"))
    assert run("get", "http://elsewhere.example/x", "--proxy", proxy.url).stdout == b"through"


def test_several_urls_are_checked():
    done = run("check", "--json", "http://1.1.1.1/", "http://10.0.0.1/", "127.0.0.1/x")
    assert [json.loads(line)["allowed"] for line in done.stdout.splitlines()] == [True, False, False]
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", [["-i"], ["-I"], ["-o", "x"]])
def test_json_lines_exclude_other_outputs(arguments):
    done = run("get", "http://127.0.0.1:1/", "--jsonl", *arguments)
    assert (done.returncode, b"--jsonl cannot be combined" in done.stderr) == (2, True)


def test_headers_and_tokens_of_single_hosts(scripted, tmp_path):
    server = scripted(response())
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    run("get", server.url, "--host-header", "127.0.0.1:X-A=b=c", "--host-header", "other.example:X-A=d")
    run("get", server.url, "--host-token", "127.0.0.1=file:token", cwd=tmp_path)
    environ = {"TOKEN": "from-environment", "NETRC": str(tmp_path / "netrc")}
    run("get", server.url, "--host-token", "127.0.0.1=env:TOKEN", **environ)
    run("get", server.url, "--netrc", **environ)
    assert server.requests[0].header("X-A") == "b=c"
    seen = [request.header("Authorization") for request in server.requests]
    assert seen == [None, "Bearer from-file", "Bearer from-environment", "Basic dTpw"]


@pytest.mark.parametrize(
    "options",
    [
        ("--host-header", "X-A=secret"),
        ("--host-header", "127.0.0.1:X-A"),
        ("--host-token", "secret"),
        ("--host-token", "127.0.0.1=secret"),
        ("--host-token", "127.0.0.1=env:MISSING"),
        ("--host-token", "127.0.0.1=file:missing"),
    ],
)
def test_invalid_options_of_hosts_are_usage_errors_without_the_secret(options):
    done = run("get", "http://127.0.0.1:9/", *options)
    assert (done.returncode, b"secret" in done.stderr) == (2, False)
