"""Checks of a response before its body is written: its media type and the size of the file."""

from ..core import mediatypes, ranges
from ..core.hubs import HubFile, hub_file
from ..errors import IntegrityError
from ..exchange.requeststate import OpenResponse

_PARTS = "multipart/byteranges"  # the type of several ranges, which are rejected elsewhere


def hub_file_of(response: OpenResponse) -> HubFile:
    """Return what a hub says about the file in the response and the redirects to it."""
    redirects = [each.head for each in response.history] if response.history else ()
    return hub_file([*redirects, response.head], use_etag=not response.body.is_encoded)


def require_type(expected: tuple[str, ...], response: OpenResponse) -> None:
    """Check the media type of a successful response. Raises UnexpectedContent: the caller expects other types."""
    if expected:
        content_type = response.head.field("content-type")
        if mediatypes.media_type(content_type) != _PARTS:
            mediatypes.require(content_type, expected)


def require_size(given: int | None, linked: int | None, facts: ranges.RangeResponse) -> int | None:
    """Check the size that a response announces for the file; return the expected size, or None if it is unknown.

    The caller expects the size ``given``; X-Linked-Size names the size ``linked``.
    """
    part = ranges.parse_content_range(facts.content_range) if facts.status == 206 else None
    length = facts.length if part is None else part.total
    announced = {"X-Linked-Size": linked, "the response": None if facts.encoded else length}
    for source, size in announced.items():
        expected = linked if given is None else given
        if None not in (size, expected) and size != expected:
            by = "the caller expects" if given is not None else "X-Linked-Size announces"
            raise IntegrityError(f"The file has {size} bytes according to {source}, but {by} {expected}")
    return linked if given is None else given
