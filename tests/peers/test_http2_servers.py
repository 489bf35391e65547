"""nghttpd and haproxy: many requests on one HTTP/2 connection, without an attempt for another one."""

from __future__ import annotations

import pytest

from tests.servers import http2_servers
from tests.servers.application import pattern
from tests.servers.real_proxies import PROGRAMS

SMALL, LARGE = pattern(5_000), pattern(3_000_001)


@pytest.fixture(scope="module", params=["nghttpd", "haproxy"])
def server(request, tmp_path_factory, certificates):
    if PROGRAMS[request.param] is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "small.bin").write_bytes(SMALL)
    (folder / "large.bin").write_bytes(LARGE)
    with getattr(http2_servers, request.param)(folder, certificates) as url:
        yield url


def test_many_at_once(face, connect, server, certificates):
    connection = connect(http2=True, verify=str(certificates.files.authority), retries=0)
    assert face.get_response(connection, f"{server}/small.bin").http_version == "HTTP/2"
    started = [face.start(connection, "get_bytes", f"{server}/small.bin") for _ in range(40)]
    assert all(each.result() == SMALL for each in started)
    assert connection.stats().connections.made == 1


def test_large_bodies_at_once(face, connect, server, certificates):
    connection = connect(http2=True, verify=str(certificates.files.authority), retries=0)
    started = [face.start(connection, "get_bytes", f"{server}/large.bin") for _ in range(6)]
    assert {len(each.result()) for each in started} <= {len(LARGE), len(SMALL)}
