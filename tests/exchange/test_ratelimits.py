"""Rate limits and bandwidth, on the wire."""

from __future__ import annotations

import threading
import time

import pytest

import httpconn
from httpconn import Limits, RateLimit
from tests.servers.faces import FACES, open_face
from tests.servers.scripted import Until, response


@pytest.mark.parametrize("scope", ["host", "all"])
def test_requests_are_spaced_out(face, connect, scripted, scope):
    server = scripted(response(body=b"x"))
    connection = connect(rate_limit=RateLimit(50, scope=scope))
    began = time.monotonic()
    calls = [face.start(connection, "get_bytes", server.url) for _ in range(6)]
    assert [call.result() for call in calls] == [b"x"] * 6
    assert time.monotonic() - began >= 5 / 50


def test_threads_and_loops_share_the_rate_limit(scripted):
    server = scripted(response(body=b"x"))
    connection = httpconn.HTTPConnection(rate_limit=RateLimit(50))
    began = time.monotonic()
    for name in FACES:
        with open_face(name) as face:
            assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b"x"] * 2
    connection.close()
    assert time.monotonic() - began >= 5 / 50


def test_a_reservation_after_the_deadline_fails_at_once(face, connect, scripted):
    server = scripted(response(body=b"x"))
    connection = connect(rate_limit=RateLimit(1, per=3600))
    face.get_bytes(connection, server.url)
    with httpconn.deadline(60), pytest.raises(httpconn.DeadlineExceeded):
        face.get_bytes(connection, server.url, timeout=300)
    assert len(server.requests) == 1


def test_a_full_wait_queue_fails_at_once(face, connect, scripted):
    server = scripted(response(body=b"x"))
    connection = connect(rate_limit=[RateLimit(1, per=0.5), RateLimit(100, scope="all")], limits=Limits(max_waiting=1))
    face.get_bytes(connection, server.url)
    calls = [face.start(connection, "get_bytes", server.url, timeout=300) for _ in range(2)]
    while not any(call.done() for call in calls):
        time.sleep(0)
    refused = next(call for call in calls if call.done())
    assert isinstance(refused.exception(), httpconn.QueueFull)
    assert [call.result() for call in calls if call is not refused] == [b"x"]


@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_a_cancelled_call_releases_its_reservation(name, scripted):
    server = scripted(response(body=b"x"))
    with open_face(name) as face:
        connection = httpconn.HTTPConnection(rate_limit=RateLimit(1, per=60))
        face.get_bytes(connection, server.url)
        waiting = face.start(connection, "get_bytes", server.url, timeout=100)
        while not connection._calls.rules.rates.waiting:
            time.sleep(0)
        waiting.cancel()
        while connection._calls.rules.rates.waiting:
            time.sleep(0)
        rates = connection._calls.rules.rates
        reservation = rates.reserve("127.0.0.1", time.monotonic(), None)
        assert 0 < reservation.wait_time(time.monotonic()) <= 60
        face.close(connection)


def test_a_retry_after_field_delays_all_calls(face, connect, scripted):
    server = scripted(response(429, headers={"Retry-After": "60"}))
    connection = connect(rate_limit=RateLimit(1000), retries=0)
    with pytest.raises(httpconn.StatusError):
        face.get_bytes(connection, server.url)
    with pytest.raises(httpconn.DeadlineExceeded):
        face.get_bytes(connection, server.url, timeout=30)
    assert len(server.requests) == 1


@pytest.mark.parametrize("bad", [5, [5], "5"])
def test_an_invalid_rate_limit_is_an_error(bad):
    with pytest.raises(httpconn.InvalidRequest):
        httpconn.HTTPConnection(rate_limit=bad)


@pytest.mark.parametrize("bad", [0, -1, True, "5", float("nan")])
def test_an_invalid_bandwidth_is_an_error(bad):
    with pytest.raises(httpconn.InvalidRequest):
        httpconn.HTTPConnection(bandwidth=bad)


@pytest.mark.parametrize("size", [50_000, 1_000_000])
def test_concurrent_bodies_share_the_bandwidth(face, connect, scripted, size):
    server = scripted(response(body=b"x" * size))
    connection = connect(bandwidth=size * 10)
    began = time.monotonic()
    calls = [face.start(connection, "get_bytes", server.url) for _ in range(3)]
    assert [len(call.result()) for call in calls] == [size] * 3
    assert time.monotonic() - began >= 0.28


def test_a_download_has_its_own_bandwidth(face, connect, scripted, tmp_path):
    server = scripted(response(body=b"x" * 500_000))
    connection = connect()
    began = time.monotonic()
    face.call(connection, "download", server.url, tmp_path / "slow", bandwidth=2_500_000)
    assert time.monotonic() - began >= 0.18
    assert (tmp_path / "slow").read_bytes() == b"x" * 500_000


def test_a_bandwidth_too_low_for_the_deadline_fails_at_once(face, connect, scripted):
    server = scripted(response(body=b"x" * 100_000))
    with httpconn.deadline(60), pytest.raises(httpconn.DeadlineExceeded):
        face.get_bytes(connect(bandwidth=1), server.url)


def test_a_free_connection_goes_to_the_first_waiter(face, connect, scripted):
    free = threading.Event()
    server = scripted([Until(free), response(body=b"x")])
    connection = connect(limits=Limits(max_connections=1))
    calls = []
    for number in range(6):
        calls.append(face.start(connection, "get_bytes", f"{server.url.rstrip('/')}/{number}"))
        while connection.stats().connections.waiting < number:
            time.sleep(0)
        if not number:
            server.wait_for(lambda: server.connections == 1)
    free.set()
    assert [call.result() for call in calls] == [b"x"] * 6
    assert [request.target for request in server.requests] == [b"/%d" % number for number in range(6)]
