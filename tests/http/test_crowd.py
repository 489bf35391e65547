"""Many calls over few connections: each call gets its own response."""

from __future__ import annotations

import threading

from httpconn import Limits
from tests.servers.scripted import Until, response

CALLS, CONNECTIONS = 1000, 20


def test_a_thousand_urls_at_once_are_fetched_over_twenty_connections(face, connect, scripted):
    free = threading.Event()
    server = scripted(lambda request: [Until(free), response(body=request.target)])
    connection = connect(limits=Limits(max_connections=CONNECTIONS))
    calls = [face.start(connection, "get_bytes", f"{server.url}/{number}") for number in range(CALLS)]
    server.wait_for(lambda: len(server.requests) == CONNECTIONS)
    free.set()
    assert [call.result() for call in calls] == [b"/%d" % number for number in range(CALLS)]
    assert (server.connections, len(server.requests)) == (CONNECTIONS, CALLS)
