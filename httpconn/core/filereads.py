"""Reads of a remote file at any offset, by range requests (RFC 9110 section 14)."""

from typing import NamedTuple

from .headers import Fields
from .ranges import (
    Changed,
    Complete,
    ContentRange,
    Continue,
    Fail,
    RangeResponse,
    RequestPlainRange,
    Unusable,
    Whole,
    contents,
    unusable,
)


class FileVersion(NamedTuple):
    """The version of a file. All parts that are read must have the same version."""

    total: int
    etag: str | None = None
    last_modified: str | None = None
    validator: str | None = None  # the value for If-Range, or None; see :func:`httpconn.core.ranges.validator`


class PartRequest(NamedTuple):
    """A request for a part of a file."""

    first: int
    last: int | None  # the last byte, or None for the whole file
    version: FileVersion | None = None

    @property
    def length(self) -> int | None:
        """The number of requested bytes, or None for the whole file."""
        return None if self.last is None else self.last - self.first + 1

    @property
    def fields(self) -> Fields:
        if self.last is None:
            return ()
        fields = ((b"Range", b"bytes=%d-%d" % (self.first, self.last)),)
        validator = self.version and self.version.validator
        return fields if validator is None else (*fields, (b"If-Range", validator.encode("ascii")))


Decision = Continue | Whole | Complete | Changed | RequestPlainRange | Unusable | Fail


def decide(wanted: PartRequest, head: RangeResponse) -> Decision:
    """Decide how to use the response to a request for a part."""
    match contents(head):
        case ContentRange(first=None) as part:
            return _unsatisfiable(wanted, head, part.total)
        case ContentRange() as part:
            return _part(wanted, head, part)
        case Whole():
            return _whole(wanted, head)
        case other:
            return other


def _part(wanted: PartRequest, head: RangeResponse, part: ContentRange) -> Decision:
    total = part.total if part.total is not None or wanted.version is None else wanted.version.total
    if total is None:
        return unusable(head, "the response does not contain the size of the file")
    changed = wanted.version and _changed(wanted.version, head, total)
    if changed is not None:
        return changed
    last = total - 1 if wanted.last is None else min(wanted.last, total - 1)
    if (part.first, part.last) != (wanted.first, last):
        return unusable(head, "the part is not the requested one")
    return Continue(0, part.length, total)


def _whole(wanted: PartRequest, head: RangeResponse) -> Decision:
    """Decide how to use a whole file instead of a part. Some servers send it in response to If-Range with an ETag."""
    version = wanted.version
    if version is None:
        return Whole()
    changed = _changed(version, head, None if head.encoded else head.length)
    is_same = changed is None and version.validator is not None and version.validator == head.etag
    if is_same and wanted.last is not None:
        return RequestPlainRange()
    return changed or Whole()


def _unsatisfiable(wanted: PartRequest, head: RangeResponse, total: int | None) -> Decision:
    if total is None:
        return Fail()
    if wanted.version is None and total <= wanted.first:
        return Complete(total)
    if wanted.version is not None and total != wanted.version.total:
        return Changed("it has another size now")
    return unusable(head, "the server says that some of its bytes do not exist")


def _changed(version: FileVersion, head: RangeResponse, total: int | None) -> Changed | None:
    """Compare the version. A 206 must repeat the ETag, but not the Last-Modified (RFC 9110 section 15.3.7)."""
    if total not in (None, version.total):
        return Changed("it has another size now")
    if head.etag != version.etag:
        return Changed("it has another ETag now")
    if version.last_modified is not None and head.last_modified not in (None, version.last_modified):
        return Changed("it was modified")
    return None
