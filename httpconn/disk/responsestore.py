"""A store of answers in a folder, which processes may share: a file for each, only ever replaced as a whole."""

from __future__ import annotations

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
from .system import read_ours, replace

logger: logging.Logger = logging.getLogger("httpconn.cache")

FORMAT = 2
_NAME = re.compile(r"[0-9a-f]{64}\.answer(-[0-9a-f]{16})?")
_MOST_HEAD = 64 * 1024


class FolderStore:
    """Holds the answers that were used last. What it cannot read or write, it does without.

    Its files can be read by their owner alone, and name no URL.

    Args:
        folder: made when it is first needed.
        max_bytes: of all files together, but for what several processes write at the same moment.
    """

    is_on_disk: bool = True

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max = max_bytes
        self._unseen = max_bytes
        self._has_told = False

    def get(self, key: str) -> Record | None:
        """The record of a key; a file that is none is removed."""
        path = self._path(key)
        try:
            record = decode(read_ours(path, self._max))
        except OSError:
            return None
        if record is None:
            self.drop(key)
            return None
        with suppress(OSError):
            os.utime(path)
        return record

    def put(self, key: str, record: Record) -> None:
        """Keep a record in place of the last one."""
        text = encode(record)
        if (len(text) + OVERHEAD) * SHARE > self._max:
            self.drop(key)
            return
        try:
            self._write(self._path(key), text)
            self._make_room(len(text) + OVERHEAD)
        except OSError as error:
            self._tell(error)

    def drop(self, key: str) -> None:
        """Forget the record of a key."""
        with suppress(OSError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.answer"

    def _write(self, path: Path, text: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(path, path.with_name(f"{path.name}-{secrets.token_hex(8)}"), text, durable=False)

    def _make_room(self, written: int) -> None:
        """Let the oldest go. The folder is looked through once for many files that are written."""
        self._unseen += written
        if self._unseen * SHARE < self._max:
            return
        self._unseen = 0
        files = sorted(self._files())
        excess = sum(size for _, size, _ in files) - self._max + self._max // SHARE
        for _, size, path in files:
            if excess <= 0:
                break
            with suppress(OSError):
                path.unlink()
            excess -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each was used last, the bytes that it is counted as, and where it is; nobody else's files."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name):
                    with suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        yield status.st_mtime, status.st_size + OVERHEAD, Path(entry.path)

    def _tell(self, error: OSError) -> None:
        """Once: a cache that cannot write makes calls slower, and is no reason for one to fail."""
        if not self._has_told:
            self._has_told = True
            logger.warning("Answers cannot be kept in %s: %s", self._folder, error.strerror or type(error).__name__)


def encode(record: Record) -> bytes:
    """A line of JSON, and the body."""
    head = {"format": FORMAT, "sha256": hashlib.sha256(record.data).hexdigest(), "born": record.born}
    return json.dumps({**head, "status": record.status, "fields": record.fields}).encode("ascii") + b"\n" + record.data


def decode(text: bytes) -> Record | None:
    """None for all that :func:`encode` does not write."""
    head, _, data = text.partition(b"\n")
    try:
        return _record(data, **json.loads(head)) if len(head) <= _MOST_HEAD else None
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
