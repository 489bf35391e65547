"""Calls to one HTTP/2 server, which may share a connection: each keeps its own time, and costs no other its answer."""

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
    """A server that answers nothing: for each request, what sends on its connection, and its stream."""
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
def test_a_call_ends_in_its_time_whatever_others_wait_for(face, connect, certificates, outcome, settings):
    with waiting_server(certificates, settings) as (url, asked):
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        face.start(connection, "get_bytes", url, timeout=2 * PATIENCE)
        asked.get(timeout=PATIENCE)
        assert isinstance(outcome(connection, url, timeout=0.3), httpconn.DeadlineExceeded)
        face.close(connection)


def test_so_it_does_when_fewer_are_allowed_than_there_are(face, connect, certificates, outcome):
    with waiting_server(certificates, MANY) as (url, asked):
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        for _ in range(2):
            face.start(connection, "get_bytes", url, timeout=2 * PATIENCE)
            send, _ = asked.get(timeout=PATIENCE)
        send(FEWER)
        assert isinstance(outcome(connection, url, timeout=0.3), (httpconn.DeadlineExceeded, httpconn.ReadFailed))
        face.close(connection)


def test_fewer_than_there_are_cost_none_its_answer(face, connect, certificates):
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


def test_a_handshake_of_another_call_holds_nobody_up(face, connect, scripted, outcome):
    """Whoever connects first is waited for: whether HTTP/2 is spoken, only the handshake tells."""
    server = scripted([httpconn.testing.Stall()])
    connection = connect(http2=True, retries=0)
    url = server.url.replace("http:", "https:")
    face.start(connection, "get_bytes", url, timeout=2 * PATIENCE)
    server.wait_for(lambda: server.open_connections == 1)
    assert isinstance(outcome(connection, url, timeout=0.3), httpconn.DeadlineExceeded)
    face.close(connection)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_call_whose_time_is_up_costs_no_other_its_answer(face, connect, certificates, outcome, is_first):
    """Be it the one that reads for both, or the one that it reads for."""
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


def test_who_was_not_seen_goes_to_another_connection(face, connect, certificates):
    """RFC 9113 section 6.8: a server may go away before it takes any of the requests on a connection."""
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


def test_what_is_left_of_answers_uses_up_no_window(face, connect, certificates, http2_server):
    connection = connect(http2=True, verify=certificates.trust(), retries=0, timeout=PATIENCE)
    for _ in range(40):
        with face.enter(face.get_response(connection, f"{http2_server}/bytes/1000000", stream=True)):
            pass
    assert face.get_bytes(connection, f"{http2_server}/bytes/3") == pattern(3)


def test_a_connection_on_which_time_ran_out_is_asked_no_more(face, connect, certificates, outcome):
    with waiting_server(certificates, MANY) as (url, asked):
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        assert isinstance(outcome(connection, url, timeout=0.3), httpconn.DeadlineExceeded)
        asked.get(timeout=PATIENCE)
        fetch_on_another_connection(face, connection, url, asked)
        face.close(connection)
