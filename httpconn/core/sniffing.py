"""The media type of a body by its first bytes (WHATWG MIME Sniffing Standard, sections 6 and 7)."""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase

from ..errors import UnexpectedContent
from .mediatypes import media_type
from .regexes import regex

SNIFFED = 1445  # bytes that determine the type (section 5.2)

_TAG = rb"!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p"
_SPACE = rb"[\t\n\f\r ]*+"
_XML_PROLOG = rb"(?:\xef\xbb\xbf)?(?:[\t\n\f\r ]++|<\?.*?\?>|<!--.*?-->|<!doctype\s+svg[^>\[]*(?:\[.*?\]\s*)?>)*+"
_FTYP = rb"...[\x08-\xff]ftyp"

# Beside the standard's tables: SVG, AVIF, HEIC, TIFF, JPEG XL, FLAC, AAC and Matroska.
_SIGNATURES = (
    ("image/svg+xml", rb"(?i)" + _XML_PROLOG + rb"<svg[\s>/]"),
    ("text/html", rb"(?i)" + _SPACE + rb"<(?:(?:" + _TAG + rb")[ >]|!--)"),
    ("text/xml", rb"(?i)" + _SPACE + rb"<\?xml"),
    ("application/pdf", rb"%PDF-"),
    ("application/postscript", rb"%!PS-Adobe-"),
    ("image/x-icon", rb"\x00\x00[\x01\x02]\x00"),
    ("image/bmp", rb"BM"),
    ("image/gif", rb"GIF8[79]a"),
    ("image/webp", rb"RIFF....WEBPVP"),
    ("image/png", rb"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", rb"\xff\xd8\xff"),
    ("image/avif", _FTYP + rb"avi[fs]"),
    ("image/heic", _FTYP + rb"(?:hei[cx]|hev[cx]|mif1|msf1)"),
    ("image/tiff", rb"II\*\0|MM\0\*"),
    ("image/jxl", rb"\xff\n|\0\0\0\x0cJXL \r\n\x87\n"),
    ("audio/aiff", rb"FORM....AIFF"),
    ("audio/mpeg", rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\x1b\x20-\x2b\x30-\x3b\x40-\xeb]"),
    ("audio/aac", rb"\xff[\xf0\xf1\xf8\xf9]"),
    ("audio/flac", rb"fLaC"),
    ("application/ogg", rb"OggS\0"),
    ("audio/midi", rb"MThd\x00\x00\x00\x06"),
    ("video/avi", rb"RIFF....AVI "),
    ("audio/wave", rb"RIFF....WAVE"),
    ("video/mp4", _FTYP),
    ("video/webm", rb"\x1aE\xdf\xa3.{0,34}?B\x82.{1,8}?webm"),
    ("video/x-matroska", rb"\x1aE\xdf\xa3"),
    ("application/x-gzip", rb"\x1f\x8b\x08"),
    ("application/zip", rb"PK\x03\x04"),
    ("application/x-rar-compressed", rb"Rar!?\x20?\x1a\x07"),
    ("font/ttf", rb"\x00\x01\x00\x00"),
    ("font/otf", rb"OTTO"),
    ("font/collection", rb"ttcf"),
    ("font/woff", rb"wOFF"),
    ("font/woff2", rb"wOF2"),
    ("application/vnd.ms-fontobject", rb".{34}LP"),
)
_PATTERNS = tuple((kind, regex(signature, re.DOTALL)) for kind, signature in _SIGNATURES)
_WITH_SIGNATURE = frozenset(kind for kind, _ in _SIGNATURES) - {"text/html", "text/xml"}

# Other types of files with the same signature. A declared type among them is kept.
_SAME = {
    "application/ogg": ("audio/ogg", "video/ogg", "audio/opus"),
    "application/x-gzip": ("application/gzip", "application/*"),
    "application/x-rar-compressed": ("application/vnd.rar", "application/x-rar"),
    "application/zip": ("application/*",),
    "audio/aac": ("audio/aacp", "audio/x-aac"),
    "audio/aiff": ("audio/x-aiff",),
    "audio/flac": ("audio/x-flac",),
    "audio/midi": ("audio/mid", "audio/x-midi"),
    "audio/mpeg": ("audio/mp3",),
    "audio/wave": ("audio/wav", "audio/x-wav", "audio/vnd.wave"),
    "font/ttf": ("font/sfnt", "application/x-font-ttf"),
    "image/bmp": ("image/x-ms-bmp", "image/x-bmp"),
    "image/heic": ("image/heif",),
    "image/jpeg": ("image/jpg", "image/pjpeg"),
    "image/png": ("image/apng",),
    "image/x-icon": ("image/vnd.microsoft.icon",),
    "text/xml": ("application/xml",),
    "video/avi": ("video/x-msvideo", "video/vnd.avi"),
    "video/mp4": ("audio/mp4", "audio/x-m4a", "video/x-m4v", "video/quicktime", "video/3gpp"),
    "video/webm": ("audio/webm", "video/x-matroska"),
    "video/x-matroska": ("audio/x-matroska", "video/webm", "audio/webm"),
}
_TEXTUAL = regex(r"text/|.*[/+](?:xml|json|javascript|ecmascript|x-ndjson|yaml|x-yaml|sql)$")
_BINARY = regex(rb"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # section 3
_MARKS = (b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf")
_UNKNOWN = (None, "unknown/unknown", "application/unknown", "*/*")
_BYTES = "application/octet-stream"


def types_of(declared: str | None, head: bytes) -> tuple[str, ...]:
    """Return the type of a body by its first bytes, and the other types that it may have."""
    # Unlike in browsers, a declared type with a known signature counts only if the body has that signature. An error
    # page that claims to be an image is therefore not an image.
    is_text = head.startswith(_MARKS) or not _BINARY.search(head)
    is_textual = declared is not None and _TEXTUAL.match(declared) is not None
    if declared in _UNKNOWN:
        declared = None
    if declared is not None and is_text and is_textual and declared not in _WITH_SIGNATURE:
        return (declared,)
    found = next((kind for kind, pattern in _PATTERNS if pattern.match(head)), None)
    if found is not None:
        return _signed(found, declared)
    if declared is not None and declared not in (_BYTES, *_WITH_SIGNATURE) and is_textual == is_text:
        return (declared,)
    generic = "text/plain" if is_text else _BYTES
    return (generic, _BYTES) if declared == _BYTES else (generic,)


def _signed(found: str, declared: str | None) -> tuple[str, ...]:
    same = _SAME.get(found, ())
    if declared is None or declared == found:
        return (found,) if declared else (found, *same)
    is_same = any(fnmatchcase(declared, each) for each in same)
    if is_same and (declared in same or declared not in (_BYTES, *_WITH_SIGNATURE)):
        return (declared,)
    return (found, *same)


def require_accepted(accept: Collection[str], content_type: str | None, head: bytes) -> None:
    """Check the type of a body against patterns."""
    declared = media_type(content_type)
    types = types_of(declared, head)
    if not any("*" not in each and fnmatchcase(each, pattern) for each in types for pattern in accept):
        found = types[0] if head else "empty"
        raise UnexpectedContent(
            f"The body is {found}, declared as {declared or 'no type'}; accepted: {' or '.join(accept)}",
            retryable=False,
        )
