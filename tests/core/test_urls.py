"""URLs are refused, or sent as given."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.locations import resolve
from httpconn.core.urls import redact, vet
from httpconn.errors import InvalidURL

TARGETS = [
    ("https://example.com", b"/"),
    ("https://example.com?a=b", b"/?a=b"),
    ("https://example.com#part", b"/"),
    ("HTTPS://EXAMPLE.com/A", b"/A"),
    ("https://example.com/a%2Fb%2fc", b"/a%2Fb%2fc"),
    ("https://example.com/?sig=a+b%2Bc/d==", b"/?sig=a+b%2Bc/d=="),
    ('https://example.com/?q="x"|y|{z}', b'/?q="x"|y|{z}'),
    ("https://example.com/a/../b/./c//d", b"/a/../b/./c//d"),
    ("https://example.com/%zz%", b"/%zz%"),
    ("https://example.com/a b", b"/a%20b"),
    ("https://example.com/é?ü", b"/%C3%A9?%C3%BC"),
    ("https://example.com/?", b"/?"),
    ("https://example.com/a;b=c,d'e(f)*!$&@:[]^`", b"/a;b=c,d'e(f)*!$&@:[]^`"),
    ("https://example.com/\N{GRINNING FACE}", b"/%F0%9F%98%80"),
]

WRONG_SCHEME = [
    "",
    "example.com",
    "//example.com",
    "/path",
    "ftp://example.com",
    "file:///etc/passwd",
    "data:,x",
    "gopher://x",
    "httpx://x",
    " https://example.com",
    "javascript:alert(1)",
]

INVALID = [
    "http:",
    "https://",
    "https:///path",
    "http:example.com",
    "https://?q",
    "https://:80/",
    "https://user@/",
    "https://example.com:+80/",
    "https://example.com:８０/",
    "https://example.com:8_0/",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:-1/",
    "https://example.com:80:80/",
    "https://a@b@example.com/",
    "https://exam ple.com/",
    "https://example.com\\@evil.com/",
    "https://example.com/\\evil",
    "https://example%2ecom/",
    "https://%00/",
    "https://[::1/",
    "https://[/",
    "https://a]/",
    "https://a<b>/",
    'https://a"b/',
    "https://a|b/",
    "https://[fe80::1%25eth0]/",
    "https://\N{GRINNING FACE}.com/",
    "https://example.com/\r\nX: y",
    "https://example.com/\x00",
    "https://example.com/\ttab",
    "https://example.com/\x7f",
    "https://example.com/\ud800",
    "https://example.com/#\ud800",
    "https://\ud800@127.0.0.1/",
    "https://\ud800.com/",
    "https://xn--a/",
    "https://xn--/",
    "https://XN--99999999.com/",
    "https://" + "a" * 70_000,
    "https://example.com/" + "a" * 1_000_000,
]


@pytest.mark.parametrize(("url", "target"), TARGETS)
def test_the_target_is_unchanged(url: str, target: bytes) -> None:
    assert vet(url).target == target


@pytest.mark.parametrize("url", WRONG_SCHEME)
def test_another_scheme_has_a_known_message(url: str) -> None:
    with pytest.raises(ValueError, match=r"^Invalid HTTP URL: A valid HTTP URL must have scheme 'http' or 'https'\.$"):
        vet(url)


@pytest.mark.parametrize("url", INVALID, ids=lambda url: ascii(url)[:40])
def test_an_ambiguous_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidURL):
        vet(url)


@pytest.mark.parametrize("url", ["http://::1/", "http://fe80::1:80/", "http://[::1/"])
def test_an_ipv6_address_without_brackets_is_named(url: str) -> None:
    with pytest.raises(InvalidURL, match="needs brackets"):
        vet(url)


@pytest.mark.parametrize("url", [None, 3, b"https://example.com/", ["https://example.com/"], object()])
def test_a_value_of_another_type_is_refused(url: object) -> None:
    with pytest.raises(InvalidURL, match="must be a str"):
        vet(url)  # type: ignore[arg-type]


def test_the_fragment_is_unchanged() -> None:
    url = vet("https://example.com/a?b#%0A%5c é?#")
    assert (url.fragment, url.text) == ("%0A%5c é?#", "https://example.com/a?b#%0A%5c é?#")


def test_an_httpx_url_is_sent_as_normalized_by_httpx() -> None:
    assert vet(httpx.URL("https://example.com/a b?c=d e")).target == b"/a%20b?c=d%20e"


def test_userinfo_becomes_a_header_and_leaves_the_url() -> None:
    url = vet("https://us%40er:pa%3Ass@example.com/")
    assert url.authorization == "Basic dXNAZXI6cGE6c3M="
    assert url.text == "https://example.com/"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Example.COM/", ("https", "example.com", 443)),
        ("http://example.com:80/", ("http", "example.com", 80)),
        ("https://example.com:8443/", ("https", "example.com", 8443)),
        ("https://example.com:/", ("https", "example.com", 443)),
        ("https://[::1]:8080/", ("https", "::1", 8080)),
        ("https://faß.de/", ("https", "xn--fa-hia.de", 443)),
    ],
)
def test_the_origin_is_of_a_labels_and_a_port(url: str, origin: tuple[str, str, int]) -> None:
    assert vet(url).origin == origin


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:p@ss/word@example.com/x", "https://example.com/x"),
        ("http:/user:secret@example.com/x", "http:/example.com/x"),
        ("user:secret@example.com/x", "example.com/x"),
        ("https:secret@example.com", "https:example.com"),
        ("https://user:sec?ret@example.com/", "***?***"),
        ("https://user:sec#ret@example.com/", "***"),
        ("https://example.com:80/a?e=secret@secret", "https://example.com:80/a?e=***"),
        ("https://example.com/?a=secret&b=secret;c=secret", "https://example.com/?a=***&b=***"),
        ("https://example.com/?a=se=cret&b", "https://example.com/?a=***&***"),
        ("https://example.com/?secret", "https://example.com/?***"),
        ("https://example.com/?secret&e=1", "https://example.com/?***&e=***"),
        ("https://example.com/?t=abc;secret", "https://example.com/?t=***"),
        ("https://example.com/\ud800", "https://example.com/?"),
        ("https://example.com/#secret", "https://example.com/"),
        ("https://example.com/a\r\nb", "https://example.com/a??b"),
        (httpx.URL("https://user:secret@example.com/@x?a=secret"), "https://example.com/@x?a=***"),
    ],
)
def test_secrets_are_redacted(url: str | httpx.URL, shown: str) -> None:
    assert redact(url) == shown


def test_a_redacted_url_is_short() -> None:
    assert len(redact("https://example.com/" + "a" * 10_000)) < 400


@given(st.text(max_size=200))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            vetted = vet(url)
        except InvalidURL:
            continue
        assert vetted.target.startswith(b"/")
        assert httpx.URL(vetted.text).host
        assert resolve(vetted, b"/").fragment == vetted.fragment
        assert not set(vetted.target) & {*range(0x21), 0x7F}
        assert "secret" not in redact(url + "?a=secret")
