"""In-flight request sharing: equal calls that run at the same time share one transfer."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import CancelledError

import pytest

from httpconn import ByteBudget, DeadlineExceeded, InvalidJSON, LimitExceeded, StatusError
from httpconn.runtime.events import ThreadEvent
from tests.api.test_many import Reader, await_no_workers, results_of
from tests.servers.scripted import Until, response

PATIENCE = 30.0


def waiters(connection):
    """Return the number of calls that wait for the transfer of a leader."""
    return sum(map(_waiters_of, list(connection._calls.rules.in_flight.values())))


def _waiters_of(transfer):
    if isinstance(transfer.done, ThreadEvent):
        waits = [frame for frame in sys._current_frames().values() if frame.f_code is ThreadEvent.block.__code__]
        return sum(frame.f_locals["self"] is transfer.done for frame in waits)
    return transfer.done._event.statistics().tasks_waiting


def await_waiters_of(connection, count):
    end = time.monotonic() + PATIENCE
    while waiters(connection) != count:
        assert time.monotonic() < end, f"{waiters(connection)} wait"
        time.sleep(0.005)


@pytest.fixture
def gate(scripted):
    """Return a server that sends JSON after its event is set."""
    opened = threading.Event()
    server = scripted([Until(opened), response(body=b'{"a": 1}', headers={"Content-Type": "application/json"})])
    return server, opened


def lead(face, connection, server, method="get_bytes", **options):
    """Start a call and wait until the server has its request."""
    before = len(server.requests)
    started = face.start(connection, method, server.url, **options)
    server.wait_for(lambda: len(server.requests) > before)
    return started


def test_equal_calls_share_one_transfer(face, connect, gate):
    server, opened = gate
    connection = connect(coalesce=True)
    leader = lead(face, connection, server)
    others = [
        face.start(connection, f"get_{kind}", server.url, timeout=60) for kind in ("bytes", "text", "json", "json")
    ]
    await_waiters_of(connection, 4)
    opened.set()
    results = [each.result(PATIENCE) for each in others]
    assert leader.result(PATIENCE) == results[0] == b'{"a": 1}'
    assert results[1:] == ['{"a": 1}', {"a": 1}, {"a": 1}]
    assert results[2] is not results[3]
    assert len(server.requests) == 1


def test_consecutive_calls_share_nothing(face, connect, scripted):
    server, connection = scripted(response(body=b"ok")), connect(coalesce=True)
    for _ in range(2):
        face.get_bytes(connection, server.url)
    assert len(server.requests) == 2
    assert not connection._calls.rules.in_flight


@pytest.mark.parametrize(
    "options", [{"extra_headers": {"X-Team": "blue"}}, {"max_bytes": 9}, {"budget": ByteBudget(99)}, {"retries": 7}]
)
def test_different_calls_share_nothing(face, connect, gate, options):
    server, opened = gate
    connection = connect(coalesce=True)
    first = lead(face, connection, server)
    second = lead(face, connection, server, **options)
    opened.set()
    assert first.result(PATIENCE) == second.result(PATIENCE)
    assert len(server.requests) == 2


def test_nothing_is_shared_without_coalesce(face, connect, gate):
    server, opened = gate
    connection = connect()
    started = [lead(face, connection, server) for _ in range(2)]
    opened.set()
    assert [each.result(PATIENCE) for each in started] == [b'{"a": 1}'] * 2


def test_each_waiter_gets_its_own_copy_of_the_error(face, connect, scripted):
    opened = threading.Event()
    server = scripted([Until(opened), response(404, {"X-Why": "gone"})])
    connection = connect(coalesce=True)
    started = [lead(face, connection, server), *(face.start(connection, "get_bytes", server.url) for _ in range(2))]
    await_waiters_of(connection, 2)
    opened.set()
    errors = [each.exception(PATIENCE) for each in started]
    assert [type(error) for error in errors] == [StatusError] * 3
    assert len({id(error) for error in errors}) == 3
    assert {error.response.headers["X-Why"] for error in errors} == {"gone"}
    assert {error.url for error in errors} == {server.url_for("/")}
    assert len(server.requests) == 1


def test_a_waiter_replaces_a_leader_whose_deadline_passes(face, connect, gate):
    server, opened = gate
    connection = connect(coalesce=True)
    leader = lead(face, connection, server, timeout=0.5)
    others = [face.start(connection, "get_bytes", server.url, timeout=60) for _ in range(3)]
    with pytest.raises(DeadlineExceeded):
        leader.result(PATIENCE)
    server.wait_for(lambda: len(server.requests) == 2)
    await_waiters_of(connection, 2)
    opened.set()
    assert [each.result(PATIENCE) for each in others] == [b'{"a": 1}'] * 3
    assert len(server.requests) == 2


def test_a_waiter_keeps_its_own_deadline(face, connect, gate):
    server, opened = gate
    connection = connect(coalesce=True)
    leader = lead(face, connection, server, timeout=60)
    with pytest.raises(DeadlineExceeded) as raised:
        face.get_bytes(connection, server.url, timeout=0.1)
    assert raised.value.url is not None
    opened.set()
    assert leader.result(PATIENCE) == b'{"a": 1}'
    assert len(server.requests) == 1


@pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
def test_a_waiter_replaces_a_cancelled_leader(face, connect, gate):
    server, opened = gate
    connection = connect(coalesce=True)
    leader = lead(face, connection, server)
    other = face.start(connection, "get_bytes", server.url, timeout=60)
    await_waiters_of(connection, 1)
    leader.cancel()
    with pytest.raises(CancelledError):
        leader.result(PATIENCE)
    server.wait_for(lambda: len(server.requests) == 2)
    opened.set()
    assert other.result(PATIENCE) == b'{"a": 1}'


def test_a_transfer_above_the_limit_fails_for_all(face, connect, gate):
    server, opened = gate
    connection = connect(coalesce=True)
    leader = lead(face, connection, server, max_bytes=3)
    other = face.start(connection, "get_text", server.url, max_bytes=3)
    await_waiters_of(connection, 1)
    opened.set()
    assert isinstance(leader.exception(PATIENCE), LimitExceeded)
    assert isinstance(other.exception(PATIENCE), LimitExceeded)
    assert len(server.requests) == 1


def test_the_error_for_invalid_json_names_the_url(face, connect, scripted):
    server, connection = scripted(response(body=b"<html>")), connect(coalesce=True)
    with pytest.raises(InvalidJSON) as raised:
        face.get_json(connection, server.url)
    assert raised.value.url == server.url_for("/")


def test_a_waiter_replaces_a_stopped_leader_of_get_many(face, connect, gate):
    server, opened = gate
    connection = connect(coalesce=True)
    with results_of(face, connection, [server.url]) as results:
        asking = face.start(Reader(results), "step")
        server.wait_for(lambda: len(server.requests) == 1)
        other = face.start(connection, "get_bytes", server.url, timeout=60)
        await_waiters_of(connection, 1)
        if face.is_async:
            asking.cancel()
    server.wait_for(lambda: len(server.requests) == 2)
    opened.set()
    assert other.result(PATIENCE) == b'{"a": 1}'


def test_waiters_of_get_many_can_be_stopped(face, connect, gate):
    server, opened = gate
    connection = connect(coalesce=True)
    leader = lead(face, connection, server, timeout=60)
    with results_of(face, connection, [server.url] * 3) as results:
        asking = face.start(Reader(results), "step")
        await_waiters_of(connection, 3)
        if face.is_async:
            asking.cancel()
    await_no_workers()
    opened.set()
    assert leader.result(PATIENCE) == b'{"a": 1}'
    assert len(server.requests) == 1
