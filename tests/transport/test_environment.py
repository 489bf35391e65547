"""The proxies of the environment: the same mounts as httpx makes."""

from __future__ import annotations

import os

import httpx
import pytest
from httpx._utils import get_environment_proxies

from httpconn.errors import InvalidRequest
from httpconn.transport.environment import proxy_mounts

ENVIRONMENTS = [
    {},
    {"HTTP_PROXY": "http://a:1"},
    {"http_proxy": "http://a:1", "HTTP_PROXY": "http://b:2"},
    {"http_proxy": "", "HTTP_PROXY": "http://b:2"},
    {"HTTP_PROXY": "http://a:1", "REQUEST_METHOD": "GET"},
    {"http_proxy": "http://a:1", "REQUEST_METHOD": "GET"},
    {"HTTPS_PROXY": "http://b:2", "REQUEST_METHOD": "GET"},
    {"HTTPS_PROXY": "b:2"},
    {"ALL_PROXY": "socks5://user:pass@c:3", "https_proxy": "https://d"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "*"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "a.example,*"},
    {"NO_PROXY": "google.com"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "localhost, .b.example ,c.example,,"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "127.0.0.1,::1,10.0.0.0/8,LOCALHOST"},
    {"HTTP_PROXY": "http://a:1", "no_proxy": "http://x.example,example.com:8080"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "a.example", "no_proxy": ""},
    {"TRAVIS_APT_PROXY": "http://a:1"},
]


@pytest.mark.parametrize("environ", ENVIRONMENTS)
def test_as_in_httpx(environ, monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert proxy_mounts(environ) == get_environment_proxies()


@pytest.mark.parametrize("environ", ENVIRONMENTS)
def test_httpx_takes_the_mounts(environ):
    mounts = {pattern: proxy and httpx.HTTPTransport() for pattern, proxy in proxy_mounts(environ).items()}
    httpx.Client(mounts=mounts, trust_env=False).close()


@pytest.mark.parametrize("value", ["ftp://user:secret@a", "http://user:secret@", "http://user:secret@a:port", "\0"])
def test_what_is_no_proxy_is_refused_by_the_name_of_its_variable(value):
    with pytest.raises(InvalidRequest, match="HTTPS_PROXY") as caught:
        proxy_mounts({"HTTPS_PROXY": value})
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_no_list_of_hosts_is_refused():
    with pytest.raises(InvalidRequest, match="NO_PROXY"):
        proxy_mounts({"HTTP_PROXY": "http://a:1", "NO_PROXY": "a:b:c"})
