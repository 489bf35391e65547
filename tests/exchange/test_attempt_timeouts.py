"""Timeouts of one attempt, their growth, and the report of retries."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import httpconn
from httpconn import RetryPolicy, Timeouts
from httpconn.core.deadlines import Deadline
from httpconn.core.messages import Request
from httpconn.exchange.fetch import fetch_bytes
from httpconn.runtime.stepping import run_sync
from httpconn.testing import Stall, in_turn, response
from tests.exchange.scripted_port import Reply, ScriptedExchange, ScriptedPort, call
from tests.servers.application import pattern
from tests.servers.files import Served, cut

QUICK = RetryPolicy(backoff=0)
SHORT = Timeouts(attempt=0.2)
HEAD = response(headers={"Content-Length": "10"})
SILENT = [
    pytest.param([Stall()], id="no head"),
    pytest.param([HEAD, b"half", Stall()], id="half a body"),
]


@pytest.mark.parametrize("silence", SILENT)
def test_an_attempt_that_takes_too_long_is_repeated(face, connect, scripted, silence):
    server = scripted(in_turn(silence, response(body=b"ok")))
    connection = connect(retries=RetryPolicy(backoff=0, timeout_growth=100))
    assert face.get_bytes(connection, server.url, timeout=SHORT) == b"ok"
    assert len(server.requests) == 2


def test_the_last_attempt_ends_in_a_timeout(face, connect, scripted):
    server = scripted([Stall()])
    connection = connect(retries=QUICK)
    with pytest.raises(httpconn.TimedOut, match=r"attempt did not finish within 0\.2 seconds") as caught:
        face.get_bytes(connection, server.url, timeout=SHORT)
    assert not isinstance(caught.value, httpconn.DeadlineExceeded)
    assert (caught.value.attempts, caught.value.retryable) == (3, True)


def test_the_total_limits_all_attempts(face, connect, scripted):
    server = scripted([Stall()])
    connection = connect(retries=RetryPolicy(backoff=0, timeout_growth=100))
    with pytest.raises(httpconn.DeadlineExceeded, match=r"within 1 second"):
        face.get_bytes(connection, server.url, timeout=Timeouts(attempt=0.02, total=1.0))


def test_an_attempt_of_a_download_continues_the_file(face, connect, scripted, tmp_path: Path):
    body = pattern(100_000)
    server = scripted(Served(body, faults=[cut(60_000, Stall())]))
    path = face.download_file(connect(retries=QUICK), server.url, tmp_path / "a", timeout=Timeouts(attempt=1))
    assert path.read_bytes() == body
    assert [request.header("Range") for request in server.requests] == [None, "bytes=60000-"]


def test_redirects_belong_to_the_attempt(face, connect, scripted):
    server = scripted({"/": response(302, {"Location": "/b"}), "/b": in_turn([Stall()], response(body=b"ok"))})
    assert face.get_bytes(connect(retries=RetryPolicy(backoff=0, timeout_growth=100)), server.url, timeout=SHORT)
    assert [request.path for request in server.requests][-2:] == ["/", "/b"]


class RecordingPort(ScriptedPort):
    """A port that records the seconds that each request has."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(*replies)
        self.limits: list[float] = []

    async def send(self, request: Request, timeouts: Timeouts, deadline: Deadline) -> ScriptedExchange:
        assert deadline.at is not None
        self.limits.append(deadline.at - self.clock)
        return await super().send(request, timeouts, deadline)


@pytest.mark.parametrize(("growth", "limits"), [(1.0, [2, 2, 2]), (4.0, [2, 8, 32]), (1e6, [2, 2e6, 2e6])])
def test_the_limit_grows_with_each_retry(growth, limits):
    port = RecordingPort(Reply(503), Reply(503), Reply(body=[b"ok"]))
    policy = RetryPolicy(backoff=0, timeout_growth=growth)
    assert run_sync(fetch_bytes(port, call(retries=policy, timeouts=Timeouts(attempt=2, total=None)))) == b"ok"
    assert port.limits == limits


class TestThePolicyOfAConnection:
    def test_it_is_read_at_each_call(self, face, connect, scripted):
        server, connection = scripted(response(503)), connect(retries=QUICK)
        for retries, attempts in [(RetryPolicy(attempts=2, backoff=0), 2), (0, 1), (QUICK, 3)]:
            connection.retries = retries
            with pytest.raises(httpconn.StatusError) as caught:
                face.get_bytes(connection, server.url)
            assert caught.value.attempts == attempts == connection.retries.attempts

    def test_an_invalid_value_is_rejected(self):
        with httpconn.HTTPConnection() as connection:
            with pytest.raises(httpconn.InvalidRequest):
                connection.retries = -1
            assert connection.retries == RetryPolicy()


def test_a_retry_is_logged_as_a_warning_with_its_cause_and_without_secrets(face, connect, scripted, caplog):
    server = scripted(in_turn(response(503, {"X-Secret": "s3cret"}), response(body=b"ok")))
    url = server.url.replace("://", "://user:s3cret@") + "/?sig=s3cret"
    with caplog.at_level(logging.WARNING, "httpconn"):
        assert face.get_bytes(connect(retries=QUICK), url, extra_headers={"X-Key": "s3cret"}) == b"ok"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "StatusError: The server responded with 503" in record.message
    assert "s3cret" not in record.message
