"""What a connection object says of itself."""

from __future__ import annotations

import pickle

import pytest

import httpconn
from httpconn.core.counts import MAX_HOSTS, Counts
from httpconn.stats import stats_of
from tests.servers.scripted import in_turn, response


def test_calls_are_counted(face, connect, scripted):
    server = scripted(in_turn(response(503), response(body=b"12345"), response(404)))
    connection = connect(retries=httpconn.RetryPolicy(backoff=0))
    face.get_bytes(connection, server.url)
    with pytest.raises(httpconn.StatusError):
        face.get_bytes(connection, server.url)
    stats = connection.stats()
    assert (stats.requests, stats.retries, stats.errors, stats.received) == (3, 1, 1, 5)
    assert stats.errors_by_type == {"StatusError": 1}
    assert stats.hosts == {"127.0.0.1": httpconn.HostStats(3, 1, 5, 1)}


@pytest.mark.parametrize("http2", [False, True])
def test_connections_are_counted(face, connect, scripted, http2):
    server = scripted(response(body=b"x"))
    connection = connect(http2=http2)
    assert connection.stats().connections == httpconn.PoolStats()
    for _ in range(4):
        face.get_bytes(connection, server.url)
    connections = connection.stats().connections
    assert (connections.open, connections.idle, connections.waiting) == (1, 1, 0)
    assert (connections.made, connections.reused, connections.reuse_rate) == (1, 3, 0.75)


def test_a_download_is_counted(face, connect, scripted, tmp_path):
    server = scripted(response(body=b"x" * 3_000_000))
    connection = connect()
    face.call(connection, "download", server.url, tmp_path / "file")
    assert connection.stats().received == 3_000_000


def test_stats_are_a_frozen_value(connect):
    stats = connect().stats()
    with pytest.raises(AttributeError):
        stats.requests = 5
    assert pickle.loads(pickle.dumps(stats)) == stats


def test_hosts_beyond_the_first_thousand_are_counted_together():
    counts = Counts()
    for number in range(MAX_HOSTS * 2):
        counts.of(f"host{number}").requests += 1
    stats = stats_of(counts, ())
    assert stats.requests == MAX_HOSTS * 2
    assert len(stats.hosts) == MAX_HOSTS
