"""The version of a downloaded file, noted in an extended attribute: which resource it is, and its validator.

A later download can then ask the server by ETag. The note counts only while the file's size and modification time are
the noted ones. Linux has such attributes on most file systems; elsewhere nothing is noted.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import NamedTuple

_ATTRIBUTE = "user.httpconn.version"
_MAX_BYTES = 1024


class Version(NamedTuple):
    """What a file is a copy of.

    Attributes:
        key: of the resource.
        validator: its ETag or Last-Modified.
    """

    key: str
    validator: str


def note(descriptor: int, version: Version) -> None:
    """Note the version of an open file, where the system can."""
    with suppress(OSError, AttributeError):
        text = "\n".join((_state(os.fstat(descriptor)), *version))
        os.setxattr(descriptor, _ATTRIBUTE, text.encode("ascii"))


def noted(path: str | os.PathLike[str]) -> Version | None:
    """Return the version noted for a file, or None where there is none or the file was changed since."""
    try:
        text = os.getxattr(path, _ATTRIBUTE)[:_MAX_BYTES].decode("ascii")
        state, key, validator = text.split("\n")
        return Version(key, validator) if state == _state(os.stat(path)) else None
    except (OSError, AttributeError, ValueError):
        return None


def is_notable(path: str | os.PathLike[str]) -> bool:
    """Whether a download would have noted the version of this file: a file without a note is not one of ours."""
    try:
        os.getxattr(path, _ATTRIBUTE)
    except OSError as error:
        return error.errno == getattr(errno, "ENODATA", None)
    except AttributeError:
        return False
    return True


def _state(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"
