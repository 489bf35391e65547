"""Calls in the green threads of eventlet and gevent, which patch the standard library first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from httpconn.testing import Pause, ScriptedServer, response

EVENTLET = "import eventlet; eventlet.monkey_patch(); Pool, Timeout = eventlet.GreenPool, eventlet.Timeout"
GEVENT = "from gevent import monkey; monkey.patch_all(); from gevent import Timeout; from gevent.pool import Pool"
CALLS = """
import sys, httpconn

url, path = sys.argv[1:]
with httpconn.HTTPConnection(trust_env=False, retries=0) as conn:
    print(len(list(Pool(20).imap(conn.get_bytes, [url] * 20))))
    for limits in ({"timeout": 0.2}, {}):
        try:
            with Timeout(None if limits else 0.2):
                conn.get_bytes(f"{url}/slow", **limits)
        except (httpconn.DeadlineExceeded, Timeout) as error:
            print(type(error).__name__)
    print(conn.download_file(url, path).read_bytes())
    with conn.get_many([url] * 10, concurrency=5) as results:
        print(len([each.result() for each in results]))
"""


@pytest.mark.parametrize("patch", [EVENTLET, GEVENT], ids=["eventlet", "gevent"])
def test_green_threads_fetch_at_the_same_time(patch, tmp_path):
    responses = {"/": response(body=b"ok"), "/slow": [Pause(20), response()]}
    with ScriptedServer(responses) as server:
        command = [sys.executable, "-W", "ignore", "-c", f"{patch}\n{CALLS}", server.url, str(tmp_path / "file")]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.stdout.split(), ran.stderr) == (["20", "DeadlineExceeded", "Timeout", "b'ok'", "10"], "")
