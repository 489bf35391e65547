"""What is sent is what the caller gave: nothing that lies around on the machine, nor what another server has said."""

from __future__ import annotations

import httpx
import httpx2
import pytest

from tests.servers.scripted import in_turn, response


async def send(face, client, url):
    sent = client.send(httpx.Request("GET", url), follow_redirects=True)
    return await sent if face.is_async else sent


@pytest.fixture(params=["connection", "client"])
def visit(request, face):
    """A GET, redirects included, by the connection or by the client that it hands out."""

    def get(connection, url):
        if request.param == "connection":
            face.get_response(connection, url)
        else:
            face.run(send, face, face.call(connection, "get_sync_client"), url)

    return get


def test_a_netrc_is_not_read(visit, aim, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    target = aim(response(401, {"WWW-Authenticate": "Basic realm=x"}))
    visit(target.connection, target.url)
    assert [request.header("Authorization") for request in target.server.requests] == [None]


def test_cookies_are_not_kept(visit, aim):
    cookie = {"Set-Cookie": "a=b; Path=/"}
    target = aim(in_turn(response(302, {**cookie, "Location": "/b"}), response(headers=cookie)))
    for _ in range(2):
        visit(target.connection, target.url_for("/a"))
    assert len(target.server.requests) == 3
    assert {request.header("Cookie") for request in target.server.requests} == {None}


def test_a_proxy_authorization_of_the_caller_reaches_no_origin(face, aim):
    target = aim(response(body=b"ok"))
    face.get_bytes(target.connection, target.url, extra_headers={"Proxy-Authorization": "Basic c2VjcmV0"})
    [request] = target.server.requests
    is_proxy = request.target.startswith(b"http://")
    assert request.header("Proxy-Authorization") == ("Basic c2VjcmV0" if is_proxy else None)


def test_a_proxy_authorization_reaches_no_transport_of_the_caller(face, connect, scripted):
    """Other transports send every header to the origin."""
    server = scripted(response(body=b"ok"))
    for module in (httpx, httpx2):
        connection = connect(transport=module.HTTPTransport(), async_transport=module.AsyncHTTPTransport(), retries=0)
        face.get_bytes(connection, server.url, extra_headers={"Proxy-Authorization": "Basic c2VjcmV0", "X-A": "1"})
        request = server.requests[-1]
        assert (request.header("Proxy-Authorization"), request.header("X-A")) == (None, "1"), module
