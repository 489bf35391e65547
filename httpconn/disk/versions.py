"""The version of a downloaded file, stored in an extended attribute: the resource and its validator.

A later download can then ask the server by ETag. The stored version is valid only while the size and modification time
of the file are unchanged. Most file systems on Linux have such attributes; elsewhere no version is stored.
"""

import errno
import os
from contextlib import suppress
from typing import NamedTuple

_ATTRIBUTE = "user.httpconn.version"
_MAX_BYTES = 1024


class FileVersion(NamedTuple):
    """The resource and version that a file is a copy of."""

    key: str
    validator: str  # its ETag or Last-Modified


def store_version(descriptor: int, version: FileVersion) -> None:
    """Store the version of an open file where the system supports it."""
    with suppress(OSError, AttributeError):
        text = "\n".join((_state(os.fstat(descriptor)), *version))
        os.setxattr(descriptor, _ATTRIBUTE, text.encode("ascii"))


def stored_version(path: str | os.PathLike[str]) -> FileVersion | None:
    """Return the stored version of a file, or None if no valid one is stored."""
    try:
        text = os.getxattr(path, _ATTRIBUTE)[:_MAX_BYTES].decode("ascii")
        state, key, validator = text.split("\n")
        return FileVersion(key, validator) if state == _state(os.stat(path)) else None
    except (OSError, AttributeError, ValueError):
        return None


def can_store_version(path: str | os.PathLike[str]) -> bool:
    """Whether the file system of a file stores versions, so that a file without one was not downloaded by httpconn."""
    try:
        os.getxattr(path, _ATTRIBUTE)
    except OSError as error:
        return error.errno == getattr(errno, "ENODATA", None)
    except AttributeError:
        return False
    return True


def _state(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"
