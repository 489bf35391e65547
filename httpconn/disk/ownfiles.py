"""The hidden files of the owner of a target: lock file, partial files and sidecar."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from ..errors import StorageError
from . import lockfile, system
from .abandoned import AbandonedFile, open_abandoned, read_blocks, remove_abandoned
from .content import Content, Operation
from .descriptors import OpenFile, open_file
from .hiddennames import HiddenNames
from .lockfile import LockFile, kernel_id, unlock
from .sidecar import Sidecar, SidecarRecord, load, save
from .targets import Target


class OwnFiles:
    """The hidden files of one owner. The caller of each method holds the lock of :class:`PartFile`."""

    def __init__(self, target: Path, *, resume: bool) -> None:
        self.target: Path = target
        self._resumes = resume
        self.flushed: bool = True
        self._names: HiddenNames
        self._lock_file: LockFile | None = None
        self._destination: Target
        self._token = ""
        self._saved: Sidecar | None = None
        self._kept: SidecarRecord | None = None
        self._may_have_sidecar = False  # or an unfinished one
        self._content: Content | None = None

    def _operation(self) -> Operation:
        if self._content is None or self._content.file.closed or self._lock_file is None:
            raise StorageError("There is no open partial file")
        return Operation(self._lock_file, self._content, self.target)

    @property
    def _mode(self) -> int:
        """Permission bits of new files: those of the existing target, and its owner may write."""
        permissions = self._destination.permissions
        return 0o666 if permissions is None else permissions & 0o777 | 0o600

    def _earlier(self) -> SidecarRecord | None:
        """Return the record of an earlier download, or remove its files."""
        record = load(self._names.sidecar)
        if record is None or self._resumes:
            return record
        for token in record.tokens:
            remove_abandoned(self._names.part(token))
        system.remove(self._names.sidecar)
        return None

    def _open(self, lock_file: LockFile, record: SidecarRecord | None) -> None:
        self._may_have_sidecar = record is not None or bool(lock_file.tokens)
        for token in lock_file.tokens:
            if record is None or token not in record.tokens:
                remove_abandoned(self._names.part(token))
        self._resume(lock_file, record)

    def _record(self) -> SidecarRecord | None:
        """Return the record of the last checkpoint, without the kept file."""
        if self._saved is None:
            return None
        return SidecarRecord(token=self._token, kernel=kernel_id(), sidecar=self._saved)

    def _keep(self, record: SidecarRecord) -> str | None:
        """Keep the file of a record, or the one that was kept before; return the token of the other one."""
        smaller, larger = self._kept, record
        if smaller is not None and smaller.sidecar.received > larger.sidecar.received:
            smaller, larger = larger, smaller
        self._kept = larger
        return None if smaller is None else smaller.token

    def _resume(self, lock_file: LockFile, record: SidecarRecord | None) -> None:
        abandoned = None if record is None else open_abandoned(self._names.part(record.token), record.sidecar.end)
        if record is not None and abandoned is None and record.kept is not None:
            remove_abandoned(self._names.part(record.token))
            record = record.kept
            abandoned = open_abandoned(self._names.part(record.token), record.sidecar.end)
        self._kept = None if record is None else record.kept
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
            self._close()
            system.remove(self._names.part(self._token))
            self._begin(lock_file, record.token)
        finally:
            unlock(file)
        remove_abandoned(self._names.part(record.token))

    def _begin(self, lock_file: LockFile, previous: str | None) -> None:
        """Create an empty file, and remove the previous one."""
        self._saved = None
        self._create(lock_file, previous)
        if previous is not None:
            # In this order: after the sidecar is removed, no file names a partial file that is left.
            remove_abandoned(self._names.part(previous))
            if self._kept is None:
                system.remove(self._names.sidecar)

    def _create(self, lock_file: LockFile, previous: str | None) -> Content:
        """Create a file after naming it and the previous one in the lock file, so that no unnamed file can be left."""
        self._close()
        self._token = token = os.urandom(8).hex()
        lock_file.add_tokens(token, *filter(None, [previous]))
        self._content = content = Content(open_file(self._names.part(token), system.CREATE, self._mode))
        lockfile.lock(content.descriptor)
        return content

    def _save(self, lock_file: LockFile, sidecar: Sidecar) -> None:
        self._may_have_sidecar = True
        record = SidecarRecord(token=self._token, kernel=kernel_id(), sidecar=sidecar, kept=self._kept)
        save(self._names.sidecar, self._draft(lock_file), record)
        self._saved = sidecar

    def _require_owned(self, content: Content) -> None:
        if not system.is_same_file(self._names.part(self._token), os.fstat(content.descriptor)):
            raise StorageError("Another process has removed the partial file", errno=errno.ENOENT)

    def _install(self, content: Content, mtime: float | None, other_path: Path | None) -> bool:
        """Put the file at its path; return whether it was renamed, and not copied."""
        part = self._names.part(self._token)
        if other_path is not None:
            system.rename_to_free(part, os.fspath(other_path), content.close)
            system.set_times(os.fspath(other_path), mtime)
            return True
        installed = self._destination.install(part, content, mtime)
        self.flushed = self.flushed and installed.flushed
        return installed.moved

    def _release(self, *, remove: bool, moved: bool = False) -> None:
        """Close the file, remove hidden files that no download needs, and release the lock.

        The method can be called again after an exception has interrupted it.

        Args:
            remove: remove the partial file even if it can be resumed.
            moved: the partial file has been renamed to the target.
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
            self._close()
            system.remove(part)
        if remove and self._kept is not None:
            remove_abandoned(self._names.part(self._kept.token))
        if self._may_have_sidecar:
            system.remove(self._draft(lock_file))
            record, own = load(self._names.sidecar), {self._token}
            if self._kept is not None:
                own.add(self._kept.token)
            if record is not None and own & record.tokens and (remove or self._kept is None):
                os.unlink(self._names.sidecar)

    def _draft(self, lock_file: LockFile) -> str:
        """Return the path for writing the sidecar. Without locks several owners are possible, so each has its own."""
        return self._names.draft(None if lock_file.exclusive else self._token)

    def _close(self) -> None:
        if self._content is not None:
            self._content.close()
            self._content = None
