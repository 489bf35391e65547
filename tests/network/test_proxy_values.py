"""``httpconn.Proxy``: accepted values, and no secrets in its text."""

from __future__ import annotations

import pickle
from base64 import b64decode

import httpx
import pytest

import httpconn
from httpconn import Proxy
from httpconn.network.proxies import checked_proxy


class Bearer:
    """Another scheme."""

    def authenticate(self, method, target):
        yield "Bearer S3CRET"


def basic(proxy: Proxy) -> str:
    """The credentials that it sends first."""
    return b64decode(next(proxy.auth.authenticate("GET", "/")).removeprefix("Basic ")).decode()


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://proxy", ("http", "proxy", 80)),
        ("HTTPS://Proxy.Example", ("https", "proxy.example", 443)),
        ("http://[::1]:3128/", ("http", "::1", 3128)),
        ("socks5://proxy", ("socks5", "proxy", 1080)),
        ("socks5h://proxy:9", ("socks5h", "proxy", 9)),
        ("SOCKS://proxy", ("socks5h", "proxy", 1080)),
        (httpx.URL("http://b\u00fccher.example"), ("http", "xn--bcher-kva.example", 80)),
    ],
)
def test_the_address_of_a_proxy(url, origin):
    assert Proxy(url).origin == origin


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("http://user:pass@proxy", "user:pass"),
        ("http://user@proxy", "user:"),
        ("http://:pass@proxy", ":pass"),
        ("http://us%40er:p%3A%2F%25%23@proxy", "us@er:p:/%#"),
        ("http://%C3%A9:%E2%82%AC@proxy", "\u00e9:\u20ac"),
    ],
)
def test_credentials_in_the_url_are_decoded(url, credentials):
    assert basic(Proxy(url)) == credentials
    socks = Proxy(url.replace("http:", "socks5:"))
    assert socks.credentials == tuple(credentials.encode().split(b":", 1))


def test_auth_replaces_the_credentials_of_the_url():
    assert basic(Proxy("http://a:b@proxy", auth=("c", "d:e"))) == "c:d:e"
    assert Proxy("socks5://a:b@proxy", auth=("c:", "d")).credentials == (b"c:", b"d")


def test_that_of_httpx_is_accepted():
    proxy = checked_proxy(httpx.Proxy("http://proxy:1", auth=("a", "b"), headers={"X-Tag": "1"}))
    assert (proxy.origin.port, basic(proxy), proxy.fields) == (1, "a:b", [(b"X-Tag", b"1")])


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": "ftp://u:S3CRET@proxy"},
        {"url": "socks4://u:S3CRET@proxy"},
        {"url": "http://u:S3CRET@"},
        {"url": "http://u:S3CRET@pro xy"},
        {"url": "http://u:S3CRET@proxy:99999"},
        {"url": "u:S3CRET"},
        {"url": "http://u%3Aser:S3CRET@proxy"},
        {"url": "http://u:S3CRET%0A@proxy"},
        {"url": "http://u:S3CRET@proxy/\ud800"},
        {"url": "http://u:S3CRET\ud800@proxy"},
        {"url": "http://proxy", "auth": ("a", "S3CRET\ud800")},
        {"url": "socks5://proxy", "auth": ("a", "S3CRET\ud800")},
        {"url": "http://proxy", "auth": ("S3CRET",)},
        {"url": "http://proxy", "auth": ("a", b"S3CRET")},
        {"url": "http://proxy", "auth": "S3CRET"},
        {"url": "http://proxy", "headers": {"X": "S3CRET\r\n"}},
        {"url": "http://proxy", "headers": {"Host": "S3CRET"}},
        {"url": "socks5://proxy", "headers": {"X": "S3CRET"}},
        {"url": "socks5://proxy", "auth": Bearer()},
    ],
)
def test_invalid_proxies_are_rejected(arguments):
    with pytest.raises(httpconn.InvalidRequest) as caught:
        Proxy(**arguments)
    assert "S3CRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_secret_is_shown():
    proxy = Proxy("http://user:S3CRET@proxy:3128/", headers={"X-Token": "S3CRET"})
    assert repr(proxy) == "Proxy('http://proxy:3128')"
    connection = httpconn.HTTPConnection(proxy=proxy)
    assert "S3CRET" not in repr(connection)
    assert connection.proxy_for("http://a.example/") == "http://proxy:3128"


def test_it_pickles():
    for proxy in (Proxy("http://user:p%40ss@proxy"), Proxy("http://proxy", auth=("user", "p@ss"))):
        assert basic(pickle.loads(pickle.dumps(proxy))) == "user:p@ss"
    connection = httpconn.HTTPConnection(proxy=proxy)
    assert pickle.loads(pickle.dumps(connection)).proxy_for("http://a.example/") == "http://proxy"
