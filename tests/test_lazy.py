"""A request or response that is not looked at costs next to nothing, and is httpx's own to whoever looks."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.urls import vet
from httpconn.lazy import LazyRequest, LazyResponse, Origin, Rest, field, is_untouched, raw_fields
from httpconn.transport.messages import by_name
from tests.servers.faces import PATIENCE

FIELDS = [(b"Host", b"example.com"), (b"X-Tag", b"a"), (b"x-tag", b"b"), (b"Accept", b"*/*")]


def a_request() -> LazyRequest:
    url = vet("https://example.com/a%2fb?x=1")
    return LazyRequest(url.origin, url.target, FIELDS, url)


def a_response(fields: list[tuple[bytes, bytes]] = FIELDS) -> LazyResponse:
    rest = Rest(httpx.ByteStream(b"body"), {"http_version": b"HTTP/1.1", "reason_phrase": b"Fine"})
    return LazyResponse(200, fields, by_name(fields), a_request(), lambda: rest)


def test_a_request_is_what_httpx_would_have_made() -> None:
    request, same = a_request(), httpx.Request("GET", "https://example.com/a%2fb?x=1", headers=FIELDS)
    assert is_untouched(request)
    assert (request.url, request.headers, request.content) == (same.url, same.headers, b"")
    assert request.headers.raw == same.headers.raw
    assert not is_untouched(request)
    assert repr(request) == "<LazyRequest('GET', 'https://example.com/a%2fb?x=1')>"


def test_a_response_is_what_httpx_would_have_made() -> None:
    response = a_response()
    assert response.headers.raw == FIELDS
    assert (response.read(), response.reason_phrase, response.http_version) == (b"body", "Fine", "HTTP/1.1")
    assert response.request.url.host == "example.com"
    assert response.is_stream_consumed


def test_what_is_changed_before_the_first_look_stays_changed() -> None:
    request = a_request()
    request.method = "HEAD"
    request.headers["x-new"] = "1"
    assert not is_untouched(request)
    assert (request.method, request.headers["X-New"], request.headers["Accept"]) == ("HEAD", "1", "*/*")
    assert FIELDS[0] == (b"Host", b"example.com")


def test_what_httpx_has_not_is_missing_here_too() -> None:
    for lazy in (a_request(), a_response()):
        with pytest.raises(AttributeError, match="no_such_thing"):
            lazy.no_such_thing  # noqa: B018
        assert not hasattr(lazy, "no_such_thing")


class Held:
    """Gives a value, to who asks first only when it is let go."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.asked, self.let_go = threading.Event(), threading.Event()

    def give(self) -> Any:
        if not self.asked.is_set():
            self.asked.set()
            assert self.let_go.wait(PATIENCE)
        return self.value

    @property
    def url(self) -> Any:
        return self.give()


def a_held_request() -> tuple[LazyRequest, Held]:
    held = Held(httpx.URL("https://example.com/"))
    return LazyRequest(Origin("https", "example.com", 443), b"/", FIELDS, held), held


def a_held_response() -> tuple[LazyResponse, Held]:
    held = Held(Rest(httpx.ByteStream(b"body"), {}))
    return LazyResponse(200, FIELDS, by_name(FIELDS), a_request(), held.give), held


@pytest.mark.parametrize("make", [a_held_request, a_held_response])
def test_threads_that_look_at_the_same_moment_see_the_same_and_all_of_it(make) -> None:
    lazy, held = make()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(getattr, lazy, "headers")
        assert held.asked.wait(PATIENCE)
        lazy.headers["x-new"] = "1"
        held.let_go.set()
        assert first.result(PATIENCE)["X-New"] == lazy.headers["X-New"] == "1"


@pytest.mark.parametrize("make", [a_request, a_response])
def test_what_was_missing_may_have_been_put_in_place_by_another_thread(make) -> None:
    lazy = make()
    headers = lazy.headers
    assert lazy.__getattr__("headers") is headers


def test_both_can_be_pickled_as_httpx_s_own() -> None:
    request = pickle.loads(pickle.dumps(httpx.Request("GET", "https://example.com")))
    assert request.url == "https://example.com"
    response = a_response()
    response.read()
    again = pickle.loads(pickle.dumps(response))
    assert (again.status_code, again.content, again.request.url) == (200, b"body", response.request.url)


NAMES = st.sampled_from([b"X-Tag", b"x-tag", b"X-TAG", b"Server", b"Date"])
VALUES = st.one_of(
    st.sampled_from([b"", b"a", b"a, b", b"x-tag: c"]),
    st.text(st.characters(min_codepoint=0x21, exclude_characters="\x7f", codec="utf-8"), min_size=1).map(str.encode),
    st.binary(max_size=4).map(lambda value: bytes(byte | 0x80 for byte in value)),
)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_a_field_reads_the_same_before_and_after_the_first_look(fields: list[tuple[bytes, bytes]]) -> None:
    lazy, made = a_response(fields), a_response(fields)
    assert made.headers is made.headers
    assert raw_fields(lazy) == raw_fields(made) == fields
    for name in ("x-tag", "server", "etag"):
        early, late = field(lazy, name), field(made, name)
        assert (early is None) is (late is None)
        if all(value.isascii() for _, value in fields):
            assert early == late
