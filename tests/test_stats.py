"""What a connection object says of itself."""

from __future__ import annotations

import hashlib
import pickle
import threading

import pytest

import httpconn
from httpconn.core.counters import MAX_HOSTS, Counters
from httpconn.stats import stats_of
from tests.servers.scripted import Until, cut, in_turn, redirect, response


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


def test_an_error_is_counted_where_its_last_request_went(face, connect, scripted):
    server = scripted(redirect("http://localhost:1/"))
    connection = connect(retries=0)
    with pytest.raises(httpconn.ConnectFailed):
        face.get_bytes(connection, server.url)
    assert {host: each.errors for host, each in connection.stats().hosts.items()} == {"127.0.0.1": 0, "localhost": 1}


def test_a_stream_that_breaks_is_counted(face, connect, scripted):
    connection = connect()
    got = face.get_response(connection, scripted(cut(response(body=b"x" * 9), 5)).url, stream=True)
    with pytest.raises(httpconn.TruncatedBody):
        face.read(got)
    assert connection.stats().errors_by_type == {"TruncatedBody": 1}


def test_each_call_that_shares_a_transfer_is_counted(face, connect, scripted):
    opened = threading.Event()
    server = scripted([Until(opened), response(404)])
    connection = connect(coalesce=True)
    leader = face.start(connection, "get_bytes", server.url)
    server.wait_for(lambda: server.requests)
    with pytest.raises(httpconn.DeadlineExceeded):
        face.get_bytes(connection, server.url, timeout=0.05)
    opened.set()
    assert isinstance(leader.exception(), httpconn.StatusError)
    assert connection.stats().errors_by_type == {"DeadlineExceeded": 1, "StatusError": 1}


def test_a_failed_server_with_a_mirror_is_not_an_error_of_the_call(face, connect, scripted, tmp_path):
    digest = f"sha256:{hashlib.sha256(b'x').hexdigest()}"
    mirrors = [scripted(response(body=b"x")).url]
    connection = connect(retries=0)
    url = scripted(response(404)).url
    face.call(connection, "download", url, tmp_path / "file", digest=digest, mirrors=mirrors)
    assert (connection.stats().requests, connection.stats().errors) == (2, 0)


def test_stats_are_a_frozen_value(connect):
    stats = connect().stats()
    with pytest.raises(AttributeError):
        stats.requests = 5
    assert pickle.loads(pickle.dumps(stats)) == stats


def test_hosts_beyond_the_first_thousand_are_counted_together():
    counts = Counters()
    for number in range(MAX_HOSTS * 2):
        counts.of(f"host{number}")["requests"] += 1
    stats = stats_of(counts, ())
    assert stats.requests == MAX_HOSTS * 2
    assert len(stats.hosts) == MAX_HOSTS
