"""Header fields: checks before a request, merging by name, and redirects."""

from __future__ import annotations

import pytest

from httpconn import HTTPConnection, Limits
from httpconn.access import AccessPolicy
from httpconn.core import headers
from httpconn.core.requestbuilder import RequestBuilder
from httpconn.errors import InvalidRequest, LimitExceeded


def builder(**given: str) -> RequestBuilder:
    return RequestBuilder(
        user_agent="agent/1", accept_encoding="gzip, deflate", headers_given=given, access=AccessPolicy.anywhere()
    )


BAD = [
    {"X": "a\rb"},
    {"X": "a\nb"},
    {"X": "a\r\nInjected: yes"},
    {"X": "a\x00b"},
    {"X": "é"},
    {"X": "\x7f"},
    {"X": 3},
    {"X": None},
    {"X": b"bytes"},
    {"X": ["list"]},
    {"": "x"},
    {"a b": "x"},
    {"a:b": "x"},
    {"é": "x"},
    {"a\r\nb": "x"},
    {3: "x"},
    {"Host": "x"},
    {"host": "x"},
    {"Content-Length": "3"},
    {"TRANSFER-ENCODING": "chunked"},
    {"Connection": "close"},
    [("X", "y")],
    "X: y",
]


@pytest.mark.parametrize("given", BAD, ids=ascii)
def test_a_bad_header_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest):
        headers.check(given)  # type: ignore[arg-type]


def test_a_refused_value_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        headers.check({"Authorization": "secret\n"})
    assert "secret" not in str(caught.value)


def test_the_connection_refuses_bad_headers_when_it_is_made() -> None:
    with pytest.raises(InvalidRequest):
        HTTPConnection(headers={"Host": "elsewhere"})
    with pytest.raises(InvalidRequest):
        HTTPConnection(user_agent="a\nb")


def test_later_headers_replace_earlier_ones_in_any_case() -> None:
    spec = builder(**{"X-One": "1", "Accept": "text/html"}).spec(
        "https://example.com/", {"x-one": "2", "USER-AGENT": "me"}
    )
    sent = {name.decode().lower(): value.decode() for name, value in spec.fields}
    assert sent == {"user-agent": "me", "accept": "text/html", "accept-encoding": "gzip, deflate", "x-one": "2"}


def test_a_request_carries_the_target_as_written_and_one_host() -> None:
    request = builder().build(builder().spec("https://example.com:8443/a/../%2f?x"))
    assert (request.method, request.target) == ("GET", b"/a/../%2f?x")
    assert [value for name, value in request.fields if name == b"Host"] == [b"example.com:8443"]


def test_a_header_of_the_call_replaces_userinfo() -> None:
    spec = builder().spec("https://user:pw@example.com/", {"Authorization": "Bearer x"})
    assert [value for name, value in spec.fields if name == b"Authorization"] == [b"Bearer x"]


@pytest.mark.parametrize(
    ("accept", "codings"),
    [("gzip", {"gzip"}), ("gzip;q=0, br", {"br"}), ("identity", {"identity"}), ("gzip; q=0.5", {"gzip"}), ("", {""})],
)
def test_only_codings_that_were_offered_are_decoded(accept: str, codings: set[str]) -> None:
    assert builder().spec("https://example.com/", {"Accept-Encoding": accept}).codings == codings


def test_a_file_is_requested_without_coding_and_accepted_with_one() -> None:
    own = builder()
    spec = own.unencoded(own.spec("https://example.com/"))
    assert (b"Accept-Encoding", b"identity") in spec.fields
    assert spec.codings == {"gzip", "deflate"}


def test_only_safe_headers_are_sent_to_another_origin() -> None:
    given = headers.check(
        {"Authorization": "a", "Cookie": "b", "X-API-Key": "c", "Accept": "d", "User-Agent": "e", "X-Ok": "f"}
    )
    left = headers.for_other_origin(given, frozenset({"x-ok"}))
    assert [name for name, _ in left] == [b"Accept", b"User-Agent", b"X-Ok"]


def test_too_many_or_too_large_header_fields_are_refused() -> None:
    headers.check_size(100, 65_536, Limits())
    with pytest.raises(LimitExceeded, match="101 header fields"):
        headers.check_size(101, 200, Limits())
    with pytest.raises(LimitExceeded, match="65537 bytes"):
        headers.check_size(1, 65_537, Limits())
