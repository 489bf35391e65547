"""Retries on real sockets: the argument of a call, the retry budget and broken bodies."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import httpconn
from httpconn import InvalidRequest, RetryPolicy, Timeouts
from httpconn.core import retries
from httpconn.core.retries import RATE, RESERVE
from httpconn.testing import Close, Reset, Stall, in_turn, response
from tests.servers.application import pattern
from tests.servers.files import Served, cut

QUICK = RetryPolicy(backoff=0)
MIB = 1024 * 1024
BODY = pattern(5 * MIB)


def attempts(server: Any, face: Any, connection: Any, method: str, *args: Any, **options: Any) -> int:
    before = len(server.requests)
    with pytest.raises(httpconn.StatusError):
        face.call(connection, method, server.url, *args, **options)
    return len(server.requests) - before


class TestRetriesOfACall:
    @pytest.mark.parametrize("method", ["get_bytes", "get_text", "get_json", "download", "download_file"])
    @pytest.mark.parametrize(("retries", "made"), [(None, 3), (0, 1), (RetryPolicy(attempts=2, backoff=0), 2)])
    def test_they_override_those_of_the_connection(self, face, connect, scripted, tmp_path, method, retries, made):
        args = [tmp_path / "file"] if method.startswith("download") else []
        server = scripted(response(503))
        assert attempts(server, face, connect(retries=QUICK), method, *args, retries=retries) == made

    @pytest.mark.parametrize("stream", [False, True])
    def test_they_apply_to_get_response(self, face, connect, scripted, stream):
        server = scripted(response(503))
        with face.enter(face.get_response(connect(), server.url, stream=stream, retries=0)) as received:
            assert received.status_code == 503
        assert len(server.requests) == 1

    @pytest.mark.parametrize("retries", [-1, True, 1.5, "3", [3]])
    def test_an_invalid_value_is_an_error(self, face, connect, retries):
        with pytest.raises(InvalidRequest):
            face.get_bytes(connect(), "http://127.0.0.1:9/", retries=retries)


class TestRetryBudget:
    @pytest.fixture(autouse=True)
    def no_growth_with_time(self, monkeypatch):
        """Keep the reserve from growing during a test, or a slow machine would never use it up."""
        monkeypatch.setattr(retries, "RATE", 0.0)

    def test_a_final_error_has_no_note_about_the_budget(self, face, connect, scripted):
        down, connection = scripted(response(503, body=bytes(100))), connect(retries=QUICK)
        notes = []
        while not notes:
            with pytest.raises(httpconn.StatusError) as caught:
                face.get_bytes(connection, down.url)
            notes = getattr(caught.value, "__notes__", [])
        with pytest.raises(httpconn.LimitExceeded) as caught:
            face.get_response(connection, down.url, max_bytes=10)
        assert "used up" not in "".join(getattr(caught.value, "__notes__", []))

    def test_concurrent_calls_stop_retrying_a_failing_host(self, face, connect, scripted):
        down, up = scripted(response(503)), scripted(in_turn(response(503), response(body=b"ok")))
        connection = connect(retries=QUICK)
        notes = []
        while not notes:
            with pytest.raises(httpconn.StatusError) as caught:
                face.get_bytes(connection, down.url)
            notes = getattr(caught.value, "__notes__", [])
            assert len(down.requests) < 100 * RESERVE
        assert len(down.requests) > RESERVE
        assert "used up" in notes[0]
        assert pickle.loads(pickle.dumps(caught.value)).__notes__ == notes
        assert face.get_bytes(connection, up.url) == b"ok"

    def test_a_policy_can_disable_the_budget(self, face, connect, scripted):
        down = scripted(response(503))
        connection = connect(retries=RetryPolicy(attempts=int(RESERVE + RATE) * 10, backoff=0, budget=None))
        with pytest.raises(httpconn.StatusError) as caught:
            face.get_bytes(connection, down.url)
        assert caught.value.attempts == (RESERVE + RATE) * 10
        assert not hasattr(caught.value, "__notes__")

    def test_retry_after_zero_costs_budget(self, face, connect, scripted):
        server = scripted(response(429, {"Retry-After": "0"}))
        connection = connect(retries=RetryPolicy(attempts=10 * int(RESERVE)))
        with pytest.raises(httpconn.StatusError) as caught:
            face.get_bytes(connection, server.url)
        assert RESERVE < caught.value.attempts < 10 * RESERVE

    def test_an_attempt_with_progress_costs_no_budget(self, face, connect, scripted, tmp_path):
        served = Served(pattern(200_000))
        served.faults = [cut(1000) for _ in range(150)]
        server = scripted(served)
        face.download_file(connect(retries=QUICK), server.url, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == served.body
        assert len(server.requests) == 151


class TestBrokenBodies:
    def test_a_large_body_is_resumed(self, face, connect, scripted):
        served = Served(BODY, faults=[cut(4 * MIB), cut(MIB // 3)])
        server = scripted(served)
        assert face.get_bytes(connect(retries=QUICK), server.url) == BODY
        first, *others = [request.header("Range") for request in server.requests]
        assert first is None
        assert all(asked is not None for asked in others)
        assert {request.header("If-Range") for request in server.requests[1:]} == {served.etag}

    def test_a_body_is_resumed_after_a_reset(self, face, connect, scripted):
        served = Served(BODY, faults=[cut(4 * MIB, Reset()), cut(MIB // 3, Reset())])
        assert face.get_bytes(connect(retries=QUICK), scripted(served).url) == BODY

    @pytest.mark.parametrize("size", [MIB, 4 * MIB - 1])
    @pytest.mark.parametrize("end", [Close(), Stall()])
    def test_received_bytes_are_not_requested_again(self, face, connect, scripted, size, end):
        server = scripted(Served(BODY, faults=[cut(size, end)]))
        connection = connect(retries=QUICK, timeout=Timeouts(read=1 if isinstance(end, Stall) else 30))
        assert face.get_bytes(connection, server.url) == BODY
        assert [request.header("Range") for request in server.requests] == [None, f"bytes={size}-"]

    def test_a_body_is_resumed_more_often_than_there_are_attempts(self, face, connect, scripted):
        served = Served(BODY, faults=[cut(3 * MIB // 2), *[cut(300_000) for _ in range(8)]])
        assert face.get_bytes(connect(retries=RetryPolicy(attempts=2, backoff=0)), scripted(served).url) == BODY

    def test_text_and_responses_are_resumed(self, face, connect, scripted):
        body = b"a" * (3 * MIB)
        for method in ("get_text", "get_response"):
            server = scripted(Served(body, headers={"Content-Type": "text/plain"}, faults=[cut(2 * MIB)]))
            found = face.call(connect(retries=QUICK), method, server.url)
            if method == "get_response":
                assert (found.status_code, found.num_bytes_downloaded) == (200, len(body))
                assert found.headers["content-type"] == "text/plain"
                found = found.text
            assert found == body.decode()
            assert len(server.requests) == 2

    def test_a_server_without_ranges_sends_the_whole_body(self, face, connect, scripted):
        served = Served(BODY, ranges=False, faults=[cut(4 * MIB)])
        assert face.get_bytes(connect(retries=QUICK), scripted(served).url) == BODY
