"""The file that exists at the target before a download, and whether it makes the download unnecessary."""

import errno
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple, Self

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
from ..progress import Meter
from ..runtime.port import Port
from .downloaded import Downloaded
from .options import DownloadOptions
from .partial import READ_SIZE


class ExistingFile(NamedTuple):
    """The file at the target."""

    size: int
    modified: float
    inode: int
    validator: str | None = None  # validator of its version, or None
    has_stored_version: bool = False  # an earlier download has stored the version
    # Another program wrote the file: the file system stores versions, and the file has none. Its modification time does
    # not identify a version, and the file may be incomplete.
    is_foreign: bool = False

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the file for a result of ``os.stat``."""
        return cls(status.st_size, status.st_mtime, status.st_ino)

    @property
    def conditions(self) -> Fields:
        """The header fields of a conditional request. Servers without ETags use the date (RFC 9110 section 13.2.2)."""
        if self.is_foreign:
            return ()
        by_version = ranges.conditions(self.validator, self.modified)
        by_date = ranges.conditions(None, self.modified) if self.has_stored_version else ()
        return by_version if by_version[0][0] == b"If-Modified-Since" else by_version + by_date

    def is_current(self, head: Head) -> bool:
        """Whether a response shows, by its status or its header fields, that the file is current."""
        if head.status == 304:
            return True
        return head.status == 200 and expected_length(head) == self.size and self._has_same_version(head)

    def _has_same_version(self, head: Head) -> bool:
        """Compare the strong ETag if it is known, otherwise the date, which a download sets as modification time."""
        if self.validator is not None and self.validator.endswith('"'):
            return ranges.is_strong(self.validator) and head.field("etag") == self.validator
        modified = self.modified if self.validator is None else timestamp(self.validator)
        return modified is not None and timestamp(head.field("last-modified")) == modified


async def accept_existing(
    port: Port, request: RequestState, options: DownloadOptions, target: Path
) -> Downloaded | None:
    """Return a result for the existing file if no request is necessary: it is skipped, or its digest matches."""
    if options.server_names or (options.existing in ("replace", "refresh") and options.digest is None):
        return None
    if options.existing == "error":
        await port.blocking(require_free, target)
        return None
    existing, digest = await port.blocking(look_at, target), options.digest
    if existing is None or options.size not in (None, existing.size):
        return None
    if digest is not None:
        meter = verification_meter(port, request, options, target, existing.size)
        if not await _has_digest(port, request.deadline, target, digest, meter):
            return None
        if existing.size > READ_SIZE:
            meter.finish(port.now())
    return Downloaded(
        target,
        existing.size,
        request.call.spec.url.redacted,
        **passed(digest, length=options.size is not None),
        unmodified=True,
        elapsed=port.now() - request.started_at,
    )


def passed(digest: Expected | None, *, length: bool) -> dict[str, Any]:
    """Return the values of :class:`Downloaded` for the checks that a file has passed."""
    checks = ["length"] if length else []
    if digest is None:
        return {"verified": frozenset(checks)}
    return {"verified": frozenset([*checks, digest.algorithm]), "digest": str(digest), "digest_source": digest.source}


def require_free(target: Path) -> None:
    """Check that no file exists at a path. Raises StorageError: a file exists; ``errno`` is EEXIST."""
    if os.path.lexists(target):
        raise StorageError(f"{os.strerror(errno.EEXIST)}: {target}", errno=errno.EEXIST)


def verification_meter(port: Port, request: RequestState, options: DownloadOptions, target: Path, size: int) -> Meter:
    """Return a meter that reports the hashing of a file on disk, if that takes several steps."""
    callback, url = options.progress if size > READ_SIZE else None, request.url.redacted
    return Meter(
        callback, total=size, url=url, path=target, attempt=request.attempts, started_at=port.now(), verifying=True
    )


async def _has_digest(port: Port, deadline: Deadline, target: Path, digest: Expected, meter: Meter) -> bool:
    actual, offset = hasher(digest.algorithm), 0
    while data := await port.blocking(_read, target, offset):
        deadline.check(port.now())
        await port.blocking(actual.update, data)
        meter.advance(len(data), port.now())
        offset += len(data)
    return actual.hexdigest() == digest.value


def _read(target: Path, offset: int) -> bytes:
    """Read the next bytes; none if the file cannot be read, so that its digest differs."""
    try:
        with target.open("rb") as file:
            file.seek(offset)
            return file.read(READ_SIZE)
    except OSError:
        return b""


def look_at(target: Path) -> ExistingFile | None:
    """Return the file at a path, or None if there is none or its status cannot be read."""
    try:
        status = os.stat(target)
    except OSError:
        return None
    return ExistingFile.of(status) if stat.S_ISREG(status.st_mode) else None


def with_version(target: Path, url: VettedURL, validator: str | None) -> ExistingFile | None:
    """Return the file at a path with the caller's validator or the stored one.

    None means that there is no file, or that the stored version is one of another resource.
    """
    existing, version = look_at(target), None if validator else stored_version(target)
    if existing is None or (version is not None and version.key != resource_key(url)):
        return None
    if version is not None:
        return existing._replace(validator=version.validator, has_stored_version=True)
    return existing._replace(validator=validator, is_foreign=validator is None and can_store_version(target))
