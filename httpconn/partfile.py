"""The partial file beside a target: blocking file code, and no network.

The target is what it was, or the whole new file; there is nothing between.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import DiskFull, InvalidRequest, StorageError

NAME_BYTES = 255
"""What file systems allow for one name."""

# O_NOFOLLOW and O_EXCL: a link that somebody planted at the name is not followed. O_BINARY is Windows'.
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_WRONLY
for _name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)


@contextmanager
def _told() -> Iterator[None]:
    """The operating system's errors as ours, with its number and its words."""
    try:
        yield
    except OSError as error:
        kind = DiskFull if error.errno in DiskFull.NUMBERS else StorageError
        where = f": {error.filename}" if error.filename else ""
        raise kind(f"{error.strerror or error}{where}", errno=error.errno) from error


def check_target(path: str | os.PathLike[str]) -> Path:
    """The path as a ``Path``, found to be writable as far as can be told before the transfer.

    Raises:
        InvalidRequest: it is no path, holds a NUL, or cannot be written in the file system's encoding.
        StorageError: it is a folder or a device, its folder does not exist, or its name is too long.
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise InvalidRequest(f"A path to save to must be a str or a Path, not {type(path).__name__}")
    if "\0" in os.fspath(path):
        raise InvalidRequest("The path to save to holds a NUL")
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise InvalidRequest("The path to save to cannot be encoded for the file system") from error
    target = Path(path)
    with _told():
        _check_place(target)
    return target


def _check_place(target: Path) -> None:
    mode = _mode(target)
    if mode == stat.S_IFDIR:
        raise IsADirectoryError(*_words(IsADirectoryError, target))
    # A rename would put a file where a device, a pipe or a socket stood, for every other process too.
    if mode not in (None, stat.S_IFREG):
        raise OSError(errno.EINVAL, "Not a regular file", str(target))
    folder = (target.resolve() if target.is_symlink() else target).parent
    if _mode(folder) != stat.S_IFDIR:
        wrong = FileNotFoundError if _mode(folder) is None else NotADirectoryError
        raise wrong(*_words(wrong, folder))


def _mode(path: Path) -> int | None:
    """What stands at the path, links followed; None where nothing does."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _words(kind: type[OSError], path: Path) -> tuple[int, str, str]:
    numbers = {IsADirectoryError: errno.EISDIR, FileNotFoundError: errno.ENOENT, NotADirectoryError: errno.ENOTDIR}
    return numbers[kind], os.strerror(numbers[kind]), str(path)


class PartFile:
    """Collects the bytes of a target that is not complete yet.

    Its methods may be called in one thread after another. ``discard`` may come while another still runs, and is the
    last that has an effect: what is called after it raises StorageError, and leaves nothing behind.

    Args:
        target: where the file is to appear. Where a link stands, the file that it leads to is replaced.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._lock = threading.Lock()
        self._discarded = False
        self._real = target
        self._path: Path | None = None
        self._file = -1

    def open(self) -> None:
        """Create the partial file, which nobody else has, for the eyes of those who may read the target."""
        with self._lock:
            if self._discarded:
                raise StorageError("The partial file is discarded")
            with _told():
                self._real = self.target.resolve()
                path = self._real.with_name(_part_name(self._real.name))
                mode = _permissions(self._real)
                self._file = os.open(path, _FLAGS, 0o666 if mode is None else mode & 0o777)
            self._path = path

    def reserve(self, size: int) -> None:
        """Take the space now, so that a full disk is found out before the transfer, where the system can."""
        if hasattr(os, "posix_fallocate"):
            with self._opened():
                try:
                    os.posix_fallocate(self._file, 0, size)
                except OSError as error:
                    if error.errno in DiskFull.NUMBERS:
                        raise

    def write(self, blocks: list[bytes]) -> None:
        """Append blocks."""
        with self._opened():
            for block in blocks:
                unwritten = memoryview(block)
                while unwritten:
                    unwritten = unwritten[os.write(self._file, unwritten) :]

    def commit(self) -> Path:
        """Bring the bytes to the disk, and the file to its name."""
        with self._opened() as path:
            self._keep_mode()
            os.fsync(self._file)
            self._close()
            os.replace(path, self._real)
            self._path = None
            _sync_folder(self._real.parent)
        return self.target

    def discard(self) -> None:
        """Remove the partial file, if there still is one; the target is left alone. Waits for what still runs."""
        with self._lock:
            self._discarded = True
            with suppress(OSError):
                self._close()
            if self._path is not None:
                with suppress(OSError):
                    self._path.unlink()
                self._path = None

    @contextmanager
    def _opened(self) -> Iterator[Path]:
        with self._lock:
            if self._path is None:
                raise StorageError("There is no open partial file")
            with _told():
                yield self._path

    def _keep_mode(self) -> None:
        """A file that is replaced leaves its permissions to the new one."""
        mode = _permissions(self._real)
        if mode is not None:
            with suppress(OSError):
                os.chmod(self._file, mode)

    def _close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)


def _permissions(path: Path) -> int | None:
    """Of what stands at the path; None where nothing does."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def _part_name(name: str) -> str:
    """A hidden name of its own, no longer than a name may be."""
    suffix = f".{secrets.token_hex(4)}.part"
    kept = os.fsencode(name)[: NAME_BYTES - len(suffix) - 1].decode(errors="ignore")
    return f".{kept}{suffix}"


def _sync_folder(folder: Path) -> None:
    """A rename is on disk once its folder is; not every system lets a folder be opened."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
