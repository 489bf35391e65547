"""The routes on which each attack is tried: direct and by proxy, with and without TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import httpconn
from tests.servers.scripted import Script, ScriptedServer

ONCE = httpconn.RetryPolicy(attempts=1)
WAYS = ("direct", "tls", "proxy", "http2 declined")


class Target(NamedTuple):
    """A hostile server, and the client that it attacks."""

    connection: httpconn.HTTPConnection
    url: str
    server: ScriptedServer

    def url_for(self, path: str) -> str:
        return self.url + path


Aim = Callable[..., Target]


@pytest.fixture(params=WAYS)
def aim(request, connect, scripted, certificates) -> Aim:
    """Run the test on each route to a scripted server: direct and by a proxy, without and with TLS.

    With a proxy, the scripted server is the proxy.
    """

    def prepare(script: Script, **options: Any) -> Target:
        way = request.param
        options = {"retries": ONCE, **options}
        if way in ("direct", "proxy"):
            server = scripted(script)
            proxied = way == "proxy"
            connection = connect(**options, **({"proxy": server.url} if proxied else {}))
            return Target(connection, "http://victim.example" if proxied else server.url, server)
        server = scripted(script, tls=certificates.good)
        options |= {"verify": certificates.trust(), "http2": way != "tls"}
        return Target(connect(**options), server.url, server)

    return prepare


@pytest.fixture
def outcome(face) -> Callable[..., Any]:
    """Return the whole body of a fetch, or its HTTPConnError.

    The timeout is long, unless the test expects it to end the call.
    """

    def fetch(connection: httpconn.HTTPConnection, url: str, *, timeout: float = 30, **options: Any) -> Any:
        try:
            return face.get_bytes(connection, url, timeout=timeout, **options)
        except httpconn.HTTPConnError as error:
            failed = error
        assert failed.elapsed is not None
        return failed

    return fetch
