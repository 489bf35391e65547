"""The file that stands at the target already, where the caller or another download lets it count."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NamedTuple

from ..core import ranges
from ..core.dates import timestamp
from ..core.deadlines import Deadline
from ..core.digests import Expected, hasher
from ..core.headers import Fields
from ..core.identity import resource_key
from ..core.messages import Head
from ..core.urls import VettedURL
from ..disk.versions import can_store_version, stored_version
from ..errors import StorageError
from ..exchange.body import expected_length
from ..exchange.requeststate import RequestState
from ..ports.base import Port
from .downloaded import Downloaded
from .downloadstate import Wanted

REREAD = 16 * 1024 * 1024
"""Bytes that are read in one hop."""


class Existing(NamedTuple):
    """A file that is there.

    Attributes:
        size: its bytes.
        modified: when, in seconds since the epoch.
        number: which file it is among those of its file system.
        validator: the version that it is, or None.
        noted: an earlier download noted the version.
        foreign: a download would have noted the version, and there is no note. The time of such a file says when it
            was written, not which version it is: another program may have left it incomplete.
    """

    size: int
    modified: float
    number: int
    validator: str | None = None
    noted: bool = False
    foreign: bool = False

    @property
    def conditions(self) -> Fields:
        """The fields of a conditional request; servers that know no ETags go by the date (RFC 9110 section 13.2.2)."""
        if self.foreign:
            return ()
        by_version = ranges.conditions(self.validator, self.modified)
        by_date = ranges.conditions(None, self.modified) if self.noted else ()
        return by_version if by_version[0][0] == b"If-Modified-Since" else by_version + by_date

    def is_meant(self, head: Head) -> bool:
        """Whether an answer says that this is the newest; one that ignored the question may do so by its header."""
        if head.status == 304:
            return True
        return head.status == 200 and expected_length(head) == self.size and self._is_named(head)

    def _is_named(self, head: Head) -> bool:
        """By the strong ETag that is known; else by the date, which is the file's own where a download set it."""
        if self.validator is not None and self.validator.endswith('"'):
            return ranges.is_strong(self.validator) and head.field("etag") == self.validator
        modified = self.modified if self.validator is None else timestamp(self.validator)
        return modified is not None and timestamp(head.field("last-modified")) == modified


async def accepted(port: Port, course: RequestState, wanted: Wanted, target: Path) -> Downloaded | None:
    """Return the file that is there, if the caller wants no other one: it is then not requested.

    Raises:
        StorageError: there is something, and the caller wants an error then.
    """
    if wanted.server_names or (wanted.existing in ("replace", "refresh") and wanted.digest is None):
        return None
    if wanted.existing == "error":
        await port.blocking(require_free, target)
        return None
    existing = await port.blocking(look_at, target)
    if existing is None or not (
        wanted.digest is None or await _has_digest(port, course.deadline, target, wanted.digest)
    ):
        return None
    return _kept(target, existing, wanted.digest, course, port.now())


def require_free(target: Path) -> None:
    """Refuse a path at which there is something.

    Raises:
        StorageError: with ``errno.EEXIST``.
    """
    if os.path.lexists(target):
        raise StorageError(f"{os.strerror(errno.EEXIST)}: {target}", errno=errno.EEXIST)


def _kept(target: Path, existing: Existing, digest: Expected | None, course: RequestState, now: float) -> Downloaded:
    return Downloaded(
        target,
        existing.size,
        course.call.spec.url.redacted,
        verified=frozenset(() if digest is None else {digest.algorithm}),
        digest=None if digest is None else str(digest),
        digest_source=None if digest is None else digest.source,
        unmodified=True,
        elapsed=now - course.started_at,
    )


async def _has_digest(port: Port, deadline: Deadline, target: Path, digest: Expected) -> bool:
    """Read the file and compare."""
    actual, offset = hasher(digest.algorithm), 0
    while data := await port.blocking(_read, target, offset):
        deadline.check(port.now())
        await port.blocking(actual.update, data)
        offset += len(data)
    return actual.hexdigest() == digest.value


def look_at(target: Path) -> Existing | None:
    """What stands at the path, if it can be told."""
    try:
        found = target.stat()
    except OSError:
        return None
    return Existing(found.st_size, found.st_mtime, found.st_ino)


def version_of(target: Path, url: VettedURL, validator: str | None) -> Existing | None:
    """The file at the path with its version: the one that the caller names, or the one that a download noted.

    None where there is no file, or it is noted as another resource.
    """
    existing, version = look_at(target), None if validator else stored_version(target)
    if existing is None or (version is not None and version.key != resource_key(url)):
        return None
    if version is not None:
        return existing._replace(validator=version.validator, noted=True)
    return existing._replace(validator=validator, foreign=validator is None and can_store_version(target))


def _read(target: Path, offset: int) -> bytes:
    """What cannot be read is no file that counts."""
    try:
        with target.open("rb") as file:
            file.seek(offset)
            return file.read(REREAD)
    except OSError:
        return b""
