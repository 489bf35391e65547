"""Range requests that resume a download, and their responses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core import ranges
from httpconn.core.ranges import (
    Complete,
    ContentRange,
    Continue,
    Fail,
    GoBack,
    RangeResponse,
    ReceivedBytes,
    Refuse,
    RequestPlainRange,
    RequestWhole,
    Suspect,
    Whole,
)

OLD, NEW = "Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:59 GMT"
LATER = "Sat, 01 Jan 2000 00:01:00 GMT"
HELD = ReceivedBytes(size=40, total=100, validator='"v1"')
DATED = ReceivedBytes(size=40, total=100, validator=OLD)
UNTOLD = ReceivedBytes(size=40, validator='"v1"')
PROVABLE = ReceivedBytes(size=40, total=100, provable=True)
ALL = ReceivedBytes(size=100, total=100, validator='"v1"')


@pytest.mark.parametrize(
    ("etag", "modified", "date", "expected"),
    [
        ('"v1"', None, None, '"v1"'),
        ('""', None, None, '""'),
        ('"v1"', OLD, LATER, '"v1"'),
        ('W/"v1"', None, None, None),
        ('W/"v1"', OLD, LATER, None),  # a weak tag is still a tag: the date must not replace it
        ("v1", None, None, None),
        ('"v1", "v2"', None, None, None),
        ('"v\u00e9"', None, None, None),
        (None, OLD, LATER, OLD),
        (None, OLD, NEW, None),
        (None, OLD, None, None),
        (None, "yesterday", LATER, None),
        (None, LATER, OLD, None),
        (None, f"{OLD} (\u00e9)", LATER, None),
        (None, None, LATER, None),
    ],
)
def test_only_strong_values_are_validators(etag, modified, date, expected):
    assert ranges.validator(etag, modified, date) == expected
    assert expected is None or ranges.is_validator(expected)


@pytest.mark.parametrize("value", [None, "", 'W/"v1"', '"v1"\r\nX: y', "\x00", '"a" "b"', "x" * 100])
def test_a_validator_from_a_file_is_checked(value):
    assert not ranges.is_validator(value)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (ReceivedBytes(), ()),
        (ReceivedBytes(size=40, total=100), ()),
        (ReceivedBytes(size=0, total=100, validator='"v1"'), ()),
        (HELD, ((b"Range", b"bytes=40-"), (b"If-Range", b'"v1"'))),
        (DATED, ((b"Range", b"bytes=40-"), (b"If-Range", OLD.encode()))),
        (PROVABLE, ((b"Range", b"bytes=40-"),)),
        (HELD._replace(beyond=9, gap_end=41), ((b"Range", b"bytes=40-40"), (b"If-Range", b'"v1"'))),
        (ALL, ((b"Range", b"bytes=99-"), (b"If-Range", b'"v1"'))),
    ],
)
def test_the_missing_bytes_are_requested_if_they_can_be_joined(held, expected):
    assert ranges.fields(held) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 0-0/1", ContentRange(0, 0, 1)),
        ("bytes 40-99/100", ContentRange(40, 99, 100)),
        ("Bytes 40-99/*", ContentRange(40, 99, None)),
        ("bytes */100", ContentRange(None, None, 100)),
        (None, None),
        ("", None),
        ("bytes */*", None),
        ("bytes 40-39/100", None),
        ("bytes 40-100/100", None),
        ("bytes -40-99/100", None),
        ("bytes 40-99", None),
        ("bytes=40-99/100", None),
        ("lines 40-99/100", None),
        ("bytes 40-99/100, bytes 0-1/100", None),
        ("bytes \u0664-9/10", None),
        ("bytes 0-1/" + "9" * 5000, None),
    ],
)
def test_a_content_range_is_read_strictly(value, expected):
    assert ranges.parse_content_range(value) == expected


def part(content_range="bytes 40-99/100", etag='"v1"', **fields):
    return RangeResponse(206, True, content_range, etag=etag, **fields)


@pytest.mark.parametrize(
    ("held", "head", "expected"),
    [
        (HELD, part(), Continue(0, 60, 100)),
        (HELD, part(length=60), Continue(0, 60, 100)),
        (HELD, part("bytes 30-99/100"), Continue(10, 70, 100)),
        (HELD, part("bytes 0-99/100"), Continue(40, 100, 100)),
        (HELD, part("bytes 40-49/100"), Continue(0, 10, 100)),
        (HELD, part("bytes 40-99/*"), Continue(0, 60, 100)),
        (UNTOLD, part(), Continue(0, 60, 100)),
        (ALL, part("bytes 99-99/100"), Continue(1, 1, 100)),
        (DATED, part(etag=None), Continue(0, 60, 100)),
        (DATED, part(etag=None, last_modified=OLD), Continue(0, 60, 100)),
        (PROVABLE, part(etag=None), Continue(0, 60, 100)),
        (PROVABLE, part(etag='W/"other"'), Continue(0, 60, 100)),
    ],
)
def test_a_part_continues_the_received_bytes(held, head, expected):
    assert ranges.decide(held, head) == expected


@pytest.mark.parametrize(
    ("held", "head"),
    [
        (HELD, part("bytes 41-99/100")),  # a gap
        (HELD, part("bytes 0-38/100")),  # nothing new
        (HELD, part("bytes 40-98/99")),  # another size
        (HELD, part("bytes 40-100/101")),
        (HELD, part("bytes */100")),
        (HELD, part(None)),  # as multipart/byteranges has none
        (HELD, part("nonsense")),
        (HELD, part(length=61)),
        (HELD, part(etag='"v2"')),
        (HELD, part(etag='W/"v1"')),
        (HELD, part(etag=None)),
        (HELD, part(encoded=True)),
        (UNTOLD, part("bytes 40-99/*")),
        (UNTOLD, part("bytes 0-29/30")),
        (DATED, part(etag=None, last_modified=NEW)),
        (PROVABLE, part("bytes 40-109/110")),
        (HELD, RangeResponse(412, True)),
        (HELD, RangeResponse(416, True)),
        (HELD, RangeResponse(416, True, "bytes */40")),
        (HELD, RangeResponse(416, True, "bytes */0", etag='"v1"')),
        (ALL, RangeResponse(416, True, "bytes */100")),
        (ALL, RangeResponse(416, True, "bytes */100", etag='"v2"')),
        (ALL, RangeResponse(416, True, "bytes 0-99/100", etag='"v1"')),
        (HELD, RangeResponse(200, True, "bytes 40-99/100", etag='"v1"')),
        (HELD, RangeResponse(200, True, "bytes 0-39/*", etag='"v1"')),
    ],
)
def test_a_response_that_cannot_be_joined_leads_to_a_request_for_the_whole(held, head):
    assert isinstance(ranges.decide(held, head), RequestWhole)


@pytest.mark.parametrize(
    ("held", "head", "expected"),
    [
        (ReceivedBytes(), RangeResponse(200, False), Whole()),
        (HELD, RangeResponse(200, True), Whole()),
        (HELD, RangeResponse(200, True, "bytes 0-99/100"), Whole()),
        (HELD, RangeResponse(200, True, "nonsense"), Whole()),
        (HELD, RangeResponse(203, True), Whole()),
        (ALL, RangeResponse(416, True, "bytes */100", etag='"v1"'), Complete(100)),
        (ReceivedBytes(100, 100, OLD), RangeResponse(416, True, "bytes */100", last_modified=OLD), Complete(100)),
        (ReceivedBytes(100, provable=True), RangeResponse(416, True, "bytes */100"), Complete(100)),
        (ReceivedBytes(), RangeResponse(416, False, "bytes */0"), Complete(0)),
        (ReceivedBytes(), RangeResponse(416, False, "bytes */1"), Fail()),
        (HELD, RangeResponse(416, False, "bytes */40", etag='"v1"'), Fail()),
        (ReceivedBytes(), RangeResponse(412, False), Fail()),
        (HELD, RangeResponse(404, True), Fail()),
        (HELD, RangeResponse(304, True), Fail()),
        (HELD, RangeResponse(503, True), Fail()),
    ],
)
def test_other_responses(held, head, expected):
    assert ranges.decide(held, head) == expected


@pytest.mark.parametrize(
    "head",
    [
        RangeResponse(206, False, "bytes 0-99/100"),
        RangeResponse(206, False),
        RangeResponse(200, False, "bytes 0-9/100"),
    ],
)
def test_a_part_without_a_range_request_is_refused(head):
    assert isinstance(ranges.decide(ReceivedBytes(), head), Refuse)


def test_a_part_that_is_the_whole_file_is_accepted():
    assert ranges.decide(ReceivedBytes(), RangeResponse(206, False, "bytes 0-99/100", 100)) == Whole()
    assert ranges.decide(ReceivedBytes(40, 100, '"v1"'), RangeResponse(206, False, "bytes 0-99/100", 100)) == Whole()
    assert isinstance(ranges.decide(ReceivedBytes(), RangeResponse(206, False, "bytes 0-99/100", 99)), Refuse)


TYPED = HELD._replace(media_type="application/zip")
PAGE = RangeResponse(200, True, length=50, etag='"p"', media_type="text/html")


@pytest.mark.parametrize(
    ("held", "head", "expected"),
    [
        (HELD, PAGE, Whole),  # the name of the file may be that of a page
        (HELD, PAGE._replace(is_page=True), Suspect),
        (TYPED, PAGE, Suspect),
        (TYPED, PAGE._replace(asked=False), Suspect),
        (TYPED._replace(media_type="text/html"), PAGE._replace(is_page=True), Whole),
        (TYPED._replace(size=0), PAGE, Whole),
        (TYPED._replace(size=0, beyond=9), PAGE, Suspect),
        (TYPED, PAGE._replace(etag='"v1"'), Whole),  # the version is proven
        (TYPED, RangeResponse(200, True, length=49), Suspect),
        (TYPED, RangeResponse(200, True, length=50), Whole),
        (TYPED, RangeResponse(200, True, length=49, etag='"v2"'), Whole),
        (TYPED, RangeResponse(200, True, length=49, etag='"v2"', media_type="application/zip"), Whole),
        (TYPED, RangeResponse(200, True, length=49, etag='"v2"', media_type="text/plain"), Suspect),
        (TYPED, RangeResponse(200, True, length=99, media_type="text/plain"), Suspect),
        (TYPED, RangeResponse(200, True, media_type="text/plain"), Suspect),
        (TYPED, RangeResponse(200, True, length=100, media_type="text/plain"), Whole),
        (TYPED, RangeResponse(200, True, length=99, etag='"v2"', media_type="text/plain"), Whole),
        (HELD, RangeResponse(200, True, length=100, etag='"v1"', if_range=True), RequestPlainRange),
        (DATED, RangeResponse(200, True, length=100, last_modified=OLD, if_range=True), RequestPlainRange),
        (HELD, RangeResponse(200, True, length=100, etag='"v1"', if_range=False), Whole),
        (HELD, RangeResponse(200, True, length=100, etag='"v1"', if_range=True, encoded=True), Whole),
        (HELD._replace(kept='"v2"'), RangeResponse(200, True, length=100, etag='"v2"'), GoBack),
        (HELD._replace(kept='"v2"'), RangeResponse(200, False, length=100, etag='"v2"'), GoBack),
        (HELD._replace(kept='"v1"'), RangeResponse(200, False, length=100, etag='"v1"'), Whole),
        (HELD._replace(kept='"v2"'), RangeResponse(200, True, length=100, etag='"v3"'), Whole),
    ],
)
def test_a_whole_body_instead_of_the_missing_part(held, head, expected):
    assert isinstance(ranges.decide(held, head), expected)


def test_a_plain_range_must_repeat_the_date():
    head = part(etag=None, if_range=False)
    assert isinstance(ranges.decide(DATED, head), RequestWhole)
    assert ranges.decide(DATED, head._replace(last_modified=OLD)) == Continue(0, 60, 100)
    assert ranges.decide(DATED._replace(provable=True), head) == Continue(0, 60, 100)


numbers = st.integers(0, 120)
tags = st.sampled_from(['"v1"', '"v2"', 'W/"v1"', None])


@given(
    st.builds(
        ReceivedBytes, numbers, st.one_of(st.none(), numbers), st.sampled_from([None, '"v1"', OLD]), st.booleans()
    ),
    st.sampled_from([200, 206, 412, 416]),
    st.booleans(),
    st.one_of(
        st.none(),
        st.text(max_size=20),
        st.builds("bytes {}-{}/{}".format, numbers, numbers, numbers),
        st.builds("bytes */{}".format, numbers),
    ),
    st.one_of(st.none(), numbers),
    tags,
)
def test_bytes_are_joined_only_if_they_are_adjacent(held, status, asked, content_range, length, etag):
    decision = ranges.decide(held, RangeResponse(status, asked, content_range, length, etag))
    assert asked or not isinstance(decision, RequestWhole)
    if isinstance(decision, Continue):
        assert status == 206
        assert asked
        assert held.validator == etag or held.validator == OLD or (held.validator is None and held.provable)
        assert 0 <= decision.discard <= held.size
        assert held.size - decision.discard + decision.length <= decision.total
        assert decision.total == (decision.total if held.total is None else held.total)
        assert held.size <= decision.total
