"""Simultaneous calls to one HTTP/2 server: each has its own deadline, and none spoils the response of another."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import hyperframe.frame as frames
import pytest

import httpconn
from tests.http.frames import Send, respond_on, responding_http2_peer
from tests.servers.application import pattern
from tests.servers.faces import PATIENCE

FEWER = frames.SettingsFrame(0, settings={frames.SettingsFrame.MAX_CONCURRENT_STREAMS: 1}).serialize()
MANY = frames.SettingsFrame(0, settings={frames.SettingsFrame.MAX_CONCURRENT_STREAMS: 100}).serialize()


@contextmanager
def waiting_server(certificates, first: bytes) -> Iterator[tuple[str, queue.Queue[tuple[Send, int]]]]:
    """Run a server that sends no response. It collects, for each request, a send function and the stream."""
    asked: queue.Queue[tuple[Send, int]] = queue.Queue()
    with responding_http2_peer(certificates, first, lambda send, stream: asked.put((send, stream))) as url:
        yield url, asked


def fetch_on_another_connection(face, connection, url: str, asked: queue.Queue[tuple[Send, int]]) -> None:
    call = face.start(connection, "get_bytes", url, timeout=PATIENCE)
    send, stream = asked.get(timeout=PATIENCE)
    assert stream == 1  # the first there
    send(respond_on(stream))
    assert call.result(PATIENCE) == b"late"


@pytest.mark.parametrize("settings", [MANY, FEWER], ids=["many at once", "one at once"])
def test_a_call_ends_at_its_deadline_while_others_wait(face, connect, certificates, outcome, settings):
    with waiting_server(certificates, settings) as (url, asked):
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        face.start(connection, "get_bytes", url, timeout=2 * PATIENCE)
        asked.get(timeout=PATIENCE)
        assert isinstance(outcome(connection, url, timeout=0.3), httpconn.DeadlineExceeded)
        face.close(connection)


def test_a_call_ends_at_its_deadline_if_fewer_streams_are_allowed(face, connect, certificates, outcome):
    with waiting_server(certificates, MANY) as (url, asked):
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        for _ in range(2):
            face.start(connection, "get_bytes", url, timeout=2 * PATIENCE)
            send, _ = asked.get(timeout=PATIENCE)
        send(FEWER)
        assert isinstance(outcome(connection, url, timeout=0.3), (httpconn.DeadlineExceeded, httpconn.ReadFailed))
        face.close(connection)


def test_all_calls_succeed_with_fewer_streams_than_calls(face, connect, certificates):
    with waiting_server(certificates, MANY) as (url, asked):
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        calls, requests = [], []
        for _ in range(3):
            calls.append(face.start(connection, "get_bytes", url, timeout=PATIENCE))
            requests.append(asked.get(timeout=PATIENCE))
        for (send, stream), call in zip(requests, calls, strict=True):
            send(FEWER + respond_on(stream))
            assert call.result(PATIENCE) == b"late"
        call = face.start(connection, "get_bytes", url, timeout=PATIENCE)
        send, stream = asked.get(timeout=PATIENCE)
        send(respond_on(stream))
        assert call.result(PATIENCE) == b"late"
        assert connection.stats().connections.made == 1
        face.close(connection)


def test_a_handshake_of_another_call_delays_no_call(face, connect, scripted, outcome):
    """Other calls wait for the first connection, because only its handshake shows whether the server uses HTTP/2."""
    server = scripted([httpconn.testing.Stall()])
    connection = connect(http2=True, retries=0)
    url = server.url.replace("http:", "https:")
    face.start(connection, "get_bytes", url, timeout=2 * PATIENCE)
    server.wait_for(lambda: server.open_connections == 1)
    assert isinstance(outcome(connection, url, timeout=0.3), httpconn.DeadlineExceeded)
    face.close(connection)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_call_that_times_out_does_not_affect_others(face, connect, certificates, outcome, is_first):
    """This holds for the call that reads for both, and for the other one."""
    with waiting_server(certificates, MANY) as (url, asked):
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        warm = face.start(connection, "get_bytes", url, timeout=PATIENCE)
        send, stream = asked.get(timeout=PATIENCE)
        send(respond_on(stream))
        assert warm.result(PATIENCE) == b"late"  # so that no handshake uses up the time of the short one
        short = partial(face.start, connection, "get_bytes", url, timeout=1)
        long = partial(face.start, connection, "get_bytes", url, timeout=PATIENCE)
        calls, requests = [], []
        for start in (short, long) if is_first else (long, short):
            calls.append(start())
            requests.append(asked.get(timeout=PATIENCE))
        ending, lasting = calls if is_first else reversed(calls)
        assert isinstance(ending.exception(PATIENCE), httpconn.DeadlineExceeded)
        send, stream = requests[is_first]
        send(respond_on(stream))
        assert lasting.result(PATIENCE) == b"late"
        face.close(connection)


def test_an_unprocessed_request_uses_another_connection(face, connect, certificates):
    """RFC 9113 section 6.8: a server can send GOAWAY before it processes any request of a connection."""
    asked = []

    def respond(send: Send, stream: int) -> None:
        asked.append(stream)
        if len(asked) == 2:
            send(frames.GoAwayFrame(0, last_stream_id=0).serialize())
        elif len(asked) > 2:
            send(respond_on(stream))

    with responding_http2_peer(certificates, MANY, respond) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        calls = [face.start(connection, "get_bytes", url, timeout=PATIENCE) for _ in range(2)]
        assert [call.result(PATIENCE) for call in calls] == [b"late", b"late"]
        face.close(connection)


def test_unread_responses_do_not_use_up_the_window(face, connect, certificates, http2_server):
    connection = connect(http2=True, verify=certificates.trust(), retries=0, timeout=PATIENCE)
    for _ in range(40):
        with face.enter(face.get_response(connection, f"{http2_server}/bytes/1000000", stream=True)):
            pass
    assert face.get_bytes(connection, f"{http2_server}/bytes/3") == pattern(3)


def test_a_silent_connection_takes_no_further_request(face, connect, certificates, outcome):
    with waiting_server(certificates, MANY) as (url, asked):
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        assert isinstance(outcome(connection, url, timeout=0.3), httpconn.DeadlineExceeded)
        asked.get(timeout=PATIENCE)
        fetch_on_another_connection(face, connection, url, asked)
        face.close(connection)
