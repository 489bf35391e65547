"""Connections of several workers share one rate."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import fakeredis
import pytest

import httpconn
from httpconn.testing import ScriptedServer, response
from tests.clusters.shared_rate import SharedRate


@pytest.fixture
def redis_url() -> Iterator[str]:
    """Run a server with the protocol of Redis."""
    with fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis") as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


def test_two_connections_share_a_rate(redis_url):
    made = httpconn.HTTPConnection(event_hooks={"request": [SharedRate(redis_url, 5)]})
    began = time.monotonic()
    with ScriptedServer(response(body=b"ok")) as server, made, pickle.loads(pickle.dumps(made)) as other:
        with ThreadPoolExecutor() as pool:
            for fetched in pool.map(lambda conn: [conn.get_bytes(server.url) for _ in range(8)], [made, other]):
                assert fetched == [b"ok"] * 8
        assert len(server.requests) == 16
    # 16 requests, 5 in each second, need four seconds, two of them complete.
    assert time.monotonic() - began > 2


def test_a_call_that_waits_too_long_gives_up(redis_url):
    hook = SharedRate(redis_url, rate=0, max_wait=1)
    with ScriptedServer(response()) as server, httpconn.HTTPConnection(event_hooks={"request": [hook]}) as conn:
        with pytest.raises(httpconn.TimedOut):
            conn.get_bytes(server.url)
        assert not server.requests
