"""Responses to requests for a part of a file."""

from __future__ import annotations

import pytest

from httpconn.core.filereads import FileVersion, PartRequest, decide
from httpconn.core.ranges import (
    Changed,
    Complete,
    Continue,
    Fail,
    RangeResponse,
    Refuse,
    RequestPlainRange,
    RequestWhole,
    Whole,
)

MONDAY, TUESDAY = "Mon, 05 Jan 2026 00:00:00 GMT", "Tue, 06 Jan 2026 00:00:00 GMT"
FIRST = PartRequest(0, 9)
NAMED = PartRequest(10, 19, FileVersion(100, '"a"', MONDAY, '"a"'))
DATED = PartRequest(10, 19, FileVersion(100, None, MONDAY, MONDAY))
UNNAMED = PartRequest(10, 19, FileVersion(100))
WEAK = PartRequest(10, 19, FileVersion(100, 'W/"a"', None, None))


def head(status=206, content_range=None, length=None, etag=None, modified=None, encoded=False, asked=True):
    return RangeResponse(status, asked, content_range, length, etag, modified, encoded)


def test_the_fields_of_a_range_request():
    assert FIRST.fields == ((b"Range", b"bytes=0-9"),)
    assert NAMED.fields == ((b"Range", b"bytes=10-19"), (b"If-Range", b'"a"'))
    assert DATED.fields[1] == (b"If-Range", MONDAY.encode())
    assert WEAK.fields == UNNAMED.fields == ((b"Range", b"bytes=10-19"),)


@pytest.mark.parametrize(
    ("wanted", "response", "worth"),
    [
        (FIRST, head(206, "bytes 0-9/100", 10), Continue(0, 10, 100)),
        (FIRST, head(206, "bytes 0-9/100"), Continue(0, 10, 100)),
        (FIRST, head(206, "bytes 0-4/5", 5, '"x"'), Continue(0, 5, 5)),
        (FIRST, head(200, length=100), Whole()),
        (FIRST, head(200, "bytes 0-99/100", 100), Whole()),
        (FIRST, head(416, "bytes */0"), Complete(0)),
        (PartRequest(100, 109), head(416, "bytes */100"), Complete(100)),
        (NAMED, head(206, "bytes 10-19/100", 10, '"a"', MONDAY), Continue(0, 10, 100)),
        (NAMED, head(206, "bytes 10-19/100", 10, '"a"'), Continue(0, 10, 100)),
        (DATED, head(206, "bytes 10-19/100"), Continue(0, 10, 100)),
        (UNNAMED, head(206, "bytes 10-19/100", modified=MONDAY), Continue(0, 10, 100)),
        (WEAK, head(206, "bytes 10-19/100", etag='W/"a"'), Continue(0, 10, 100)),
        (NAMED, head(200, length=100, etag='"a"'), RequestPlainRange()),
        (DATED, head(200, length=100, modified=MONDAY), Whole()),
        (NAMED, head(206, "bytes 10-19/*", 10, '"a"'), Continue(0, 10, 100)),
        (FIRST, head(404), Fail()),
        (FIRST, head(304), Fail()),
        (FIRST, head(416), Fail()),
        (NAMED, head(503), Fail()),
    ],
)
def test_responses_that_can_be_used(wanted, response, worth):
    assert decide(wanted, response) == worth


@pytest.mark.parametrize(
    ("wanted", "response"),
    [
        (NAMED, head(206, "bytes 10-19/100", etag='"b"')),
        (NAMED, head(206, "bytes 10-19/100")),
        (NAMED, head(206, "bytes 10-19/101", etag='"a"')),
        (NAMED, head(206, "bytes 10-19/100", etag='"a"', modified=TUESDAY)),
        (NAMED, head(200, length=100, etag='"b"')),
        (NAMED, head(200, length=90, etag='"a"')),
        (NAMED, head(412)),
        (NAMED, head(416, "bytes */5", etag='"b"')),
        (DATED, head(206, "bytes 10-19/100", modified=TUESDAY)),
        (DATED, head(206, "bytes 10-19/100", etag='"new"')),
        (WEAK, head(206, "bytes 10-19/100", etag='W/"b"')),
        (UNNAMED, head(206, "bytes 10-19/99")),
    ],
)
def test_responses_of_another_version(wanted, response):
    assert isinstance(decide(wanted, response), Changed)


@pytest.mark.parametrize(
    ("wanted", "response"),
    [
        (FIRST, head(206)),
        (FIRST, head(206, "bytes 0-9/*")),
        (FIRST, head(206, "bytes */100")),
        (FIRST, head(206, "lines 0-9/100")),
        (FIRST, head(206, "bytes 0-8/100")),
        (FIRST, head(206, "bytes 1-9/100")),
        (FIRST, head(206, "bytes 0-10/100")),
        (FIRST, head(206, "bytes 0-9/100", 11)),
        (FIRST, head(206, "bytes 0-9/100", encoded=True)),
        (FIRST, head(200, "bytes 0-9/100")),
        (FIRST, head(416, "bytes */100")),
        (NAMED, head(416, "bytes */100", etag='"a"')),
    ],
)
def test_responses_without_the_requested_part(wanted, response):
    assert isinstance(decide(wanted, response), RequestWhole)


@pytest.mark.parametrize(
    ("version", "response", "worth"),
    [
        (None, head(200, length=100), Whole()),
        (NAMED.version, head(200, length=100, etag='"a"', modified=MONDAY), Whole()),
        (None, head(206, "bytes 0-99/100", 100), Continue(0, 100, 100)),
    ],
)
def test_the_whole_file_instead_of_a_part(version, response, worth):
    wanted = PartRequest(0, None, version)
    assert wanted.fields == ()
    assert decide(wanted, response) == worth


@pytest.mark.parametrize(
    "response",
    [head(206, asked=False), head(206, "bytes 0-9/100", 10, asked=False), head(200, "bytes 0-9/100", asked=False)],
)
def test_a_part_instead_of_the_whole_file(response):
    assert isinstance(decide(PartRequest(0, None), response), Refuse)
