"""Many URLs on the command line, with a line of JSON each."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import subprocess

import httpx
import pytest

from httpconn.api.outcomes import Fetched
from httpconn.cli.jsonlines import line_of, urls_of
from httpconn.errors import StatusError
from tests.cli.test_cli import COMMAND, ENVIRONMENT
from tests.cli.test_cli import run as run_command
from tests.servers.scripted import Stall, response


def run(*arguments, text=b""):
    return run_command("get", "--jsonl", *arguments, text=text)


def lines(done):
    return {each["url"]: each for each in map(json.loads, done.stdout.splitlines())}


@pytest.fixture
def server(scripted):
    return scripted({"/text": response(body="Grüße".encode()), "/bytes": response(body=b"\xff\x00")})


def test_each_url_of_a_file_has_its_line(server, tmp_path):
    listed = tmp_path / "urls.txt"
    text, data = server.url_for("/text"), server.url_for("/bytes")
    listed.write_text(f"{text}\n\n  {data}\n")
    done = run("-j", 2, "--input-file", listed)
    assert (done.returncode, done.stderr) == (0, b"")
    greeting = "Grüße".encode()
    assert lines(done) == {
        text: {"url": text, "size": 7, "sha256": hashlib.sha256(greeting).hexdigest(), "text": "Grüße"},
        data: {
            "url": data,
            "size": 2,
            "sha256": hashlib.sha256(b"\xff\x00").hexdigest(),
            "base64": base64.b64encode(b"\xff\x00").decode(),
        },
    }


def test_a_failed_url_makes_the_exit_code_1(server):
    text, missing = server.url_for("/text"), server.url_for("/missing")
    done = run("--input-file", "-", text=f"{text}\nno url\n{missing}\n\xff".encode("latin-1"))
    assert (done.returncode, done.stderr) == (1, b"")
    found = lines(done)
    assert found[text]["text"] == "Grüße"
    assert (found[missing]["error"], found[missing]["status"]) == ("StatusError", 404)
    assert found["no url"]["error"] == "InvalidURL"
    assert len(found) == 4


def test_a_url_may_be_given_alone(server):
    done = run(server.url_for("/text"))
    assert done.returncode == 0
    assert lines(done)[server.url_for("/text")]["text"] == "Grüße"


@pytest.mark.parametrize(
    "arguments", [[], ["http://localhost/", "--input-file", "-"], ["-j", "0", "http://localhost/"]]
)
def test_contradictory_options_are_refused(arguments):
    assert run(*arguments).returncode == 2


def test_a_file_of_urls_needs_lines():
    assert run_command("get", "--input-file", "-").returncode == 2


def test_an_interrupt_ends_it(scripted, tmp_path):
    server = scripted([Stall()])
    listed = tmp_path / "urls.txt"
    listed.write_text(f"{server.url}\n" * 100)
    command = [*COMMAND, "get", "--jsonl", "--input-file", str(listed)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        server.wait_for(lambda: len(server.requests) == 16)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=200)
    assert (process.returncode, told) == (130, b"httpconn: interrupted\n")


def test_a_line_is_one_line():
    line = line_of(Fetched("https://example.com/\n", 0, error=StatusError(httpx.Response(404))))
    assert line.index(b"\n") == len(line) - 1


def test_empty_lines_count_for_nothing():
    assert list(urls_of(["a\n", "\n", " b "])) == ["a", "b"]
