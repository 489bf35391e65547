"""Parts of a file that is read here and there: what to ask for, and what an answer means (RFC 9110 section 14)."""

from __future__ import annotations

from typing import NamedTuple

from .headers import Fields
from .ranges import ContentRange, RangeResponse, parse_content_range


class FileVersion(NamedTuple):
    """Of which file the parts are.

    Attributes:
        total: bytes of the whole.
        etag: its ETag, strong or weak, if it has one.
        last_modified: its Last-Modified, if it has one.
        validator: what If-Range may name; see :func:`httpconn.core.ranges.validator`.
    """

    total: int
    etag: str | None = None
    last_modified: str | None = None
    validator: str | None = None


class PartRequest(NamedTuple):
    """A part: from one byte to another, both included. The version is None before the first answer."""

    first: int
    last: int
    version: FileVersion | None = None

    @property
    def fields(self) -> Fields:
        """The header fields that ask for it."""
        asked = ((b"Range", b"bytes=%d-%d" % (self.first, self.last)),)
        validator = self.version and self.version.validator
        return asked if validator is None else (*asked, (b"If-Range", validator.encode("ascii")))


class Part(NamedTuple):
    """The body is the part: so many bytes, of a file of so many."""

    length: int
    total: int


class Whole(NamedTuple):
    """The body is the whole file."""


class Empty(NamedTuple):
    """The file has no bytes."""


class Changed(NamedTuple):
    """The file is another one now."""

    reason: str


class Refused(NamedTuple):
    """The server gives no parts, or not as HTTP has it."""

    reason: str


class Fail(NamedTuple):
    """The status is an error like any other."""


Decision = Part | Whole | Empty | Changed | Refused | Fail


def decide(wanted: PartRequest, head: RangeResponse) -> Decision:
    """What an answer is worth."""
    part = parse_content_range(head.content_range)
    if head.status == 206:
        return _part(wanted, head, part)
    if head.status == 416:
        return _unsatisfiable(wanted, part)
    if head.status == 412:
        return Changed("its version is not there any more")
    if not 200 <= head.status < 300:
        return Fail()
    if part is not None and part.is_slice:
        return Refused("a part came as if it were the whole")
    if wanted.version is None:
        return Whole()
    return _changed(wanted.version, head, head.length) or Refused("the whole file came where a part was asked for")


def _part(wanted: PartRequest, head: RangeResponse, part: ContentRange | None) -> Decision:
    if head.encoded:
        return Refused("the part is encoded")
    if part is None or part.first is None or part.total is None:  # multipart/byteranges has none, either
        return Refused("the part does not say which it is, and of how much")
    changed = wanted.version and _changed(wanted.version, head, part.total)
    if changed is not None:
        return changed
    if (part.first, part.last) != (wanted.first, min(wanted.last, part.total - 1)):
        return Refused("the part is not the one asked for")
    if head.length not in (None, part.length):
        return Refused("the part has another length than its range")
    return Part(part.length, part.total)


def _unsatisfiable(wanted: PartRequest, part: ContentRange | None) -> Decision:
    if part is None or part.total is None:
        return Fail()
    if wanted.version is None:
        return Empty() if part.total == 0 else Refused("its first bytes are said not to be there")
    if part.total != wanted.version.total:
        return Changed("it has another size now")
    return Refused("bytes of it are said not to be there")


def _changed(version: FileVersion, head: RangeResponse, total: int | None) -> Changed | None:
    """A 206 has to repeat the ETag, but not the Last-Modified (RFC 9110 section 15.3.7)."""
    if total not in (None, version.total):
        return Changed("it has another size now")
    if head.etag != version.etag:
        return Changed("it has another ETag now")
    if version.last_modified is not None and head.last_modified not in (None, version.last_modified):
        return Changed("it was modified")
    return None
