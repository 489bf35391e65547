"""Where a file is to appear: what can be told before the transfer."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ..errors import InvalidRequest, StorageError
from .system import StrPath, Told, failure

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFSOCK: "a socket",
}


def check_target(path: str | os.PathLike[str]) -> Path:
    """The path as a ``Path``, found to be writable as far as can be told before the transfer.

    Raises:
        InvalidRequest: it is no path, holds a NUL, or cannot be written in the file system's encoding.
        StorageError: it is a folder or a device, its folder does not exist, or its name is too long.
    """
    target = _checked(path)
    with Told(target):
        mode, where = _mode(target, follow=False), os.fspath(target)
        if mode == stat.S_IFLNK:
            mode, where = _mode(target), os.path.realpath(target)
        if mode == stat.S_IFDIR:
            raise failure(errno.EISDIR, target)
        # A rename would put a file where a device, a pipe or a socket stood, for every other process too.
        if mode not in (None, stat.S_IFREG):
            raise StorageError(f"{target} is {_KINDS.get(mode, 'no file')}, not a regular file", errno=errno.EINVAL)
        _require_folder(os.path.dirname(where) or os.curdir)
    return target


def check_folder(path: str | os.PathLike[str]) -> Path:
    """The path as a ``Path``, found to be a folder: one in which a file gets the name that its server gives it.

    Raises:
        InvalidRequest: as for :func:`check_target`.
        StorageError: it is no folder.
    """
    folder = _checked(path)
    with Told(folder):
        _require_folder(os.fspath(folder))
    return folder


def _checked(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise InvalidRequest(f"A path to save to must be a str or a Path, not {type(path).__name__}")
    if "\0" in os.fspath(path):
        raise InvalidRequest("The path to save to holds a NUL")
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise InvalidRequest("The path to save to cannot be encoded for the file system") from error
    return path if isinstance(path, Path) else Path(path)


def _require_folder(folder: str) -> None:
    mode = _mode(folder)
    if mode != stat.S_IFDIR:
        raise failure(errno.ENOENT if mode is None else errno.ENOTDIR, folder)


def _mode(path: StrPath, *, follow: bool = True) -> int | None:
    """What stands at the path; None where nothing does."""
    try:
        return stat.S_IFMT(os.stat(path, follow_symlinks=follow).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
