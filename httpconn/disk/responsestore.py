"""A store of cached responses in a folder that several processes can share: one file per response."""

import hashlib
import json
import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..core.caching import KEPT, OVERHEAD, SHARE, Record
from .sidecar import require
from .system import read_file, replace

logger: logging.Logger = logging.getLogger("httpconn.cache")

FORMAT = 2
KEY_LENGTH = 64
# Version 0.1.0 uses the same ending, so its files are found here and replaced or removed.
_NAME = re.compile(r"[0-9a-f]{64}\.answer(-[0-9a-f]{16})?")
_MAX_HEAD = 64 * 1024


class FolderStore:
    """A store of the most recently used responses. It skips responses that it cannot read or write.

    Only the owner can read its files. Their names contain no URL.

    Args:
        max_bytes: size limit of all files together. Processes that write at the same moment can exceed it briefly.
    """

    is_on_disk: bool = True

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max = max_bytes
        self._unchecked = max_bytes
        self._has_warned = False

    def get(self, key: str) -> Record | None:
        """Return the record of a key; remove its file if it is not a valid record."""
        path = self._path(key)
        try:
            record = decode(read_file(path, self._max, trusted=True))
        except OSError:
            return None
        if record is None:
            self.drop(key)
            return None
        with suppress(OSError):
            os.utime(path)
        return record

    def put(self, key: str, record: Record) -> None:
        text = encode(record)
        if (len(text) + OVERHEAD) * SHARE > self._max:
            self.drop(key)
            return
        try:
            self._write(self._path(key), text)
            self._evict(len(text) + OVERHEAD)
        except OSError as error:
            self._warn(error)

    def drop(self, key: str) -> None:
        paths = [self._path(key)] if len(key) == KEY_LENGTH else self._folder.glob(f"{key}*.answer")
        with suppress(OSError):
            for path in paths:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.answer"

    def _write(self, path: Path, text: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(path, path.with_name(f"{path.name}-{secrets.token_hex(8)}"), text, durable=False)

    def _evict(self, written: int) -> None:
        """Remove the least recently used records above the limit. Many writes share one listing of the folder."""
        self._unchecked += written
        if self._unchecked * SHARE < self._max:
            return
        self._unchecked = 0
        files = sorted(self._files())
        excess = sum(size for _, size, _ in files) - self._max + self._max // SHARE
        for _, size, path in files:
            if excess <= 0:
                break
            with suppress(OSError):
                path.unlink()
            excess -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield the time of last use, the accounted size and the path of each file of the store."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name):
                    with suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        yield status.st_mtime, status.st_size + OVERHEAD, Path(entry.path)

    def _warn(self, error: OSError) -> None:
        """Log the first failed write. A cache that cannot write makes calls slower but must not fail them."""
        if not self._has_warned:
            self._has_warned = True
            reason = error.strerror or type(error).__name__
            logger.warning("The cache cannot store responses in %s: %s", self._folder, reason)


def encode(record: Record) -> bytes:
    """Return a record as a line of JSON and the body."""
    head = {"format": FORMAT, "sha256": hashlib.sha256(record.data).hexdigest(), "born": record.born}
    return json.dumps({**head, "status": record.status, "fields": record.fields}).encode("ascii") + b"\n" + record.data


def decode(text: bytes) -> Record | None:
    """Return the record in a file's content, or None for content that :func:`encode` does not produce."""
    head, _, data = text.partition(b"\n")
    try:
        return _record(data, **json.loads(head)) if len(head) <= _MAX_HEAD else None
    except (ValueError, TypeError, RecursionError):
        return None


def _record(data: bytes, *, format: int, sha256: str, born: float, status: int, fields: dict[str, Any]) -> Record:
    require(format == FORMAT and sha256 == hashlib.sha256(data).hexdigest())
    require(isinstance(born, float) and isinstance(status, int) and isinstance(fields, dict))
    for name, value in fields.items():
        (name + value).encode("latin-1")
    record = Record(born, fields, data, status)
    require(fields.keys() <= set(KEPT) or not record.is_success)
    return record
