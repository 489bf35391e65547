"""Ranges: what to ask for when a part of a file is there, and what an answer then means (RFC 9110 section 14)."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import NamedTuple

from ..errors import InvalidRequest
from .dates import timestamp
from .headers import Fields

# An opaque tag in quotes (RFC 9110 section 8.8.3); what begins with W/ is weak, and proves no byte.
# Other bytes than ASCII's would be allowed, but no two parties read them alike.
_STRONG = re.compile(r'"[\x21\x23-\x7e]*"')
_DATE = re.compile(r"[A-Za-z0-9,:+ -]{1,64}")
_CONTENT_RANGE = re.compile(r"bytes +(?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII | re.IGNORECASE)

UNASKED_PART = "The server sent a part of the file where all of it was requested"

STRONG_AFTER = 60.0
"""Seconds after which a modification can no longer hide behind the same date (RFC 9110 section 8.8.2.2)."""


class ReceivedBytes(NamedTuple):
    """What there is of a file.

    Attributes:
        size: bytes from its beginning on.
        total: bytes of the whole, or None where nobody said.
        validator: names the version they are of, strongly; see :func:`validator`.
        provable: the caller gave a digest, so that even unnamed versions cannot be mixed unnoticed.
        beyond: bytes behind a gap.
        gap_end: offset of the first byte behind the first gap, or None if no byte is.
    """

    size: int = 0
    total: int | None = None
    validator: str | None = None
    provable: bool = False
    beyond: int = 0
    gap_end: int | None = None

    @property
    def resumable(self) -> bool:
        """Whether the rest may be asked for alone."""
        return self.size + self.beyond > 0 and (self.validator is not None or self.provable)

    @property
    def first(self) -> int:
        """The byte to ask from. Of a complete file the last one: past it even the right version answers 416."""
        return self.size if self.total is None else min(self.size, self.total - 1)


class RangeResponse(NamedTuple):
    """The header of an answer, as far as it decides how a download goes on.

    Attributes:
        status: 200, 206, 412, 416 or another success.
        asked: whether the request had a Range.
        length: the Content-Length.
        encoded: the body has a content coding, so that its bytes are not those of the file.
    """

    status: int
    asked: bool
    content_range: str | None = None
    length: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    encoded: bool = False


class ContentRange(NamedTuple):
    """``bytes first-last/total``; first and last are None in ``bytes */total``, total in ``bytes first-last/*``."""

    first: int | None
    last: int | None
    total: int | None

    @property
    def length(self) -> int:
        """Bytes of the part."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1

    @property
    def is_slice(self) -> bool:
        """Whether this names bytes, and not all of them."""
        return self.first is not None and self.length != self.total


class Continue(NamedTuple):
    """The body follows on what there is, once its first ``discard`` bytes are dropped."""

    discard: int
    length: int
    total: int


class Restart(NamedTuple):
    """The body is the whole file: what there was is void."""


class Complete(NamedTuple):
    """Nothing is missing."""


class RequestWhole(NamedTuple):
    """The body is of no use; ask for the whole file."""

    reason: str


class Refuse(NamedTuple):
    """The answer breaks the protocol, and asking again would not mend it."""

    reason: str


class Fail(NamedTuple):
    """The status is an error like any other."""


Decision = Continue | Restart | Complete | RequestWhole | Refuse | Fail


def is_strong(etag: str | None) -> bool:
    """Whether an entity tag names the very bytes (RFC 9110 section 8.8.1)."""
    return etag is not None and _STRONG.fullmatch(etag) is not None


def validator(etag: str | None, last_modified: str | None, date: str | None) -> str | None:
    """What If-Range may name (RFC 9110 section 13.1.5): a strong ETag, or a strong date where there is no ETag."""
    if is_strong(etag):
        return etag
    modified, answered = timestamp(last_modified), timestamp(date)
    if etag is not None or modified is None or answered is None or answered - modified < STRONG_AFTER:
        return None
    return last_modified if is_validator(last_modified) else None


def is_validator(value: str | None) -> bool:
    """Whether it has the form of one that :func:`validator` gives; a file may hold anything."""
    if value is None or is_strong(value):
        return value is not None
    return _DATE.fullmatch(value) is not None and timestamp(value) is not None


def version(etag: str | None, last_modified: str | None) -> str | None:
    """What names a version well enough to ask whether it is still the newest; here a weak tag will do."""
    return next((each for each in (etag, last_modified) if each is not None and _names_a_version(each)), None)


def conditions(known: str | None, modified: float) -> Fields:
    """The fields that ask for a file only if it is no longer the version that is there (RFC 9110 section 13.1).

    Args:
        known: what :func:`version` gave for it, or None.
        modified: when the file was modified, in seconds since the epoch; asked about where nothing better is known.

    Raises:
        InvalidRequest: what is said to be known is no ETag and no date.
    """
    if known is None:
        return ((b"If-Modified-Since", formatdate(modified, usegmt=True).encode("ascii")),)
    if not _names_a_version(known):
        raise InvalidRequest("A validator is an ETag with its quotes, or a Last-Modified")
    name = b"If-None-Match" if known.endswith('"') else b"If-Modified-Since"
    return ((name, known.encode("ascii")),)


def _names_a_version(value: str) -> bool:
    return isinstance(value, str) and is_validator(value.removeprefix("W/"))


def fields(held: ReceivedBytes) -> Fields:
    """Return the header fields that request the first missing bytes; none if only the whole file will do.

    The range ends where bytes on disk follow, so that none of them is sent again.
    """
    if not held.resumable:
        return ()
    last = b"" if held.gap_end is None else b"%d" % (held.gap_end - 1)
    asked = ((b"Range", b"bytes=%d-%b" % (held.first, last)),)
    return asked if held.validator is None else (*asked, (b"If-Range", held.validator.encode("ascii")))


def parse_content_range(value: str | None) -> ContentRange | None:
    """A Content-Range (RFC 9110 section 14.4), or None where it is missing, invalid or of another unit."""
    match = _CONTENT_RANGE.fullmatch(value.strip()) if value else None
    if match is None:
        return None
    first, last, total = (int(each) if each and each != "*" else None for each in match.groups())
    if first is None or last is None:
        return ContentRange(None, None, total) if total is not None else None
    return ContentRange(first, last, total) if first <= last and (total is None or last < total) else None


def holds_all(content_range: str | None, length: int | None) -> bool:
    """Whether a 206 response holds all bytes of a file (RFC 9110 section 15.3.7).

    Args:
        content_range: the Content-Range.
        length: the length of the body.
    """
    part = parse_content_range(content_range)
    return part is not None and part.first is not None and part.total == part.length == length


def decide(held: ReceivedBytes, head: RangeResponse) -> Decision:
    """What an answer means for what there is: the one place where bytes are joined to others, or are not."""
    if head.status == 206:
        return _part(held, head)
    if head.status == 416:
        return _unsatisfiable(held, head)
    if head.status == 412 and head.asked:
        return RequestWhole("the file has changed")
    if not 200 <= head.status < 300:
        return Fail()
    part = parse_content_range(head.content_range)
    if part is not None and part.is_slice:
        # Some caches answer 200 with what they hold of the file.
        return _unless_asked_whole(head, "a part came as if it were the whole")
    return Restart()


def _part(held: ReceivedBytes, head: RangeResponse) -> Decision:
    part = parse_content_range(head.content_range)
    if not head.asked:
        return Restart() if holds_all(head.content_range, head.length) else Refuse(UNASKED_PART)
    if head.encoded:
        return RequestWhole("the part is encoded")
    if part is None or part.first is None or part.last is None:  # multipart/byteranges has none, either
        return RequestWhole("the part does not say which it is")
    total = held.total if part.total is None else part.total
    flaw = _flaw(held, head, part, total)
    if flaw is not None or total is None:
        return RequestWhole(flaw or "the part does not say of how much")
    return Continue(held.size - part.first, part.length, total)


def _flaw(held: ReceivedBytes, head: RangeResponse, part: ContentRange, total: int | None) -> str | None:
    """What keeps a part from following on what there is."""
    first, last = part.first or 0, part.last or 0
    if held.total is not None and total != held.total:
        return "the part is of a file of another size"
    if first > held.size or (last < held.size and last + 1 != total):
        return "the part is not the one asked for"
    if total is not None and held.size > total:
        return "the part is of a shorter file"
    if head.length is not None and head.length != part.length:
        return "the part has another length than its range"
    return None if _same_version(held, head) else "the part is of another version"


def _same_version(held: ReceivedBytes, head: RangeResponse) -> bool:
    """A 206 has to repeat the ETag, but not the Last-Modified (RFC 9110 section 15.3.7)."""
    if held.validator is None:
        return held.provable
    if is_strong(held.validator):
        return head.etag == held.validator
    return head.last_modified in (None, held.validator)


def _unsatisfiable(held: ReceivedBytes, head: RangeResponse) -> Decision:
    part = parse_content_range(head.content_range)
    is_all = part is not None and part.first is None and part.total == held.size and not held.beyond
    # Nothing is all there can be of an empty object; some servers refuse any GET of one.
    if is_all and (held.size == 0 or (head.asked and _names_version(held, head))):
        return Complete()
    return RequestWhole("there is no such part") if head.asked else Fail()


def _names_version(held: ReceivedBytes, head: RangeResponse) -> bool:
    """Here nothing that is merely left out counts as equal: the size alone proves no version."""
    if held.provable:
        return True
    return held.validator is not None and held.validator in (head.etag, head.last_modified)


def _unless_asked_whole(head: RangeResponse, reason: str) -> Decision:
    return RequestWhole(reason) if head.asked else Refuse(f"The server's answer is of no use: {reason}")
