"""Patterns of media types."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from httpconn.core.mediatypes import media_type, patterns, require
from httpconn.errors import InvalidRequest, UnexpectedContent


@pytest.mark.parametrize(
    ("found", "given", "expected"),
    [
        ("image/png", "image/*", True),
        ("image/svg+xml", "IMAGE/*+xml", True),
        ("image/png", ["text/*", "image/png"], True),
        ("text/html", "application/*", False),
        (None, "application/*", True),
        (None, "image/*", False),
        ("x-text/plain", "text/*", False),
        ("anything/at-all", "*/*", True),
    ],
)
def test_a_type_matches_a_pattern(found, given, expected):
    with nullcontext() if expected else pytest.raises(UnexpectedContent):
        require(found, patterns(given))


def test_without_patterns_any_type_is_expected():
    require("text/html", patterns(None))


def test_parameters_and_case_do_not_matter():
    require(" Image/PNG ; q=1", patterns("image/png"))


@pytest.mark.parametrize("given", ["image", "*", "", "image/[pj]*", "a/b; c=d", ["image/*", 1], 7])
def test_other_patterns_are_rejected(given):
    with pytest.raises(InvalidRequest):
        patterns(given)


@pytest.mark.parametrize("declared", ["image/\x1b[2Jpng", "image/\x9bpng", "image/" + "x" * 10_000])
def test_a_type_is_printable_and_short(declared):
    found = media_type(declared)
    assert found.isprintable()
    assert len(found) <= 128
