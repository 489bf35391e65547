"""The state file of a collection: digests of verified files, so that unchanged files are not hashed again."""

import json
import os
import secrets
from contextlib import suppress
from typing import Any

from .hiddennames import HiddenNames
from .system import read_file, replace

NAME = ".httpconn-files.json"
FORMAT = 1
MAX_BYTES = 512 * 1024 * 1024  # size in bytes above which a state file is ignored

SAVE_FILES, SAVE_BYTES = 100, 1 << 30
"""Verified files and bytes after which the state file is written. A crash can lose the record of as many."""

State = list[Any]  # size, modification time in nanoseconds, inode number and digest of a file


class KnownFiles:
    """The verified files of a folder. A state file that is missing, damaged or of another user counts as empty."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, NAME)
        self._files: dict[str, State] = {}
        self._unsaved = self._unsaved_bytes = 0
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            data = read_file(self._path, MAX_BYTES + 1, trusted=True)
            state = json.loads(data) if len(data) <= MAX_BYTES else {}
            if state["format"] == FORMAT:
                self._files = dict(state["files"])

    def size_if_verified(self, path: str, digest: str) -> int | None:
        """Return the size of a file that had this digest and has not changed since, or None."""
        status = _status(os.path.join(self._folder, path))
        return status[0] if status is not None and self._files.get(path) == [*status, digest] else None

    def add(self, path: str, digest: str, size: int) -> None:
        """Add a file that was verified just now, and write the state file from time to time."""
        status = _status(os.path.join(self._folder, path))
        if status is None or status[0] != size:
            return  # another process changed it meanwhile
        self._files[path] = [*status, digest]
        self._unsaved += 1
        self._unsaved_bytes += status[0]
        # A part of all files, so that the time for a large folder grows linearly.
        if self._unsaved >= max(SAVE_FILES, len(self._files) // 10) or self._unsaved_bytes >= SAVE_BYTES:
            self.save()

    def save(self) -> None:
        """Write the state file. If the write fails, the next call hashes the files again."""
        if not self._unsaved:
            return
        self._unsaved = self._unsaved_bytes = 0
        data = json.dumps({"format": FORMAT, "files": self._files}, separators=(",", ":")).encode("ascii")
        with suppress(OSError):
            draft = HiddenNames(self._path).draft(secrets.token_hex(8))  # later downloads remove it after a crash
            replace(self._path, draft, data, durable=False)


def _status(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
