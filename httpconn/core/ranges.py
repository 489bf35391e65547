"""Range requests that resume a download: the request, and the use of its response (RFC 9110 section 14)."""

import re
from email.utils import formatdate
from typing import NamedTuple

from ..errors import InvalidRequest
from .dates import timestamp
from .headers import Fields
from .regexes import regex

# An opaque tag in quotes (RFC 9110 section 8.8.3). A tag that begins with W/ is weak and does not identify the bytes.
# RFC 9110 also allows bytes outside of ASCII, but servers and clients interpret them differently.
_STRONG = regex(r'"[\x21\x23-\x7e]*"')
_DATE = regex(r"[A-Za-z0-9,:+ -]{1,64}")
_CONTENT_RANGE = regex(r"bytes +(?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII | re.IGNORECASE)

UNASKED_PART = "The server sent a part of the file in response to a request for the whole file"

HTML = frozenset({"text/html", "application/xhtml+xml"})  # the media types of HTML pages
STRONG_AFTER = 60.0  # seconds after which a Last-Modified is a strong validator (RFC 9110 section 8.8.2.2)


class ReceivedBytes(NamedTuple):
    """The received bytes of a file."""

    size: int = 0  # the number of bytes from the start of the file
    total: int | None = None
    validator: str | None = None  # the strong validator of their version, or None; see :func:`validator`
    # Whether the caller gave a digest. A digest detects bytes of different versions without a validator.
    provable: bool = False
    beyond: int = 0  # the number of bytes after the first gap
    gap_end: int | None = None  # the offset of the first byte after the first gap, or None if there is none
    media_type: str | None = None  # the media type of the first response, or None
    kept: str | None = None  # the validator of other bytes, which a restart has kept on disk, or None

    @property
    def received(self) -> int:
        return self.size + self.beyond

    @property
    def resumable(self) -> bool:
        """Whether the missing bytes can be requested alone."""
        return self.received > 0 and (self.validator is not None or self.provable)

    @property
    def first(self) -> int:
        """The first byte to request. For a complete file, its last byte: a range after it fails with 416."""
        return self.size if self.total is None else min(self.size, self.total - 1)


class RangeResponse(NamedTuple):
    """The parts of a response head that decide how a download continues."""

    status: int
    asked: bool  # whether the request had a Range
    content_range: str | None = None
    length: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    encoded: bool = False  # whether the body has a content coding, so that its bytes are not those of the file
    is_page: bool = False  # whether the body is HTML, and the name of the file is not that of a page
    # Whether the request had an If-Range. None counts as True where a response may omit its version.
    if_range: bool | None = None
    media_type: str | None = None  # the media type in lower case and without parameters, or None
    date: str | None = None


class ContentRange(NamedTuple):
    """A Content-Range: ``bytes first-last/total``. The fields are None for ``*``."""

    first: int | None
    last: int | None
    total: int | None

    @property
    def length(self) -> int:
        return 0 if self.first is None or self.last is None else self.last - self.first + 1


class Continue(NamedTuple):
    """The body continues the received bytes, after its first ``discard`` bytes are dropped."""

    discard: int
    length: int
    total: int


class Whole(NamedTuple):
    """The body is the whole file. A download keeps the received bytes until the whole file has arrived."""


class GoBack(NamedTuple):
    """The body has the version of the bytes that a restart has kept. Continue those bytes."""


class Complete(NamedTuple):
    """The file has ``total`` bytes: the requested bytes are beyond its end."""

    total: int


class Changed(NamedTuple):
    """The file has another version now."""

    reason: str


class RequestWhole(NamedTuple):
    """The body cannot be used. Request the whole file."""

    reason: str


class RequestPlainRange(NamedTuple):
    """The server ignores ranges with If-Range, though the version is the same. Request the range without If-Range."""


class Suspect(NamedTuple):
    """The body is probably not the file, as from a captive portal. Keep the received bytes and try again later."""

    reason: str


class Refuse(NamedTuple):
    """The response to a request for the whole file violates HTTP, and another request would not help."""

    reason: str


class Fail(NamedTuple):
    """The status is an error that does not concern the range."""


Unusable = RequestWhole | Refuse
Decision = Continue | Whole | GoBack | Complete | RequestPlainRange | Suspect | Unusable | Fail


def is_strong(etag: str | None) -> bool:
    """Return whether an entity tag identifies the exact bytes (RFC 9110 section 8.8.1)."""
    return etag is not None and _STRONG.fullmatch(etag) is not None


def validator(etag: str | None, last_modified: str | None, date: str | None) -> str | None:
    """Return the value for If-Range (RFC 9110 section 13.1.5): a strong ETag or, without an ETag, a strong date."""
    if is_strong(etag):
        return etag
    modified, responded = timestamp(last_modified), timestamp(date)
    if etag is not None or modified is None or responded is None or responded - modified < STRONG_AFTER:
        return None
    return last_modified if is_validator(last_modified) else None


def is_validator(value: str | None) -> bool:
    """Return whether a value, such as one read from a file, has the form of a strong ETag or a date."""
    if value is None or is_strong(value):
        return value is not None
    return _DATE.fullmatch(value) is not None and timestamp(value) is not None


def version(etag: str | None, last_modified: str | None) -> str | None:
    """Return the ETag or Last-Modified for a conditional request. A weak tag is sufficient."""
    if etag is not None and _names_a_version(etag):
        return etag
    return last_modified if last_modified is not None and _names_a_version(last_modified) else None


def conditions(known: str | None, modified: float) -> Fields:
    """Return the fields that request a file only if its version changed (RFC 9110 section 13.1).

    Args:
        known: the result of :func:`version`, or None.
        modified: the modification time in seconds since the epoch. It is used if ``known`` is None.
    """
    if known is None:
        return ((b"If-Modified-Since", formatdate(modified, usegmt=True).encode("ascii")),)
    if not _names_a_version(known):
        raise InvalidRequest("A validator is an ETag with its quotes, or a Last-Modified")
    name = b"If-None-Match" if known.endswith('"') else b"If-Modified-Since"
    return ((name, known.encode("ascii")),)


def _names_a_version(value: str) -> bool:
    return isinstance(value, str) and is_validator(value.removeprefix("W/"))


def fields(held: ReceivedBytes, *, if_range: bool = True) -> Fields:
    """Return the header fields that request the first missing bytes; none if the whole file must be requested.

    The range ends before the next bytes on disk, so the server does not send these again. With a digest of the caller,
    If-Range is not necessary, because the digest proves the result. Some servers send the whole file in response to
    If-Range.

    Args:
        if_range: let the server compare the version. Otherwise :func:`decide` compares the ETag of the response.
    """
    if not held.resumable:
        return ()
    last = b"" if held.gap_end is None else b"%d" % (held.gap_end - 1)
    requested = ((b"Range", b"bytes=%d-%b" % (held.first, last)),)
    if held.validator is None or held.provable or not if_range:
        return requested
    return (*requested, (b"If-Range", held.validator.encode("ascii")))


def parse_content_range(value: str | None) -> ContentRange | None:
    """Parse a Content-Range (RFC 9110 section 14.4). Return None if it is missing, invalid or not in bytes."""
    match = _CONTENT_RANGE.fullmatch(value.strip()) if value else None
    if match is None:
        return None
    first, last, total = (int(each) if each and each != "*" else None for each in match.groups())
    if first is None or last is None:
        return ContentRange(None, None, total) if total is not None else None
    return ContentRange(first, last, total) if first <= last and (total is None or last < total) else None


def holds_all(content_range: str | None, length: int | None) -> bool:
    """Return whether a 206 response has all bytes of a file (RFC 9110 section 15.3.7)."""
    part = parse_content_range(content_range)
    return part is not None and part.first is not None and part.total == part.length == length


def unusable(head: RangeResponse, reason: str) -> Unusable:
    """Return the decision about a body that was not requested."""
    return RequestWhole(reason) if head.asked else Refuse(f"The server did not send the whole file: {reason}")


def contents(head: RangeResponse) -> ContentRange | Whole | Changed | Unusable | Fail:
    """Return which bytes of the file a response holds. The range of a 416 has no first byte."""
    part = parse_content_range(head.content_range)
    if head.status == 206:
        return _part_in(head, part)
    if head.status == 416:
        return part if part is not None and part.first is None else ContentRange(None, None, None)
    if head.status == 412 and head.asked:
        return Changed("its version is no longer on the server")
    if not 200 <= head.status < 300:
        return Fail()
    # Some caches send the part that they have with status 200.
    is_slice = part is not None and part.first is not None and part.length != part.total
    return unusable(head, "the server sent a part with a status for the whole file") if is_slice else Whole()


def _part_in(head: RangeResponse, part: ContentRange | None) -> ContentRange | Unusable:
    if head.encoded:
        return unusable(head, "the part has a content coding")
    if part is None or part.first is None:  # as in multipart/byteranges
        return unusable(head, "the part has no Content-Range")
    if head.length not in (None, part.length):
        return unusable(head, "the part and its range have different lengths")
    return part


def decide(held: ReceivedBytes, head: RangeResponse) -> Decision:
    """Decide how a download uses a response."""
    if head.status == 206 and not head.asked:
        return Whole() if holds_all(head.content_range, head.length) else Refuse(UNASKED_PART)
    match contents(head):
        case ContentRange(first=None) as part:
            return _unsatisfiable(held, head, part)
        case ContentRange() as part:
            return _part(held, head, part)
        case Whole():
            return _whole(held, head)
        case Changed(reason):
            return RequestWhole(f"the file has changed: {reason}")
        case other:
            return other


def _whole(held: ReceivedBytes, head: RangeResponse) -> Decision:
    """Decide how to use a response that seems to be a whole file."""
    if not held.received:
        return Whole()
    versions = head.etag, head.last_modified
    is_same = held.validator is not None and held.validator in versions
    if not is_same and _is_suspicious(held, head):
        size = "an unknown number of" if head.length is None else head.length
        arrived = f"{size} bytes of the type {head.media_type or 'unknown'}"
        expected = f"{held.total or 'unknown'} bytes of the type {held.media_type or 'unknown'}"
        return Suspect(f"The server sent {arrived}, but the request was for the remaining part of a file of {expected}")
    if is_same and head.if_range and not head.encoded and head.length == held.total:
        return RequestPlainRange()
    return GoBack() if not is_same and held.kept is not None and held.kept in versions else Whole()


def _is_suspicious(held: ReceivedBytes, head: RangeResponse) -> bool:
    """Return whether a body is probably not the file: HTML instead of it, or a much smaller or unversioned body.

    A new version of a file names its version and has the same media type.
    """
    if head.is_page if held.media_type is None else head.media_type in HTML and held.media_type not in HTML:
        return True
    has_other_type = None not in (held.media_type, head.media_type) and held.media_type != head.media_type
    is_unversioned = head.etag is None and head.last_modified is None
    is_much_smaller = held.total is not None and head.length is not None and 2 * head.length < held.total
    if is_much_smaller:
        return has_other_type or is_unversioned
    return has_other_type and is_unversioned and head.length != held.total


def _part(held: ReceivedBytes, head: RangeResponse, part: ContentRange) -> Decision:
    total = held.total if part.total is None else part.total
    flaw = _flaw(held, head, part, total)
    if flaw is not None or total is None:
        return RequestWhole(flaw or "the response does not contain the size of the file")
    return Continue(held.size - (part.first or 0), part.length, total)


def _flaw(held: ReceivedBytes, head: RangeResponse, part: ContentRange, total: int | None) -> str | None:
    """Return the reason why a part cannot continue the received bytes, or None."""
    first, last = part.first or 0, part.last or 0
    if held.total is not None and total != held.total:
        return "the part belongs to a file of another size"
    if first > held.size or (last < held.size and last + 1 != total):
        return "the part is not the requested one"
    if total is not None and held.size > total:
        return "the part belongs to a shorter file"
    return None if _same_version(held, head) else "the part belongs to another version"


def _same_version(held: ReceivedBytes, head: RangeResponse) -> bool:
    """Compare the version. After If-Range, a 206 may omit Last-Modified, but not the ETag (RFC 9110 section 15.3.7)."""
    if held.validator is None:
        return held.provable
    if is_strong(held.validator):
        return head.etag == held.validator or (head.etag is None and held.provable)
    may_omit = head.if_range is not False or held.provable
    return head.last_modified == held.validator or (head.last_modified is None and may_omit)


def _unsatisfiable(held: ReceivedBytes, head: RangeResponse, part: ContentRange) -> Decision:
    is_all = part.total == held.size and not held.beyond
    # An empty file is complete without any byte. Some servers respond to every GET of an empty file with 416.
    if is_all and (held.size == 0 or (head.asked and _names_version(held, head))):
        return Complete(held.size)
    return RequestWhole("the server does not have the requested part") if head.asked else Fail()


def _names_version(held: ReceivedBytes, head: RangeResponse) -> bool:
    """Compare the version in a 416. A missing field is not equal, because a size does not prove a version."""
    if held.provable:
        return True
    return held.validator is not None and held.validator in (head.etag, head.last_modified)
