"""The target: the path of a finished file, the checks before a transfer, and the two ways to put the file there.

One rename usually replaces the existing file. Two kinds of files cannot be replaced and are overwritten in place: a
mount point, as ``docker run -v file:file`` makes it, and another user's file in a sticky folder. Overwriting is not
atomic: a reader, or a crash, can see a mixture of the old and the new file.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..core.paths import checked_path
from ..errors import StorageError
from . import system
from .abandoned import read_blocks
from .content import Content
from .descriptors import OpenFile, close, open_file, open_path
from .system import StrPath, TranslatedErrors, os_error

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFSOCK: "a socket",
}

# The errors of a rename over a mount point, and over another user's file in a sticky folder.
_IRREPLACEABLE = frozenset({errno.EBUSY, errno.EPERM})


def check_target(path: str | os.PathLike[str]) -> Path:
    """Return the path of a target as a ``Path`` after all checks that are possible before the transfer.

    Raises:
        InvalidRequest: the argument is not a path, contains a NUL, or has no encoding on this file system.
        StorageError: the path is a folder or a device, its folder does not exist, or its name is too long.
    """
    target = checked_path(path)
    with TranslatedErrors(target):
        real_path = os.fspath(target)
        kind = _file_type(real_path, follow=False)
        if kind == stat.S_IFLNK:
            kind, real_path = _file_type(real_path), os.path.realpath(real_path)
        if kind == stat.S_IFDIR:
            raise os_error(errno.EISDIR, target)
        # A rename would replace a device, pipe or socket by a file, for every other process too.
        if kind not in (None, stat.S_IFREG):
            name = _KINDS.get(kind, "a special file")
            raise StorageError(f"{target} is {name}, not a regular file", errno=errno.EINVAL)
        _require_folder(os.path.dirname(real_path) or os.curdir)
    return target


def check_folder(path: str | os.PathLike[str]) -> Path:
    """Return the path of an existing folder as a ``Path``.

    Raises:
        InvalidRequest: as :func:`check_target`.
        StorageError: the path is not a folder.
    """
    folder = checked_path(path)
    with TranslatedErrors(folder):
        _require_folder(os.fspath(folder))
    return folder


def _require_folder(folder: str) -> None:
    kind = _file_type(folder)
    if kind != stat.S_IFDIR:
        raise os_error(errno.ENOENT if kind is None else errno.ENOTDIR, folder)


def _file_type(path: StrPath, *, follow: bool = True) -> int | None:
    try:
        return stat.S_IFMT(os.stat(path, follow_symlinks=follow).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


class Installed(NamedTuple):
    """How a finished file got to its path.

    Attributes:
        moved: the partial file was renamed; otherwise its bytes were copied.
        flushed: the copied bytes are on disk.
    """

    moved: bool
    flushed: bool


class Target:
    """The path of a finished file; for a link, the path that it points to.

    Raises:
        OSError: the existing file can only be overwritten in place, and this process is not allowed to.

    Attributes:
        path: real path of the file.
    """

    def __init__(self, target: Path) -> None:
        self.path: str
        self.path, status = _resolve(os.fspath(target.absolute()))
        self.permissions: int | None = None if status is None else stat.S_IMODE(status.st_mode)
        self._in_place = status is not None and stat.S_ISREG(status.st_mode) and _is_irreplaceable(self.path, status)
        if self._in_place:
            close(open_file(self.path, system.WRITE))

    def install(self, part: str, content: Content, mtime: float | None) -> Installed:
        """Put a finished partial file at the path.

        Args:
            part: path of the partial file.
            content: its content.
            mtime: modification time in seconds since the epoch, or None.
        """
        if self._replace(part, content.close):
            system.set_times(self.path, mtime)
            return Installed(moved=True, flushed=True)
        return Installed(moved=False, flushed=self._overwrite(content.file, content.size, mtime))

    def _replace(self, part: str, close_part: Callable[[], None]) -> bool:
        """Rename a partial file; return False if the existing file can only be overwritten in place."""
        if self._in_place:
            return False
        try:
            try:
                os.replace(part, self.path)
            except PermissionError as error:
                if error.errno == errno.EPERM:
                    raise
                close_part()  # required on Windows
                os.replace(part, self.path)
        except OSError as error:
            if error.errno not in _IRREPLACEABLE or not os.path.isfile(self.path):
                raise
            return False
        return True

    def _overwrite(self, part: OpenFile, size: int, mtime: float | None) -> bool:
        """Copy ``size`` bytes of a partial file into the existing file, and flush it.

        Returns:
            Whether the file system can flush.
        """
        file = open_file(self.path, system.WRITE)
        try:
            descriptor = file.fileno()
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise os_error(errno.EINVAL, self.path)
            system.reserve(descriptor, size)  # fails on a full disk while the old content is still complete
            offset = 0
            for block in read_blocks(part, 0, size):
                system.write_at(descriptor, offset, block)
                offset += len(block)
            os.ftruncate(descriptor, size)
            system.set_times(descriptor, mtime)
            return system.flush(descriptor, system.flush_file)
        finally:
            close(file)


def _resolve(path: str) -> tuple[str, os.stat_result | None]:
    try:
        status = os.lstat(path)
        if not stat.S_ISLNK(status.st_mode):
            return path, status
        path = os.path.realpath(path)
        return path, os.stat(path)
    except OSError:
        return path, None


def _is_irreplaceable(path: str, status: os.stat_result) -> bool:
    return _is_protected_by_sticky_folder(os.path.dirname(path), status) or _is_mount_point(path)


def _is_protected_by_sticky_folder(folder: str, status: os.stat_result) -> bool:
    """Whether the file is another user's in a sticky folder, such as /tmp: only its owner may replace it."""
    user = getattr(os, "geteuid", lambda: 0)()
    if user in (0, status.st_uid):
        return False
    with suppress(OSError):
        folder_status = os.stat(folder)
        return bool(folder_status.st_mode & stat.S_ISVTX) and user != folder_status.st_uid
    return False


def _is_mount_point(path: str) -> bool:
    """Whether a file is on another mount than its folder. Their devices can be equal: two mounts of one file system."""
    if sys.platform != "linux":
        return False
    with suppress(OSError):
        return _mount_id(open_path(path)) != _mount_id(open_path(os.path.dirname(path)))
    return False


def _mount_id(descriptor: int) -> list[bytes]:
    """Return the line of proc(5) with the mount ID of an open file."""
    lines = system.read_small(f"/proc/self/fdinfo/{descriptor}").splitlines()
    return [line for line in lines if line.startswith(b"mnt_id:")]
