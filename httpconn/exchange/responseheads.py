"""Header fields of responses that decide how a file or a body continues."""

from pathlib import PurePath

from ..core import mediatypes, ranges
from ..core.filecodings import is_own_format
from ..core.filenames import safe_name
from ..core.filereads import FileVersion
from ..core.messages import Head
from .body import expected_length
from .requeststate import OpenResponse

_PAGES = frozenset({"", ".html", ".htm", ".xhtml", ".shtml", ".php", ".asp", ".aspx", ".jsp", ".cgi"})
"""Suffixes of file names that may belong to an HTML page."""


def range_head(
    response: OpenResponse, *, range_requested: bool, if_range: bool | None = None, name: str = ""
) -> ranges.RangeResponse:
    """Return the facts for :func:`httpconn.core.ranges.decide`. The suffix of ``name`` may be that of an HTML page."""
    head = response.head
    media_type = mediatypes.media_type(head.field("content-type"))
    return ranges.RangeResponse(
        head.status,
        range_requested,
        head.field("content-range"),
        expected_length(head),
        head.field("etag"),
        head.field("last-modified"),
        response.body.is_encoded,
        media_type in ranges.HTML and PurePath(name).suffix.lower() not in _PAGES,
        if_range,
        media_type,
        head.field("date"),
    )


def validator_of(head: Head) -> str | None:
    """Return the strong validator of a response for If-Range (RFC 9110 section 13.1.5), or None."""
    return ranges.validator(head.field("etag"), head.field("last-modified"), head.field("date"))


def version_of(head: Head, total: int, validator: str | None = None) -> FileVersion:
    """Return the version that further responses must have: that of this response."""
    return FileVersion(total, head.field("etag"), head.field("last-modified"), validator or validator_of(head))


def keep_own_format(response: OpenResponse, *names: str) -> None:
    """Disable the decoding of a file if its content coding is the format of the file, such as gzip for ``a.tar.gz``."""
    head = response.head
    coding = head.field("content-encoding") if b"content-encoding" in head.values else None
    if coding is not None:
        disposition = head.field("content-disposition")
        urls = response.url, response.call.spec.url
        known = safe_name(disposition, response.url), *(safe_name(None, url) for url in urls)
        if is_own_format(coding, (*known, *names)):
            response.body.keep_coding()
