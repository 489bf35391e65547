"""Only the caller's credentials are sent: none from files of the machine, and no cookies of servers."""

from __future__ import annotations

from contextlib import suppress

import httpx
import httpx2
import pytest

import httpconn
from tests.servers.scripted import in_turn, response

STRANGERS = httpconn.AccessPolicy.public_internet(
    allowed_networks=["127.0.0.0/8"], own_interfaces=True, trusted_proxy=True
)


async def send(face, client, url):
    sent = client.send(httpx.Request("GET", url), follow_redirects=True)
    return await sent if face.is_async else sent


@pytest.fixture(params=["connection", "client"])
def visit(request, face):
    """Send a GET and follow redirects, with the connection object or with its httpx client."""

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
    """A transport of the caller sends every header to the origin."""
    server = scripted(response(body=b"ok"))
    for module in (httpx, httpx2):
        connection = connect(transport=module.HTTPTransport(), async_transport=module.AsyncHTTPTransport(), retries=0)
        face.get_bytes(connection, server.url, extra_headers={"Proxy-Authorization": "Basic c2VjcmV0", "X-A": "1"})
        request = server.requests[-1]
        assert (request.header("Proxy-Authorization"), request.header("X-A")) == (None, "1"), module


class TokenFlow(httpx.Auth):
    """A flow that fetches a token from a URL, which an attacker may have chosen."""

    requires_response_body = True

    def __init__(self, url, method="GET"):
        self.made = (method, url)

    def auth_flow(self, request):
        response = yield request
        if response.status_code == 401:
            fetched = yield httpx.Request(*self.made)
            request.headers["Authorization"] = fetched.text
            yield request


SECRET = httpconn.Bearer("secret")


@pytest.mark.parametrize("auth", [SECRET, httpx.BasicAuth("user", "secret")], ids=["token", "flow"])
@pytest.mark.parametrize("place", ["connection", "call", "host"])
def test_credentials_stay_with_their_host(face, aim, scripted, auth, place):
    other = scripted(response())
    hosts = dict.fromkeys(("victim.example", "127.0.0.1", "localhost"), httpconn.HostOptions(auth=auth))
    options = {"connection": {"auth": auth}, "call": {}, "host": {"hosts": hosts}}[place]
    elsewhere = response(302, {"Location": f"http://other.example:{other.port}/"})
    target = aim(in_turn(elsewhere, response()), resolver=lambda host, port: ["127.0.0.1"], **options)
    with suppress(httpconn.RedirectRefused):  # from https to http
        face.get_bytes(target.connection, target.url, **({"auth": auth} if place == "call" else {}))
    first, *others = [*target.server.requests, *other.requests]
    assert first.header("Authorization") is not None
    assert [request.header("Authorization") for request in others] in ([], [None])


INSIDE = [
    ("http://10.0.0.1/token", httpconn.AccessDenied),
    ("http://169.254.169.254/latest/meta-data", httpconn.AccessDenied),
    ("http://[::ffff:10.0.0.1]/", httpconn.AccessDenied),
    ("http://user:password@93.184.216.34/", httpconn.AccessDenied),
    ("file:///etc/passwd", httpconn.InvalidURL),
    ("data:,token", httpconn.InvalidURL),
    ("http://0x7f.1/", httpconn.InvalidURL),
]


@pytest.mark.parametrize(("url", "error"), INSIDE)
def test_an_authentication_flow_reaches_nothing_inside(face, aim, dials, url, error):
    target = aim(response(401), access=STRANGERS)
    with pytest.raises(error):
        face.get_bytes(target.connection, target.url, auth=TokenFlow(url))
    assert len(target.server.requests) == 1
    assert {port for _, port in dials} == {target.server.port}


def test_an_authentication_flow_sends_no_other_method_to_untrusted_urls(face, aim):
    target = aim(response(401), access=STRANGERS)
    with pytest.raises(httpconn.AccessDenied, match="GET and HEAD"):
        face.get_bytes(target.connection, target.url, auth=TokenFlow(target.url, "POST"))
    assert len(target.server.requests) == 1


def test_a_redirect_of_an_authentication_flow_is_not_followed(face, aim):
    target = aim(
        in_turn(response(401), response(302, {"Location": "http://10.0.0.1/"}), response(401)), access=STRANGERS
    )
    with pytest.raises(httpconn.StatusError):
        face.get_bytes(target.connection, target.url, auth=TokenFlow(target.url))
    assert len(target.server.requests) == 3
