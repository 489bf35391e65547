"""Limits of concurrent connections and of waiting calls."""

from __future__ import annotations

import threading

import pytest

import httpconn
from httpconn import Limits
from tests.servers.scripted import Until, response


def test_a_host_gets_no_more_connections_than_its_limit(face, connect, scripted):
    free = threading.Event()
    busy = scripted([Until(free), response(body=b"slow")])
    other = scripted(response(body=b"quick"))
    connection = connect(limits=Limits(max_connections=3, max_per_host=2))
    calls = [face.start(connection, "get_bytes", busy.url) for _ in range(6)]
    busy.wait_for(lambda: busy.connections == 2)
    assert face.get_bytes(connection, other.url) == b"quick"
    free.set()
    assert [call.result() for call in calls] == [b"slow"] * 6
    assert busy.connections == 2


@pytest.mark.parametrize("http2", [False, True])
def test_a_full_queue_rejects_calls_at_once(face, connect, scripted, http2):
    free = threading.Event()
    server = scripted([Until(free), response(body=b"slow")])
    connection = connect(limits=Limits(max_connections=1, max_waiting=2), http2=http2)
    calls = [face.start(connection, "get_bytes", server.url) for _ in range(6)]
    refused = []
    while len(refused) < 3:
        refused = [call for call in calls if call.done()]
    for call in refused:
        assert isinstance(call.exception(), httpconn.QueueFull)
        assert call.exception().attempts == 1
    free.set()
    assert [call.result() for call in calls if call not in refused] == [b"slow"] * 3
