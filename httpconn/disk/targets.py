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

from ..core.paths import checked_path
from ..errors import StorageError
from . import system
from .descriptors import OpenFile, close, open_file, open_path
from .system import TranslatedErrors, os_error

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFSOCK: "a socket",
}

# The errors of a rename over a mount point, and over another user's file in a sticky folder.
_IRREPLACEABLE = frozenset({errno.EBUSY, errno.EPERM})


def check_folder(path: str | os.PathLike[str]) -> Path:
    """Return the path of an existing folder as a ``Path``."""
    folder = checked_path(path)
    with TranslatedErrors(folder):
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            raise os_error(errno.ENOTDIR, folder)
    return folder


class Target:
    """The path of a finished file; for a link, the path that it points to.

    Raises:
        StorageError: the path is that of a folder, or of a device, pipe or socket.
        OSError: the path cannot be read, or the existing file can only be overwritten in place, and this process is not
            allowed to.
    """

    def __init__(self, target: Path) -> None:
        self.path: str = os.fspath(target.absolute())  # real path of the file
        status = _status(self.path, follow=False)
        if status is not None and stat.S_ISLNK(status.st_mode):
            self.path = os.path.realpath(self.path)
            status = _status(self.path, follow=True)
        self.status: os.stat_result | None = status  # status of the existing file, or None
        self._in_place = False
        if status is not None:
            _require_file(target, status)
            folder = os.path.dirname(self.path)
            self._in_place = _is_protected_by_sticky_folder(folder, status) or _is_mount_point(self.path)
        if self._in_place:
            close(open_file(self.path, system.WRITE))

    def replace(self, part: str, close_part: Callable[[], None]) -> bool:
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

    def overwrite(self, part: OpenFile, size: int, mtime: float | None) -> bool:
        """Copy ``size`` bytes of a partial file into the existing file; return whether the file system can flush it."""
        file = open_file(self.path, system.WRITE)
        try:
            descriptor = file.fileno()
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise os_error(errno.EINVAL, self.path)
            system.reserve(descriptor, size)  # fails on a full disk while the old content is still complete
            offset = 0
            for block in system.read_blocks(part, 0, size):
                system.write_at(descriptor, offset, block)
                offset += len(block)
            os.ftruncate(descriptor, size)
            if mtime is not None:
                system.set_times(descriptor, mtime)
            return system.flush(descriptor, system.flush_file)
        finally:
            close(file)


def _status(path: str, *, follow: bool) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _require_file(target: Path, status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise os_error(errno.EISDIR, target)
    # A rename would replace a device, pipe or socket by a file, for every other process too.
    if kind != stat.S_IFREG:
        raise StorageError(f"{target} is {_KINDS.get(kind, 'a special file')}, not a regular file", errno=errno.EINVAL)


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
    """Whether a file is on another mount than its folder. Two mounts of one file system have the same device number."""
    if sys.platform != "linux":
        return False
    with suppress(OSError):
        return _mount_id(open_path(path)) != _mount_id(open_path(os.path.dirname(path)))
    return False


def _mount_id(descriptor: int) -> list[bytes]:
    """Return the line of proc(5) with the mount ID of an open file."""
    lines = system.read_file(f"/proc/self/fdinfo/{descriptor}").splitlines()
    return [line for line in lines if line.startswith(b"mnt_id:")]
