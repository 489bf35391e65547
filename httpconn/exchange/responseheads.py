"""Header fields of responses that decide how a file or a body continues."""

from pathlib import PurePath

from ..core import mediatypes, ranges
from ..core.decoding import codings_of
from ..core.filenames import safe_name
from ..core.filereads import FileVersion
from ..core.messages import Head
from .body import expected_length
from .requeststate import OpenResponse

_PAGES = frozenset({"", ".html", ".htm", ".xhtml", ".shtml", ".php", ".asp", ".aspx", ".jsp", ".cgi"})
"""Suffixes of file names that may belong to an HTML page."""

_GZIP, _COMPRESS = (".gz", ".tgz", ".svgz"), (".z", ".taz")
_CODING_SUFFIXES = {
    "gzip": _GZIP,
    "x-gzip": _GZIP,
    "compress": _COMPRESS,
    "x-compress": _COMPRESS,
    "br": (".br",),
    "zstd": (".zst", ".zstd", ".tzst"),
}
"""Suffixes of the files with the format of a content coding. ``.bz2`` and ``.xz`` have no content coding."""


def range_head(
    response: OpenResponse, *, range_requested: bool, if_range: bool | None = None, name: str = ""
) -> ranges.RangeResponse:
    """Return the facts for :func:`httpconn.core.ranges.decide`. ``name`` is the name of the file."""
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
    """Return the version of this response, which further responses must have."""
    return FileVersion(total, head.field("etag"), head.field("last-modified"), validator or validator_of(head))


def keep_own_format(response: OpenResponse, *names: str) -> None:
    """Disable the decoding of a file if its content coding is the format of the file, such as gzip for ``a.tar.gz``."""
    # Some servers add "Content-Encoding: gzip" to a file that is stored as ``.gz``, whatever the request accepts. The
    # published size and digest describe the bytes as sent.
    head = response.head
    if b"content-encoding" not in head.values:
        return
    codings = codings_of(head.field("content-encoding"))
    suffixes = _CODING_SUFFIXES.get(codings[0], ()) if len(codings) == 1 else ()
    disposition = head.field("content-disposition")
    urls = response.url, response.call.spec.url
    known = safe_name(disposition, response.url), *(safe_name(None, url) for url in urls)
    if any(name.lower().endswith(suffixes) for name in (*known, *names)):
        response.body.keep_coding()
