"""The proxy for an origin by the environment."""

from __future__ import annotations

import pytest

from httpconn.core.proxychoice import Choice, Variable, choose
from httpconn.core.urls import vet

PROXY = "http://proxy.example:3128"


def is_direct(url: str, no_proxy: str) -> bool:
    choice = choose(vet(url).origin, {"ALL_PROXY": PROXY, "NO_PROXY": no_proxy})
    assert choice.skipped == ()
    return choice.proxy is None


# URL, entries that cover it, entries that do not.
ENTRIES = [
    (
        "http://www.example.com",
        "example.com .example.com *.example.com www.example.com EXAMPLE.com example.com. com * *:80 example.com:80"
        " all://example.com http://example.com http://example.com/ example.com/",
        "ample.com ww.example.com example example.org a.www.example.com example.com:8080 https://example.com"
        " 10.0.0.0/8 ::1",
    ),
    ("http://example.com", "example.com .example.com", "*.example.com"),
    ("http://example.com.:8080", "example.com example.com:8080 example.com.:8080", "example.com:80"),
    ("https://b\u00fccher.example", "b\u00fccher.example B\u00dcCHER.example xn--bcher-kva.example", "bucher.example"),
    ("http://localhost", "localhost LOCALHOST", "127.0.0.1 ::1"),
    (
        "http://127.0.0.1:8080",
        "127.0.0.1 127.0.0.1:8080 127.0.0.0/8 127.0.0.9/8 127.0.0.1/32 0.0.0.0/0 ::ffff:127.0.0.1",
        "127.0.0.2 127.0.0.2/31 127.0.0.1:80 localhost ::1 ::/0",
    ),
    (
        "http://[fd00::1]:8080",
        "fd00::1 [fd00::1] [fd00::1]:8080 fd00::/8 [fd00::]/8 [fd00::/8] FD00:0::0001 ::/0",
        "[fd00::1]:80 fd00::/128 fe00::/8 0.0.0.0/0",
    ),
    ("http://10.1.2.3", "10.0.0.0/8", "10.1.2.30 0.1.2.3"),
]


@pytest.mark.parametrize(("url", "covering", "other"), ENTRIES)
def test_an_entry_of_no_proxy_covers_its_hosts(url, covering, other):
    assert [entry for entry in covering.split() if not is_direct(url, entry)] == []
    assert [entry for entry in other.split() if is_direct(url, entry)] == []


@pytest.mark.parametrize(
    "no_proxy", ["a.example,b.example", "a.example b.example", " a.example ,, b.example\t", "b.example,*"]
)
def test_commas_and_spaces_separate_entries(no_proxy):
    assert is_direct("http://b.example", no_proxy)


def test_invalid_entries_are_skipped_and_named():
    invalid = ["a:b:c", "a:70000", "10.0.0.0/33", "192.168.*", "*foo.example", "<local>", "fe80::1%eth0", "[::1", "."]
    environ = {"ALL_PROXY": PROXY, "NO_PROXY": ",".join([*invalid, "b.example"])}
    assert choose(vet("http://b.example").origin, environ) == Choice(None, tuple(invalid))
    assert choose(vet("http://c.example").origin, environ).proxy == Variable("ALL_PROXY", PROXY)


def test_no_proxy_is_ignored_without_a_proxy():
    assert choose(vet("http://b.example").origin, {"NO_PROXY": "a:b:c", "HTTPS_PROXY": PROXY}) == Choice(None)


@pytest.mark.parametrize(
    ("environ", "http", "https"),
    [
        ({}, None, None),
        ({"HTTP_PROXY": "a", "ALL_PROXY": "socks://b"}, "HTTP_PROXY", "ALL_PROXY"),
        ({"http_proxy": "a", "HTTP_PROXY": "b", "Http_Proxy": "c"}, "http_proxy", None),
        ({"http_proxy": "", "HTTP_PROXY": "b"}, None, None),
        ({"http_proxy": " ", "ALL_PROXY": "b"}, "ALL_PROXY", "ALL_PROXY"),
        ({"HTTP_PROXY": "", "Http_Proxy": "c"}, "Http_Proxy", None),
        ({"Https_Proxy": "c"}, None, "Https_Proxy"),
        ({"HTTP_PROXY": "a", "Http_Proxy": "b", "HTTPS_PROXY": "c", "REQUEST_METHOD": "GET"}, None, "HTTPS_PROXY"),
        ({"http_proxy": "a", "REQUEST_METHOD": "GET"}, "http_proxy", None),
        ({"TRAVIS_APT_PROXY": "a", "PROXY": "b", "_PROXY": "c"}, None, None),
    ],
)
def test_the_precedence_of_the_variables(environ, http, https):
    chosen = [choose(vet(url).origin, environ).proxy for url in ("http://a.example", "https://a.example")]
    assert [variable and variable.name for variable in chosen] == [http, https]
