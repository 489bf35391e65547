"""The file that stands at the target already, where the caller or another download lets it count."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import httpx

from ..core import ranges
from ..core.digests import Expected, hasher
from ..lazy import field
from .body import declared
from .job import Job

REREAD = 16 * 1024 * 1024
"""Bytes that are read in one hop."""


class Existing(NamedTuple):
    """A file that is there.

    Attributes:
        size: its bytes.
        modified: when, in seconds since the epoch.
        number: which file it is among those of its file system.
        validator: the version that it is, or None.
    """

    size: int
    modified: float
    number: int
    validator: str | None = None

    def is_meant(self, response: httpx.Response) -> bool:
        """Whether an answer says that this is the newest; one that ignored the question may do so by its header."""
        if response.status_code == 304:
            return True
        same = ranges.is_strong(self.validator) and field(response, "etag") == self.validator
        return same and response.status_code == 200 and declared(response) == self.size


async def has_digest(job: Job, digest: Expected) -> bool:
    """Read the file and compare."""
    actual, offset = hasher(digest.algorithm), 0
    while data := await job.port.blocking(_read, job.target, offset):
        job.course.deadline.check(job.port.now())
        await job.port.blocking(actual.update, data)
        offset += len(data)
    return actual.hexdigest() == digest.value


def look_at(target: Path) -> Existing | None:
    """What stands at the path, if it can be told."""
    try:
        found = target.stat()
    except OSError:
        return None
    return Existing(found.st_size, found.st_mtime, found.st_ino)


def _read(target: Path, offset: int) -> bytes:
    """What cannot be read is no file that counts."""
    try:
        with target.open("rb") as file:
            file.seek(offset)
            return file.read(REREAD)
    except OSError:
        return b""
