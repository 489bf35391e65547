"""The media type of a body by its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.mediatypes import patterns
from httpconn.core.sniffing import SNIFFED, require_accepted, types_of
from httpconn.errors import UnexpectedContent

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
ZIP = b"PK\x03\x04" + bytes(20)
SVG = (
    b'<?xml version="1.0"?>\n<!-- <html> -->\n<!DOCTYPE svg PUBLIC "a" "b">\n<svg xmlns="http://www.w3.org/2000/svg"/>'
)
HTML = b"\n <!DOCTYPE html><title>Sign in</title>"

SIGNATURES = {
    "application/ogg": b"OggS\0\2",
    "application/pdf": b"%PDF-1.7",
    "application/postscript": b"%!PS-Adobe-3.0",
    "application/vnd.ms-fontobject": bytes([65]) * 34 + b"LP",
    "application/x-gzip": b"\x1f\x8b\x08\0",
    "application/x-rar-compressed": b"Rar \x1a\x07\x00",
    "application/zip": ZIP,
    "audio/aac": b"\xff\xf1\x50\x80",
    "audio/aiff": b"FORM\0\0\0\0AIFF",
    "audio/flac": b"fLaC\0",
    "audio/midi": b"MThd\0\0\0\x06",
    "audio/mpeg": b"ID3\x03",
    "audio/wave": b"RIFF\x10\0\0\0WAVE",
    "font/collection": b"ttcf",
    "font/otf": b"OTTO\0",
    "font/ttf": b"\0\x01\0\0",
    "font/woff": b"wOFF\0",
    "font/woff2": b"wOF2\0",
    "image/avif": b"\0\0\0\x1cftypavif\0\0\0\0",
    "image/bmp": b"BM\0\0",
    "image/gif": b"GIF89a",
    "image/heic": b"\0\0\0\x1cftypheic\0\0\0\0",
    "image/jpeg": JPEG,
    "image/jxl": b"\xff\x0a",
    "image/png": PNG,
    "image/svg+xml": SVG,
    "image/tiff": b"MM\0*",
    "image/webp": b"RIFF\n\n\n\nWEBPVP8 ",
    "image/x-icon": b"\0\0\x01\0",
    "text/html": HTML,
    "text/xml": b"<?xml version='1.0'?><feed/>",
    "video/avi": b"RIFF\0\0\0\0AVI ",
    "video/mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    "video/webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm",
    "video/x-matroska": b"\x1aE\xdf\xa3\x9fB\x82\x88matroska",
}


@pytest.mark.parametrize(("expected", "head"), SIGNATURES.items(), ids=SIGNATURES)
@pytest.mark.parametrize("declared", [None, "application/unknown", "application/octet-stream", "image/x-other"])
def test_a_signature_determines_the_type(expected, head, declared):
    assert types_of(declared, head)[0] == expected


@pytest.mark.parametrize("head", [b"\xff\xfb\x90\x64", b"\xff\xf3\x84\xc4"])
def test_mp3_without_tags(head):
    assert types_of(None, head)[0] == "audio/mpeg"


@pytest.mark.parametrize(
    "start", [b"<html>", b"<!doctype HTML ", b"<BODY ", b"\t\n <script>", b"<!-- x", b"<p>", b"<a href"]
)
def test_html(start):
    assert types_of(None, start)[0] == "text/html"


@pytest.mark.parametrize(
    ("declared", "head", "expected"),
    [
        (None, b"", "text/plain"),
        (None, b"<pre>", "text/plain"),
        (None, "Grüße".encode(), "text/plain"),
        (None, b"\xfe\xff\0H", "text/plain"),
        (None, b"\0\1\2", "application/octet-stream"),
        ("text/plain", HTML, "text/plain"),
        ("text/plain", b"BMW", "text/plain"),
        ("text/plain", PNG, "image/png"),
        ("text/html", b"no tags", "text/html"),
        ("application/json", b"{}", "application/json"),
        ("application/problem+json", b"{}", "application/problem+json"),
        ("application/json", b"\0\1", "application/octet-stream"),
        ("image/png", HTML, "text/html"),
        ("image/png", b"error", "text/plain"),
        ("image/png", b"\0\1\2", "application/octet-stream"),
        ("image/png", b"", "text/plain"),
        ("image/png", JPEG, "image/jpeg"),
        ("image/jpg", JPEG, "image/jpg"),
        ("image/svg+xml", SVG, "image/svg+xml"),
        ("image/svg+xml", HTML, "text/html"),
        ("image/svg+xml", b"<html><svg>", "text/html"),
        ("image/x-other", b"\0\1\2", "image/x-other"),
        ("image/x-other", b"error", "text/plain"),
        ("application/vnd.oasis.opendocument.text", ZIP, "application/vnd.oasis.opendocument.text"),
        ("application/pdf", ZIP, "application/zip"),
        ("image/x-other", ZIP, "application/zip"),
        ("application/octet-stream", ZIP, "application/zip"),
        ("audio/mp4", SIGNATURES["video/mp4"], "audio/mp4"),
        ("audio/ogg", SIGNATURES["application/ogg"], "audio/ogg"),
    ],
)
def test_the_declared_type_and_the_body(declared, head, expected):
    assert types_of(declared, head)[0] == expected


@pytest.mark.parametrize(
    ("accept", "declared", "head", "is_accepted"),
    [
        ("image/*", None, PNG, True),
        ("image/*", "text/html; charset=utf-8", PNG, True),
        ("image/*", "image/png", HTML, False),
        (["image/png", "image/webp"], "image/png", JPEG, False),
        ("application/gzip", None, SIGNATURES["application/x-gzip"], True),
        ("audio/*", None, SIGNATURES["application/ogg"], True),
        ("audio/*", "video/mp4", SIGNATURES["video/mp4"], False),
        ("application/octet-stream", "application/octet-stream", b"text", True),
        ("application/*", None, HTML, False),
        ("application/pdf", None, ZIP, False),
    ],
)
def test_a_body_is_accepted_or_an_error(accept, declared, head, is_accepted):
    if is_accepted:
        require_accepted(patterns(accept), declared, head)
        return
    with pytest.raises(UnexpectedContent) as raised:
        require_accepted(patterns(accept), declared, head)
    assert types_of(declared and declared.partition(";")[0], head)[0] in raised.value.message
    assert not raised.value.retryable


def test_an_error_says_that_a_body_is_empty():
    with pytest.raises(UnexpectedContent, match="is empty, declared as image/png"):
        require_accepted(patterns("image/*"), "image/png", b"")


@given(
    st.none() | st.sampled_from(sorted(SIGNATURES)),
    st.binary(max_size=SNIFFED) | st.text("<!->?svg \n", max_size=SNIFFED).map(str.encode),
)
def test_any_bytes_have_a_type(declared, head):
    assert all("/" in each and "*" not in each for each in types_of(declared, head)[:1])
