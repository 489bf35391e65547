"""Location values: the URL that a browser requests, or an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.locations import resolve
from httpconn.core.urls import vet
from httpconn.errors import InvalidURL

BASE = "https://a.com/x/y?q"


@pytest.mark.parametrize(
    ("location", "result"),
    [
        # References of every form (RFC 3986 section 4.2).
        (b"z", "https://a.com/x/z"),
        (b"/z%2fz", "https://a.com/z%2fz"),
        (b"//b.com/z", "https://b.com/z"),
        (b"?q=1", "https://a.com/x/y?q=1"),
        (b"?", "https://a.com/x/y?"),
        (b"#f", "https://a.com/x/y?q#f"),
        (b"", "https://a.com/x/y?q"),
        (b"http://b.com:81/", "http://b.com:81/"),
        (b"http://b.com", "http://b.com/"),
        (b"http://b.com?q", "http://b.com/?q"),
        (b"HTTPS://B.Com/Z", "https://b.com/Z"),
        ("//fa\xdf.de/z".encode(), "https://xn--fa-hia.de/z"),
        # Dot segments, also encoded, in references and in whole URLs.
        (b"../../z", "https://a.com/z"),
        (b"/a/../z", "https://a.com/z"),
        (b"/../x/./y", "https://a.com/x/y"),
        (b"/a/b/..", "https://a.com/a/"),
        (b"/a/b/.", "https://a.com/a/b/"),
        (b".", "https://a.com/x/"),
        (b"..", "https://a.com/"),
        (b"/a/%2E%2e/b/.%2e/%2e/c", "https://a.com/c"),
        (b"http://b.com/a/../../b", "http://b.com/b"),
        (b"/a//../b", "https://a.com/a/b"),
        (b"/.//b.com", "https://a.com//b.com"),
        (b"/a/..b/...?c=/../d#/../e", "https://a.com/a/..b/...?c=/../d#/../e"),
        # Spaces and controls around it, tabs and line ends within it.
        (b" \t/z ", "https://a.com/z"),
        (b"\x00\x1f/z\x00", "https://a.com/z"),
        (b"/\tz\r\n", "https://a.com/z"),
        (b"ht\ntp://b\t.com/", "http://b.com/"),
        # Bytes that no request line may hold, or that browsers encode.
        (b"/z z", "https://a.com/z%20z"),
        (b"/jos\xe9", "https://a.com/jos%E9"),
        ("/jos\xe9".encode(), "https://a.com/jos%C3%A9"),
        (b"/jos%e9?\xe9", "https://a.com/jos%e9?%E9"),
        (b'/"<>{}`^', "https://a.com/%22%3C%3E%7B%7D%60%5E"),
        (b"/!$%&'()*+,-.;=@[]_|~", "https://a.com/!$%&'()*+,-.;=@[]_|~"),
        (b"/?\"<>' {}`^|", "https://a.com/?%22%3C%3E%27%20{}`^|"),
        (b"/\x01\x7f", "https://a.com/%01%7F"),
        # A backslash is a slash before the query.
        (b"\\\\b.com\\z", "https://b.com/z"),
        (b"/\\b.com/z", "https://b.com/z"),
        (b"\\z", "https://a.com/z"),
        (b"https:\\\\b.com\\..\\z", "https://b.com/z"),
        (b"http://b.com\\@10.0.0.1/", "http://b.com/@10.0.0.1/"),
        (b"/?a\\b", "https://a.com/?a%5Cb"),
        # Too many or too few slashes.
        (b"///b.com/z", "https://b.com/z"),
        (b"http:////b.com/z", "http://b.com/z"),
        (b"http:/b.com/z", "http://b.com/z"),
        (b"http:b.com/z", "http://b.com/z"),
        (b"https:/z", "https://a.com/z"),
        (b"https:z", "https://a.com/x/z"),
        (b"https:", "https://a.com/x/y?q"),
    ],
)
def test_a_location_leads_where_browsers_go(location: bytes, result: str) -> None:
    resolved = resolve(vet(BASE), location)
    assert resolved.text == result
    assert resolved.has_backslash == (b"\\" in location)


def test_a_location_without_a_fragment_keeps_the_bases() -> None:
    base = vet("https://a.com/x#a%5Cb \xe9")
    assert resolve(base, b"/z").fragment == base.fragment
    assert resolve(base, b"/z#own").fragment == "own"
    assert resolve(base, b"/z#").fragment == ""


def test_the_same_url_is_requested_byte_for_byte() -> None:
    base = vet("https://a.com/a/../{x}?{y}")
    assert resolve(base, b"").target == resolve(base, b"#f").target == base.target


def test_the_credentials_of_the_base_are_not_part_of_a_location() -> None:
    assert resolve(vet("https://user:pw@a.com/x"), b"/z").authorization is None


@pytest.mark.parametrize(
    "location",
    [
        *(b"file:///etc/passwd", b"gopher://x/", b"data:,x", b"javascript:x", b"localhost:80/x"),
        *(
            b"https://",
            b"//",
            b"http:",
            b"https:\\\\",
            b"http://?q",
            b"http://[::1",
            b"http://a b/",
            b"http://\xe9.com/",
        ),
        *(b"http://a%2eb/", b"http://a\x00b/", b"http://a:70000/", b"http://a@b@c/", b"/" + b"a" * 70_000),
    ],
)
def test_a_location_with_an_invalid_url_is_refused(location: bytes) -> None:
    with pytest.raises(InvalidURL):
        resolve(vet(BASE), location)


@given(st.binary(max_size=60))
def test_any_location_is_a_valid_url_or_refused(location: bytes) -> None:
    for value in (location, b"//b.com/" + location, b"http://" + location):
        try:
            resolved = resolve(vet(BASE), value)
        except InvalidURL:
            continue
        again = vet(resolved.text)
        assert (again.origin, again.target) == (resolved.origin, resolved.target)
        assert not {b".", b".."} & set(resolved.target.partition(b"?")[0].split(b"/"))
