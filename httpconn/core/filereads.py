"""Reads of a remote file at any offset, by range requests (RFC 9110 section 14)."""

from __future__ import annotations

from typing import NamedTuple

from .headers import Fields
from .ranges import ContentRange, RangeResponse, parse_content_range


class FileVersion(NamedTuple):
    """The version of a file. All parts that are read must have the same version.

    Attributes:
        validator: the value for If-Range, or None; see :func:`httpconn.core.ranges.validator`.
    """

    total: int
    etag: str | None = None
    last_modified: str | None = None
    validator: str | None = None


class PartRequest(NamedTuple):
    """A request for a part of a file."""

    first: int
    last: int
    version: FileVersion | None = None

    @property
    def fields(self) -> Fields:
        """The header fields of the request."""
        fields = ((b"Range", b"bytes=%d-%d" % (self.first, self.last)),)
        validator = self.version and self.version.validator
        return fields if validator is None else (*fields, (b"If-Range", validator.encode("ascii")))


class Part(NamedTuple):
    """The body is the requested part: ``length`` bytes of a file of ``total`` bytes."""

    length: int
    total: int


class Whole(NamedTuple):
    """The body is the whole file."""


class PastEnd(NamedTuple):
    """The file has ``total`` bytes, and so none of the requested ones."""

    total: int


class Changed(NamedTuple):
    """The file has another version now."""

    reason: str


class Refused(NamedTuple):
    """The server does not support range requests, or violates RFC 9110 section 14."""

    reason: str


class Fail(NamedTuple):
    """The status is an error that does not concern the range."""


Decision = Part | Whole | PastEnd | Changed | Refused | Fail


def decide(wanted: PartRequest, head: RangeResponse) -> Decision:
    """Decide how to use the response to a request for a part."""
    part = parse_content_range(head.content_range)
    if head.status == 206:
        return _part(wanted, head, part)
    if head.status == 416:
        return _unsatisfiable(wanted, part)
    if head.status == 412:
        return Changed("its version is no longer on the server")
    if not 200 <= head.status < 300:
        return Fail()
    if part is not None and part.is_slice:
        return Refused("the server sent a part with a status for the whole file")
    if wanted.version is None:
        return Whole()
    return _changed(wanted.version, head, head.length) or Refused("the server sent the whole file instead of a part")


def _part(wanted: PartRequest, head: RangeResponse, part: ContentRange | None) -> Decision:
    if head.encoded:
        return Refused("the part has a content coding")
    if part is None or part.first is None or part.total is None:  # multipart/byteranges has no Content-Range either
        return Refused("the part has no complete Content-Range")
    changed = wanted.version and _changed(wanted.version, head, part.total)
    if changed is not None:
        return changed
    if (part.first, part.last) != (wanted.first, min(wanted.last, part.total - 1)):
        return Refused("the part is not the requested one")
    if head.length not in (None, part.length):
        return Refused("the part has another length than its range")
    return Part(part.length, part.total)


def _unsatisfiable(wanted: PartRequest, part: ContentRange | None) -> Decision:
    if part is None or part.total is None:
        return Fail()
    if wanted.version is None:
        if part.total <= wanted.first:
            return PastEnd(part.total)
        return Refused("the server says that its first bytes do not exist")
    if part.total != wanted.version.total:
        return Changed("it has another size now")
    return Refused("the server says that some of its bytes do not exist")


def _changed(version: FileVersion, head: RangeResponse, total: int | None) -> Changed | None:
    """Compare the version. A 206 must repeat the ETag, but not the Last-Modified (RFC 9110 section 15.3.7)."""
    if total not in (None, version.total):
        return Changed("it has another size now")
    if head.etag != version.etag:
        return Changed("it has another ETag now")
    if version.last_modified is not None and head.last_modified not in (None, version.last_modified):
        return Changed("it was modified")
    return None
