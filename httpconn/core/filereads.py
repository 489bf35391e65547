"""Reads of a remote file at any offset, by range requests (RFC 9110 section 14)."""

from typing import NamedTuple

from .headers import Fields
from .ranges import ContentRange, Fail, RangeResponse, Stale, Unusable, Whole, contents


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
    """A request for a part of a file.

    Attributes:
        last: the last byte, or None for the whole file.
    """

    first: int
    last: int | None
    version: FileVersion | None = None

    @property
    def length(self) -> int | None:
        """The number of requested bytes, or None for the whole file."""
        return None if self.last is None else self.last - self.first + 1

    @property
    def fields(self) -> Fields:
        """The header fields of the request."""
        if self.last is None:
            return ()
        fields = ((b"Range", b"bytes=%d-%d" % (self.first, self.last)),)
        validator = self.version and self.version.validator
        return fields if validator is None else (*fields, (b"If-Range", validator.encode("ascii")))


class Part(NamedTuple):
    """The body is the requested part: ``length`` bytes of a file of ``total`` bytes."""

    length: int
    total: int


class PastEnd(NamedTuple):
    """The file has ``total`` bytes, and so none of the requested ones."""

    total: int


class Changed(NamedTuple):
    """The file has another version now."""

    reason: str


class Refused(NamedTuple):
    """The server does not support range requests, or violates RFC 9110 section 14."""

    reason: str


class RequestWhole(NamedTuple):
    """The response to a range request cannot be used. Request the whole file."""


class RequestPlainPart(NamedTuple):
    """The server ignores ranges with If-Range, though the version is the same. Request the part without If-Range."""


Decision = Part | Whole | PastEnd | Changed | Refused | RequestWhole | RequestPlainPart | Fail


def decide(wanted: PartRequest, head: RangeResponse) -> Decision:
    """Decide how to use the response to a request for a part."""
    decision = _decide(wanted, head)
    return RequestWhole() if isinstance(decision, Refused) and wanted.last is not None else decision


def _decide(wanted: PartRequest, head: RangeResponse) -> Decision:
    match contents(head):
        case ContentRange(first=None) as part:
            return _unsatisfiable(wanted, part.total)
        case ContentRange() as part:
            return _part(wanted, head, part)
        case Whole():
            return _whole(wanted, head)
        case Stale():
            return Changed("its version is no longer on the server")
        case Unusable(reason):
            return Refused(reason)
    return Fail()


def _part(wanted: PartRequest, head: RangeResponse, part: ContentRange) -> Decision:
    total = part.total if part.total is not None or wanted.version is None else wanted.version.total
    if total is None:
        return Refused("the response does not contain the size of the file")
    changed = wanted.version and _changed(wanted.version, head, total)
    if changed is not None:
        return changed
    last = total - 1 if wanted.last is None else min(wanted.last, total - 1)
    if (part.first, part.last) != (wanted.first, last):
        return Refused("the part is not the requested one")
    return Part(part.length, total)


def _whole(wanted: PartRequest, head: RangeResponse) -> Decision:
    """Decide how to use a whole file instead of a part. Some servers send it in response to If-Range with an ETag."""
    version = wanted.version
    if version is None:
        return Whole()
    changed = _changed(version, head, None if head.encoded else head.length)
    is_same = changed is None and version.validator is not None and version.validator == head.etag
    if is_same and wanted.last is not None:
        return RequestPlainPart()
    return changed or Whole()


def _unsatisfiable(wanted: PartRequest, total: int | None) -> Decision:
    if total is None:
        return Fail()
    if wanted.version is None:
        return PastEnd(total) if total <= wanted.first else Refused("the server says that its first bytes do not exist")
    if total != wanted.version.total:
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
