"""The proxies of the environment: as in httpx, where httpx knows the form of an entry."""

from __future__ import annotations

import logging
import os

import httpx
import pytest
from httpx._utils import get_environment_proxies

from httpconn.core.urls import vet
from httpconn.errors import InvalidRequest
from httpconn.network.routes import environment_routing

ENVIRONMENTS = [
    {},
    {"HTTP_PROXY": "http://a:1"},
    {"Http_Proxy": "http://a:1"},
    {"http_proxy": "http://a:1", "HTTP_PROXY": "http://b:2"},
    {"http_proxy": "", "HTTP_PROXY": "http://b:2"},
    {"HTTP_PROXY": "http://a:1", "REQUEST_METHOD": "GET"},
    {"Http_Proxy": "http://a:1", "REQUEST_METHOD": "GET"},
    {"http_proxy": "http://a:1", "REQUEST_METHOD": "GET"},
    {"HTTPS_PROXY": "http://b:2", "REQUEST_METHOD": "GET"},
    {"HTTPS_PROXY": "b:2"},
    {"ALL_PROXY": "socks5://user:pass@c:3", "https_proxy": "https://d"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "*"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "a.example,*"},
    {"NO_PROXY": "google.com"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "localhost, .b.example ,c.example,,"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "127.0.0.1,::1,LOCALHOST"},
    {"HTTP_PROXY": "http://a:1", "no_proxy": "http://www.b.example,example.com:8080"},
    {"HTTP_PROXY": "http://a:1", "NO_PROXY": "c.example", "no_proxy": ""},
    {"TRAVIS_APT_PROXY": "http://a:1"},
]
URLS = [
    f"{scheme}://{host}"
    for scheme in ("http", "https")
    for host in ("c.example", "www.c.example", "www.b.example", "xc.example", "localhost", "127.0.0.1", "[::1]")
] + ["http://example.com:8080", "http://example.com"]


def httpx_proxy(url, mounts):
    """The first mount that matches, in httpx's order."""
    patterns = {httpx._utils.URLPattern(pattern): proxy for pattern, proxy in mounts.items()}
    return next((patterns[each] for each in sorted(patterns) if each.matches(httpx.URL(url))), None)


def credentials(proxy):
    return proxy.auth.raw if proxy.auth else proxy.credentials


@pytest.mark.parametrize("environ", ENVIRONMENTS)
def test_as_in_httpx(environ, monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    routing, mounts = environment_routing(environ, {}), get_environment_proxies()
    for url in URLS:
        ours, theirs = routing.proxy_for(vet(url).origin), httpx_proxy(url, mounts)
        assert (ours and (ours.url, credentials(ours))) == (
            theirs and (httpx.Proxy(theirs).url, httpx.Proxy(theirs).raw_auth)
        ), url


@pytest.mark.parametrize(
    "value", ["ftp://user:secret@a", "http://user:secret@", "http://user:secret@a:port", "http://a:0", "socks4://a"]
)
def test_an_invalid_proxy_error_names_the_variable(value):
    routing = environment_routing({"Https_Proxy": value}, {})
    with pytest.raises(InvalidRequest, match=r"^Https_Proxy: not the URL") as caught:
        routing.proxy_for(vet("https://a.example").origin)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_invalid_entries_of_no_proxy_cause_one_warning(caplog):
    warned = {}
    with caplog.at_level(logging.WARNING, "httpconn.proxies"):
        for _ in range(2):
            environ = {"HTTP_PROXY": "http://a:1", "NO_PROXY": "a:b:c,http://u:secret@h,c.example"}
            routing = environment_routing(environ, warned)
            assert routing.proxy_for(vet("http://b.example").origin) is not None
            assert routing.proxy_for(vet("http://c.example").origin) is None
    assert [record.getMessage() for record in caplog.records] == [
        "NO_PROXY: ignored entries that are not a host, an address or a network: a:b:c http://h"
    ]
