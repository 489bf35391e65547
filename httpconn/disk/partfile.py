"""The partial file beside a target.

At any time the target is either the old file or the complete new file, also if several processes write it:

- A partial file has a random name, is created exclusively, and is written by its owner only. The commit renames this
  file. So no other process can put its own bytes under the target's name, or change the bytes there.
- The sidecar, named after the target, names the partial file and says how many of its bytes are on disk. It is replaced
  atomically, after these bytes were flushed.
- The lock file names the partial files of its owners, so that the next owner can remove the file of a killed one.
- Flushed bytes never change, because a restart begins another file. So a process can copy them while others write.
- A new owner continues to write to an existing partial file only if no other process can: it has the lock, and the last
  owner ran on the same kernel. In every other case the new owner copies the flushed bytes to its own file.
- If the file of an owner is removed, the owner fails at its next checkpoint or commit.

So the locks (:mod:`httpconn.disk.lockfile`) only save work. Correctness does not depend on them.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

from ..errors import StorageError
from . import system
from .abandoned import STALE, AbandonedFile, AbandonedFiles, read_blocks
from .content import Content, Operation, Snapshot
from .descriptors import OpenFile, close, duplicate, open_file
from .folders import FLUSH_FUNCTIONS, FlushFunctions
from .hiddennames import HiddenNames
from .lockfile import InUse, LockFile, LockFunction, Transfer, WatchedLock, kernel_id, lock, unlock
from .sidecar import Sidecar, SidecarRecord, load, save
from .sweeping import sweep
from .system import TranslatedErrors
from .targets import Target
from .versions import FileVersion, store_version

__all__ = ["STALE", "InUse", "PartFile", "Sidecar", "Transfer"]


class PartFile:
    """The bytes of an incomplete target, which survive calls and processes.

    Different threads may call the methods one after the other; ``write_at`` and ``read`` may also run at the same time.
    ``discard`` and ``close`` may be called while another method runs. After them, every method raises StorageError and
    leaves no file behind. In a forked child no method has an effect.
    If the object is dropped, its lock ends, and the next download into the folder finds its files. No finalizer does
    more, because an exception that a signal handler raises inside a finalizer would be lost.

    Args:
        target: path of the finished file. For a link, the file that it points to is replaced.

    Raises:
        StorageError: any method, for an error of the operating system; DiskFull if the disk has no space left.

    Attributes:
        target: path of the finished file.
        guard: lock for the caller to hold while it changes its own record of the file. No method acquires it.
        flushed: whether the committed file is on disk; False if the file system cannot flush.
    """

    def __init__(
        self, target: Path, *, locking: LockFunction = lock, flushing: FlushFunctions = FLUSH_FUNCTIONS
    ) -> None:
        self.target: Path = target
        self.flushed: bool = True
        self.guard: threading.RLock = threading.RLock()
        self._locking = locking
        self._flushing = flushing
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._names: HiddenNames
        self._abandoned: AbandonedFiles
        self._watched: WatchedLock | None = None
        self._has_ended = False
        self._lock_file: LockFile | None = None
        self._destination: Target
        self._token = ""
        self._saved: Sidecar | None = None
        self._may_have_sidecar = False  # or a draft of one
        self._content: Content | None = None
        self._numbers = count(1)
        self._last_number = 0  # of the snapshot in the sidecar

    def open(self) -> Sidecar | None:
        """Lock the target, and open its partial file or create one that the target's readers may read.

        Returns:
            State of the bytes that an earlier download has left, which ``write`` appends to; None if there are none.

        Raises:
            InUse: another live owner has the lock, in this process or another.
        """
        with self._lock:
            if self._has_ended or self._lock_file is not None:
                raise StorageError("The partial file was opened before")
            with TranslatedErrors(self.target):
                self._destination = Target(self.target)
                self._names = HiddenNames(self._destination.path)
                self._abandoned = AbandonedFiles(self._names, self._locking)
                self._lock_file = LockFile(self._names.lock, self._mode, self._locking)
                try:
                    self._lock_file.acquire()
                    self._resume(self._lock_file, load(self._names.sidecar))
                    sweep(self._names, self._locking)
                except BaseException:
                    self._release(remove=False)
                    raise
            return self._saved

    def watch(self) -> object:
        """Return a value that changes as long as the current owner writes."""
        with self._lock, TranslatedErrors(self.target):
            if self._has_ended:
                raise StorageError("The partial file was opened before")
            names = HiddenNames(Target(self.target).path)
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

    def publish(self, transfer: Transfer) -> None:
        """Show waiting processes what this owner downloads."""
        with self._own_lock, self._operation() as operation:
            operation.lock_file.publish(transfer)

    def reserve(self, size: int) -> None:
        """Reserve disk space where the system supports it, so that a full disk is an error before the transfer."""
        with self._own_lock, self._operation() as operation:
            operation.content.reserve(size)

    def write(self, blocks: Iterable[bytes | memoryview]) -> None:
        """Append blocks."""
        with self._own_lock, self._operation() as operation:
            content = operation.content
            content.offset = content.write(content.offset, blocks)

    def write_at(self, offset: int, blocks: Iterable[bytes | memoryview]) -> None:
        """Write blocks one after the other from an offset on."""
        with self._own_lock, self._operation() as operation:
            operation.content.write(offset, blocks)

    def seek(self, offset: int) -> None:
        """Set the offset of the next ``write``."""
        with self._own_lock, self._operation() as operation:
            operation.content.offset = offset

    def read(self, offset: int, size: int) -> bytes:
        """Read at most ``size`` written bytes from an offset on; empty at their end."""
        with self._own_lock, self._operation() as operation:
            return operation.content.read(offset, size)

    def snapshot(self) -> Snapshot:
        """Return the current point in time for a later ``checkpoint``."""
        with self._own_lock, self._operation() as operation:
            return Snapshot(next(self._numbers), operation.content, duplicate(operation.content.file))

    def checkpoint(self, sidecar: Sidecar, snapshot: Snapshot | None = None) -> None:
        """Flush the written bytes, and then save their state for a later ``open``. Other threads may write meanwhile.

        The state is not saved if the file was restarted, or if a checkpoint of a later snapshot has been saved.

        Args:
            sidecar: state of the bytes.
            snapshot: point in time of the state; None means now.
        """
        number, content, file = snapshot or self.snapshot()
        if sidecar == self._saved and content is self._content:
            return
        with TranslatedErrors(self.target):
            try:
                content.flush(system.flush_data, file)  # without the lock, so that writes continue
            finally:
                close(file)
        with self._own_lock, self._operation() as operation:
            if operation.content is content and number > self._last_number:
                self._require_owned(content)
                self._save(operation.lock_file, sidecar)
                self._last_number = number

    def restart(self) -> None:
        """Discard all bytes, flushed ones included: they are of another version."""
        with self._own_lock, self._operation() as operation:
            if self._saved is not None:
                self._begin(operation.lock_file, self._token)
            else:
                self._content = operation.content.cleared()

    def commit(
        self, mtime: float | None = None, *, name: str | None = None, version: FileVersion | None = None
    ) -> Path:
        """Flush the file, and put it at its path.

        Args:
            mtime: modification time in seconds since the epoch; None leaves the current time.
            name: another name in the target's folder. If a file has it, the error is ``errno.EEXIST``.
            version: stored in an extended attribute for a later download, where the system supports it.
        """
        path = self.target if name is None else self.target.with_name(name)
        with self._own_lock, self._operation() as operation:
            content = operation.content
            content.finalize(system.permissions(self._destination.path), mtime)
            if version is not None:
                store_version(content.descriptor, version)
            self.flushed = content.flush(self._flushing.file)
            self._require_owned(content)
            if sys.platform == "win32":  # cannot rename an open file; elsewhere the file stays locked until the rename
                self._close()
            self._release(remove=True, moved=self._install(content, mtime, None if name is None else path))
            self._has_ended = True
            self._flushing.folder(self._names.folder)
        return path

    def close(self) -> None:
        """Keep the state of the last checkpoint for a later ``open``; without a checkpoint, remove the file."""
        self._finish(remove=False)

    def discard(self) -> None:
        """Wait for running methods, and remove the partial file if there is one; the target stays unchanged."""
        self._finish(remove=True)

    def _finish(self, *, remove: bool) -> None:
        # In a forked child, the lock may be held by a thread that only the parent has.
        if self._process == os.getpid():
            self._has_ended = True
            with self._lock:
                self._unwatch()
                self._release(remove=remove)

    @property
    def _own_lock(self) -> threading.Lock:
        """The lock, for a ``with`` statement. A method that acquired it could be interrupted before the block."""
        if self._process != os.getpid():
            raise StorageError("The partial file belongs to the process that opened it, not to its child")
        return self._lock

    # The caller of each method below holds the lock.

    def _operation(self) -> Operation:
        if self._content is None or self._content.is_closed or self._lock_file is None:
            raise StorageError("There is no open partial file")
        return Operation(self._lock_file, self._content, self.target)

    def _unwatch(self) -> Transfer | None:
        watched, self._watched = self._watched, None
        return None if watched is None else watched.end()

    @property
    def _mode(self) -> int:
        """Permission bits of new files: those of the existing target, and its owner may write."""
        permissions = self._destination.permissions
        return 0o666 if permissions is None else permissions & 0o777 | 0o600

    def _resume(self, lock_file: LockFile, record: SidecarRecord | None) -> None:
        self._may_have_sidecar = record is not None or bool(lock_file.tokens)
        for token in lock_file.tokens:
            if record is None or token != record.token:
                self._abandoned.remove(token)
        abandoned = None if record is None else self._abandoned.open(record.token, record.sidecar.end)
        if record is None or abandoned is None:
            self._begin(lock_file, None if record is None else record.token)
        elif abandoned.exclusive and record.kernel == kernel_id():
            self._continue(lock_file, abandoned, record)
        else:
            self._copy(lock_file, abandoned.file, record)

    def _continue(self, lock_file: LockFile, abandoned: AbandonedFile, record: SidecarRecord) -> None:
        """Write to the file that an earlier owner has left."""
        lock_file.add_tokens(record.token)
        self._token, self._saved = record.token, record.sidecar
        self._content = Content(abandoned.file, record.sidecar.committed, record.sidecar.end, abandoned.length)
        if self._destination.permissions is not None:
            system.set_permissions(self._content.descriptor, self._mode)

    def _copy(self, lock_file: LockFile, file: OpenFile, record: SidecarRecord) -> None:
        """Copy the flushed bytes of a file that another process may still write to."""
        try:
            content = self._create(lock_file, record.token)
            for start, end in record.sidecar.ranges:
                content.write(start, read_blocks(file, start, end))
            content.flush(system.flush_data)
            self._save(lock_file, record.sidecar)
            content.offset = record.sidecar.committed
        except OSError:  # such as a full disk: the bytes cannot be kept
            system.remove(self._names.part(self._token))
            self._begin(lock_file, record.token)
        finally:
            unlock(file)
        self._abandoned.remove(record.token)

    def _begin(self, lock_file: LockFile, previous: str | None) -> None:
        """Create an empty file, and remove the previous one."""
        self._saved = None
        self._create(lock_file, previous)
        if previous is not None:
            # In this order: after the sidecar is removed, no file names a partial file that is left.
            self._abandoned.remove(previous)
            system.remove(self._names.sidecar)

    def _create(self, lock_file: LockFile, previous: str | None) -> Content:
        """Create a file after naming it and the previous one in the lock file, so that no unnamed file can be left."""
        self._close()
        self._token = token = secrets.token_hex(8)
        lock_file.add_tokens(token, *filter(None, [previous]))
        self._content = content = Content(open_file(self._names.part(token), system.CREATE, self._mode))
        self._locking(content.descriptor)
        return content

    def _save(self, lock_file: LockFile, sidecar: Sidecar) -> None:
        self._may_have_sidecar = True
        record = SidecarRecord(token=self._token, kernel=kernel_id(), sidecar=sidecar)
        save(self._names.sidecar, self._draft(lock_file), record)
        self._saved = sidecar

    def _require_owned(self, content: Content) -> None:
        if not system.is_same_file(self._names.part(self._token), os.fstat(content.descriptor)):
            raise StorageError("Another process has removed the partial file", errno=errno.ENOENT)

    def _install(self, content: Content, mtime: float | None, other_path: Path | None) -> bool:
        """Put the file at its path; return whether it was renamed, and not copied."""
        part = self._names.part(self._token)
        if other_path is not None:
            system.rename_to_free(part, os.fspath(other_path))
            return True
        installed = self._destination.install(part, content, mtime, self._flushing.file)
        self.flushed = self.flushed and installed.flushed
        return installed.moved

    def _release(self, *, remove: bool, moved: bool = False) -> None:
        """Close the file, remove hidden files that no download needs, and release the lock.

        The method can be called again after an exception has interrupted it.
        """
        lock_file = self._lock_file
        if lock_file is None:
            return
        if lock_file.is_held:
            with suppress(OSError):
                self._clean_up(lock_file, remove=remove, moved=moved)
        self._close()
        lock_file.release()
        self._lock_file = None
        self._token, self._saved = "", None

    def _clean_up(self, lock_file: LockFile, *, remove: bool, moved: bool) -> None:
        if not self._token:
            return
        part = self._names.part(self._token)
        if not remove and self._saved is not None and os.path.lexists(part):
            system.remove(self._draft(lock_file))
            if self._content is not None and not self._content.is_closed:
                self._content.trim()
            return
        if not moved:
            system.remove(part)
        if self._may_have_sidecar:
            system.remove(self._draft(lock_file))
            record = load(self._names.sidecar)
            if record is not None and record.token == self._token:
                os.unlink(self._names.sidecar)

    def _draft(self, lock_file: LockFile) -> str:
        """Return the path for writing the sidecar. Without locks several owners are possible, so each has its own."""
        return self._names.draft(None if lock_file.exclusive else self._token)

    def _close(self) -> None:
        if self._content is not None:
            self._content.close()
            self._content = None
