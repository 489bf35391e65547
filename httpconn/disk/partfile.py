"""The partial file beside a target.

At any time the target is either the old file or the complete new file, even if several processes write it:

- A partial file has a random name, is created exclusively, and is written by its owner only. The commit renames this
  file. So no other process can put its own bytes under the target's name, or change the bytes there.
- The sidecar, named after the target, names the partial file and says how many of its bytes are on disk. It is replaced
  atomically, after these bytes were flushed.
- The lock file names the partial files of its owners, so that the next owner can remove the file of a killed one.
- Flushed bytes never change, because a restart begins another file. So a process can copy them while others write.
- A restart can keep the flushed bytes until the target is complete. The sidecar then names at most two partial files.
- A new owner continues to write to an existing partial file only if no other process can: it has the lock, and the last
  owner ran on the same kernel. In every other case the new owner copies the flushed bytes to its own file.
- If the file of an owner is removed, the owner fails at its next checkpoint or commit.

So the locks (:mod:`httpconn.disk.lockfile`) only save work. Correctness does not depend on them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from ..core.locks import Lock
from ..errors import StorageError
from . import folders, system
from .abandoned import STALE, remove_abandoned
from .content import Content
from .hiddennames import HiddenNames
from .lockfile import InUse, LockFile, Transfer, WatchedLock
from .ownfiles import OwnFiles
from .sidecar import Sidecar
from .sweeping import sweep
from .system import TranslatedErrors
from .targets import Target
from .versions import FileVersion, store_version

__all__ = ["STALE", "InUse", "PartFile", "Sidecar", "Transfer"]

Snapshot = tuple[int, Content]
"""The point in time of a checkpoint: its number, and the content at that time."""

P = ParamSpec("P")
T = TypeVar("T")


def _operation(method: Callable[Concatenate[PartFile, Content, P], T]) -> Callable[Concatenate[PartFile, P], T]:
    """Return a method that runs under the lock, with the content of the open partial file as its first argument."""

    @wraps(method)
    def run(self: PartFile, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._own_lock, self._translated:
            return method(self, self._opened(), *args, **kwargs)

    return run


class PartFile(OwnFiles):
    """The bytes of an incomplete target, which survive calls and processes.

    Different threads may call the methods one after the other; ``write_at`` and ``read`` may also run at the same time.
    ``discard`` and ``close`` may be called while another method runs. After them, every method raises StorageError and
    leaves no file behind. In a forked child no method has an effect.
    If the object is dropped, its lock ends, and the next download into the folder finds its files. No finalizer does
    more, because an exception that a signal handler raises inside a finalizer would be lost.

    Args:
        target: path of the finished file. For a link, the file that it points to is replaced.
        resume: continue the bytes of an earlier download; False removes them.

    Raises:
        StorageError: any method, for an error of the operating system; DiskFull if the disk has no space left.

    Attributes:
        target: path of the finished file.
        flushed: whether the committed file is on disk; False if the file system cannot flush.
    """

    def __init__(self, target: Path, *, resume: bool = True) -> None:
        super().__init__(target, resume=resume)
        self._lock = Lock()
        self._translated = TranslatedErrors(target)
        self._process = os.getpid()
        self._watched: WatchedLock | None = None
        self._has_ended = False
        self._numbers = count(1)
        self._last_number = 0  # number of the snapshot in the sidecar

    def open(self) -> Sidecar | None:
        """Lock the target, and open its partial file or create one that the target's readers may read.

        Returns:
            State of the bytes that an earlier download has left, which ``write`` appends to; None if there are none.

        Raises:
            InUse: another live owner has the lock, in this process or another.
        """
        with self._lock:
            if self._has_ended or self._lock_file.is_held:
                raise StorageError("The partial file was opened before")
            with self._translated:
                try:
                    self._acquire()
                    sweep(self._names, self._own_tokens)
                except BaseException:
                    self._release(remove=False)
                    raise
            return self._saved

    @property
    def replaced(self) -> os.stat_result | None:
        """Status of the file at the target before the last ``open``, or None if there was none."""
        return self._destination.status

    def watch(self) -> object:
        """Return a value that changes as long as the current owner writes."""
        with self._lock, self._translated:
            if self._has_ended:
                raise StorageError("The partial file was opened before")
            self._names = names = HiddenNames(Target(self.target).path)
            if self._watched is None or not self._watched.is_current:
                self._unwatch()
                with suppress(OSError):  # the owner has just ended
                    self._watched = WatchedLock(names.lock)
            tokens = () if self._watched is None else self._watched.tokens
            return [system.modified_ns(names.part(token)) for token in tokens]

    def published(self) -> Transfer | None:
        """Return the transfer of the owner that ``watch`` saw last, or None if it is unknown; end the watch."""
        with self._lock:
            return self._unwatch()

    @_operation
    def publish(self, content: Content, transfer: Transfer) -> None:
        """Store the result of this owner for waiting processes, in the lock file."""
        self._lock_file.publish(transfer)

    @_operation
    def reserve(self, content: Content, size: int) -> None:
        """Reserve disk space where the system supports it, so that a full disk is an error before the transfer."""
        content.reserve(size)

    @_operation
    def write(self, content: Content, blocks: Iterable[bytes | memoryview]) -> None:
        """Append blocks."""
        content.write(content.size, blocks)

    @_operation
    def write_at(self, content: Content, offset: int, blocks: Iterable[bytes | memoryview]) -> None:
        """Write blocks one after the other from an offset on."""
        content.write(offset, blocks)

    @_operation
    def read(self, content: Content, offset: int, size: int) -> bytes:
        """Read at most ``size`` written bytes from an offset on; empty at their end."""
        return content.read(offset, size)

    @_operation
    def snapshot(self, content: Content) -> Snapshot:
        """Return the current point in time for a later ``checkpoint``."""
        return next(self._numbers), content

    def checkpoint(self, sidecar: Sidecar, snapshot: Snapshot | None = None) -> None:
        """Flush the written bytes, and then save their state for a later ``open``. Other threads may write meanwhile.

        The state is not saved if the file was restarted, or if a checkpoint of a later snapshot has been saved.
        """
        number, content = snapshot or self.snapshot()
        if sidecar == self._saved and content is self._content:
            return
        with self._translated:
            content.flush_if_open()  # without the lock, so that writes continue
        self._save_snapshot(sidecar, number, content)

    @_operation
    def _save_snapshot(self, current: Content, sidecar: Sidecar, number: int, content: Content) -> None:
        if current is content and number > self._last_number:
            self._require_owned(content)
            self._save(sidecar)
            self._last_number = number

    @property
    def kept(self) -> Sidecar | None:
        """State of the bytes that a restart has kept, in this process or an earlier one, or None."""
        return None if self._kept is None else self._kept.sidecar

    @_operation
    def restart(self, content: Content, *, keep: bool = False) -> None:
        """Begin an empty file. ``keep`` keeps the bytes of the last checkpoint until the commit.

        ``go_back`` returns to the kept bytes. If a restart has kept bytes before, the file with more bytes stays.
        """
        record = self._record()
        if record is None:
            self._content = content.cleared()
        else:
            self._begin(self._keep(record) if keep else self._token)

    @_operation
    def go_back(self, content: Content) -> Sidecar | None:
        """Continue the bytes that a restart has kept, and keep those of the last checkpoint instead.

        Return the state of the bytes as of ``open``, or None if there are none.
        """
        self._close()
        current, record = self._record(), self._kept
        if current is None:
            remove_abandoned(self._part)
        self._resume(None if record is None else replace(record, kept=current))
        return self._saved

    @_operation
    def commit(
        self,
        content: Content,
        mtime: float | None = None,
        *,
        name: str | None = None,
        version: FileVersion | None = None,
        transfer: Transfer | None = None,
    ) -> Path:
        """Flush the file, and put it at its path.

        Args:
            mtime: modification time in seconds since the epoch; None leaves the current time.
            name: another name in the target's folder. If a file has it, the error is ``errno.EEXIST``.
            version: stored in an extended attribute for a later download, where the system supports it.
            transfer: shown to waiting processes.
        """
        path = self.target if name is None else self.target.with_name(name)
        content.finalize(system.permissions(self._destination.path), mtime)
        if version is not None:
            store_version(content.file.fileno(), version)
        self.flushed: bool = content.flush(system.flush_file)
        self._require_owned(content)
        if transfer is not None:
            self._lock_file.publish(transfer)
        self._release(remove=True, moved=self._install(content, mtime, None if name is None else path))
        self._has_ended = True
        folders.sync_folder(self._names.folder)
        return path

    def close(self) -> None:
        """Keep the state of the last checkpoint for a later ``open``; without a checkpoint, remove the file."""
        self._finish(remove=False)

    def discard(self) -> None:
        """Wait for running methods, and remove all partial files; the target stays unchanged."""
        self._finish(remove=True)

    def _finish(self, *, remove: bool) -> None:
        # In a forked child, the lock may be held by a thread that only the parent has.
        if self._process == os.getpid():
            self._has_ended = True
            with self._lock:
                if self._watched is not None and not self._lock_file.is_held:
                    self._end_watch()
                self._release(remove=remove)

    @property
    def _own_lock(self) -> threading.Lock:
        """The lock, for a ``with`` statement. A method that acquired it could be interrupted before the block."""
        if self._process != os.getpid():
            raise StorageError("The partial file belongs to the process that opened it, not to its child")
        return self._lock

    def _opened(self) -> Content:
        if self._content is None or self._content.file.closed:
            raise StorageError("There is no open partial file")
        return self._content

    def _end_watch(self) -> None:
        """End the watch. On Windows, the owner cannot remove its lock file during the watch, so remove it now."""
        self._unwatch()
        with suppress(OSError, InUse):
            if os.path.lexists(self._names.lock):
                lock_file = LockFile()
                lock_file.acquire(self._names.lock)
                lock_file.release()

    def _unwatch(self) -> Transfer | None:
        watched, self._watched = self._watched, None
        return None if watched is None else watched.end()
