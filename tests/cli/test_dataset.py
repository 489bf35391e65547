"""``httpconn dataset``."""

from __future__ import annotations

import json

from tests.cli.test_cli import run
from tests.servers.scripted import response


def test_a_table_becomes_a_data_set(scripted, tmp_path):
    server = scripted({"/1": response(headers={"ETag": '"1"'}, body=b"one")})
    (tmp_path / "urls.csv").write_text(f"link,text\n{server.url_for('/1')},a\n{server.url_for('/2')},b\n")
    command = ["dataset", "urls.csv", "sink", "--url-column", "link", "--column", "text", "--retries", "0"]
    denied = run(*command, cwd=tmp_path)
    assert denied.stdout == b"complete: 2 rows in 1 shards, 0 with a body (0 bytes)\n           2  AccessDenied\n"
    again = run(*command, "--access", "anywhere", "--retry", "AccessDenied", "--json", cwd=tmp_path)
    summary = {"complete": True, "shards": 1, "rows": 2, "succeeded": 1, "bytes": 3, "errors": {"404": 1}}
    assert json.loads(again.stdout) == summary
    assert json.loads(run("dataset", "urls.csv", "sink", "--status", "--json", cwd=tmp_path).stdout) == summary


def test_errors_are_one_line(tmp_path):
    done = run("dataset", "urls.csv", "sink", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, b"httpconn: The source urls.csv does not exist\n")
    (tmp_path / "urls.csv").write_text("url\n")
    message = b"httpconn: The sink sink holds no job. Check the path, or run the job first without retry\n"
    for option in (["--status"], ["--retry", "TimedOut"]):
        done = run("dataset", "urls.csv", "sink", *option, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (2, message)
    done = run("dataset", "urls.csv", "sink", "-H", "A: b", cwd=tmp_path)
    assert done.returncode == 2
    assert b"all hosts would get" in done.stderr
