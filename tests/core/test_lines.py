"""Lines in a stream of bytes, however the bytes are cut."""

from __future__ import annotations

import json
import tracemalloc

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn import InvalidJSON, InvalidRequest, LimitExceeded
from httpconn.core.lines import JSONLines, TextLines
from httpconn.core.text import TextDecoder

TEXTS = st.text(st.sampled_from("ab\n\r\x0b\x0c\x1c\x85\u2028ü"), max_size=20)


def lines_of(converter, data, size):
    """Return the lines of a body that arrives in chunks of ``size`` bytes."""
    found = []
    for start in range(0, len(data), size):
        found.extend(converter.add(data[start : start + size]))
    return [*found, *converter.remaining()]


@given(TEXTS, st.integers(1, 20))
def test_lines_are_those_of_httpx(text, size):
    data = text.encode()
    assert lines_of(TextLines(TextDecoder(None)), data, size) == list(httpx.Response(200, content=data).iter_lines())


@given(st.lists(st.sampled_from(['{"a": "\u2028"}', "1", "null", "[]", '"\\n"']), max_size=6), st.data())
def test_json_lines_with_any_line_end(texts, data):
    ends = [data.draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", " \r\n\t\n"])) for _ in texts]
    body = "".join(map("".join, zip(texts, ends, strict=True))).encode()
    size = data.draw(st.integers(1, 30))
    assert lines_of(JSONLines(), body, size) == [json.loads(text) for text in texts]
    assert lines_of(JSONLines(), body.rstrip(), size) == [json.loads(text) for text in texts]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_an_error_names_the_line(end, size):
    body = end.join([b"\xef\xbb\xbf1", b"", b'{"a": secret}', b"2"])
    with pytest.raises(InvalidJSON, match=r"^Line 3: ") as caught:
        lines_of(JSONLines(), body, size)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("make", [JSONLines, lambda limit: TextLines(TextDecoder(None), limit)])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_line_has_a_limit(make, size):
    assert lines_of(make(5), b"12345\r\n12345\n12345", size) == lines_of(make(6), b"12345\n12345\n12345", size)
    with pytest.raises(LimitExceeded, match="Line 3 of the body has more than 5"):
        lines_of(make(5), b"12345\r\n12\n123456\n", size)


def add_endlessly(converter):
    for _ in range(10_000):
        list(converter.add(b"x" * 65536))


@pytest.mark.parametrize("make", [JSONLines, lambda: TextLines(TextDecoder(None))])
def test_an_endless_line_takes_bounded_memory(make):
    converter = make()
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded):
            add_endlessly(converter)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [0, -1, True, 1.5, None])
def test_an_invalid_limit(length):
    with pytest.raises(InvalidRequest, match="max_length"):
        JSONLines(length)
