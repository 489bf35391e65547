"""The hidden files of the owner of a target: lock file, partial files and sidecar."""

import errno
import os
from pathlib import Path

from ..errors import StorageError
from . import lockfile, system
from .abandoned import open_abandoned, remove_abandoned
from .content import Content
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
        self._lock_file = LockFile()
        self._destination: Target
        self._mode: int  # permission bits of new files: those of the existing target, and its owner may write
        self._token = ""
        self._part = ""  # path of the partial file
        self._saved: Sidecar | None = None
        self._kept: SidecarRecord | None = None
        self._may_have_sidecar = False  # whether a sidecar, even an unfinished one, may exist
        self._content: Content | None = None

    def _acquire(self) -> None:
        """Lock the target, and open the partial file of an earlier owner or create one."""
        self._destination = Target(self.target)
        status = self._destination.status
        self._mode = 0o666 if status is None else status.st_mode & 0o777 | 0o600
        self._names = names = HiddenNames(self._destination.path)
        self._lock_file.acquire(names.lock, self._mode)
        record = load(names.sidecar)
        if record is not None and not self._resumes:
            for token in record.tokens:
                remove_abandoned(names.part(token))
            system.remove(names.sidecar)
            record = None
        self._may_have_sidecar = record is not None or bool(self._lock_file.tokens)
        for token in self._lock_file.tokens:
            if record is None or token not in record.tokens:
                remove_abandoned(names.part(token))
        self._resume(record)

    @property
    def _own_tokens(self) -> frozenset[str]:
        """The tokens of the partial file and of the kept one."""
        return frozenset({self._token} if self._kept is None else {self._token, self._kept.token})

    def _record(self) -> SidecarRecord | None:
        """Return the record of the last checkpoint, without the kept file."""
        if self._saved is None:
            return None
        return SidecarRecord(token=self._token, kernel=kernel_id(), sidecar=self._saved)

    def _keep(self, record: SidecarRecord) -> str | None:
        """Keep the file with more bytes: that of a record or the kept one. Return the token of the other file."""
        kept = self._kept
        if kept is not None and kept.sidecar.received > record.sidecar.received:
            return record.token
        self._kept = record
        return None if kept is None else kept.token

    def _resume(self, record: SidecarRecord | None) -> None:
        """Open the file of a record or, if that is lost, the file that the record keeps. Otherwise create one."""
        if record is None:
            self._kept = None
            self._begin(None)
            return
        path = self._names.part(record.token)
        abandoned = open_abandoned(path, record.sidecar.end)
        self._kept = record.kept
        if abandoned is not None:
            file, exclusive = abandoned
            is_ours = exclusive and record.kernel == kernel_id()
            self._continue(file, record) if is_ours else self._copy(file, record)
        elif record.kept is not None:
            remove_abandoned(path)
            self._resume(record.kept)
        else:
            self._begin(record.token)

    def _continue(self, file: OpenFile, record: SidecarRecord) -> None:
        """Write to the file that an earlier owner has left."""
        self._lock_file.add_tokens(record.token)
        self._set_token(record.token)
        self._saved = record.sidecar
        self._content = Content(file, record.sidecar.end, os.fstat(file.fileno()).st_size)
        if self._destination.status is not None:
            system.set_permissions(self._content.file.fileno(), self._mode)

    def _copy(self, file: OpenFile, record: SidecarRecord) -> None:
        """Copy the flushed bytes of a file that another process may still write to."""
        try:
            content = self._create(record.token)
            for start, end in record.sidecar.ranges:
                content.write(start, system.read_blocks(file, start, end))
            content.flush(system.flush_data)
            self._save(record.sidecar)
        except OSError:  # such as a full disk: the bytes cannot be kept
            self._close()
            system.remove(self._part)
            self._begin(record.token)
        finally:
            unlock(file)
        remove_abandoned(self._names.part(record.token))

    def _begin(self, previous: str | None) -> None:
        """Create an empty file, and remove the previous one."""
        self._saved = None
        self._create(previous)
        if previous is not None:
            # In this order: after the sidecar is removed, no file names a partial file that is left.
            remove_abandoned(self._names.part(previous))
            if self._kept is None:
                system.remove(self._names.sidecar)

    def _create(self, previous: str | None) -> Content:
        """Create a file after naming it and the previous one in the lock file, so that no unnamed file can be left."""
        self._close()
        token = os.urandom(8).hex()
        self._set_token(token)
        self._lock_file.add_tokens(token, *filter(None, [previous]))
        self._content = content = Content(open_file(self._part, system.CREATE, self._mode))
        lockfile.lock(content.file.fileno())
        return content

    def _set_token(self, token: str) -> None:
        self._token, self._part = token, self._names.part(token)

    def _save(self, sidecar: Sidecar) -> None:
        self._may_have_sidecar = True
        record = SidecarRecord(token=self._token, kernel=kernel_id(), sidecar=sidecar, kept=self._kept)
        save(self._names.sidecar, self._draft(), record)
        self._saved = sidecar

    def _require_owned(self, content: Content) -> None:
        if not system.is_same_file(self._part, os.fstat(content.file.fileno())):
            raise StorageError("Another process has removed the partial file", errno=errno.ENOENT)

    def _install(self, content: Content, mtime: float | None, other_path: Path | None) -> bool:
        """Put the file at its path; return whether it was renamed rather than copied."""
        path = self._destination.path if other_path is None else os.fspath(other_path)
        if other_path is not None:
            system.rename_to_free(self._part, path, content.close)
        elif not self._destination.replace(self._part, content.close):
            self.flushed &= self._destination.overwrite(content.file, content.size, mtime)
            return False
        if mtime is not None:
            system.set_times(path, mtime)
        return True

    def _release(self, *, remove: bool, moved: bool = False) -> None:
        """Close the file, remove hidden files that no download needs, and release the lock.

        The method can be called again after an exception has interrupted it. ``remove`` removes the partial file even
        if it can be resumed. ``moved`` means that it was renamed to the target.
        """
        if self._token and self._lock_file.is_held:
            try:
                if not remove and self._saved is not None and os.path.lexists(self._part):
                    system.remove(self._draft())
                    if self._content is not None and not self._content.file.closed:
                        self._content.trim()
                else:
                    self._remove_files(remove=remove, moved=moved)
            except OSError:
                pass
        self._close()
        self._lock_file.release()
        self._token, self._saved = "", None

    def _remove_files(self, *, remove: bool, moved: bool) -> None:
        if not moved:
            self._close()
            system.remove(self._part)
        if remove and self._kept is not None:
            remove_abandoned(self._names.part(self._kept.token))
        if self._may_have_sidecar:
            system.remove(self._draft())
            record = load(self._names.sidecar)
            if record is not None and self._own_tokens & record.tokens and (remove or self._kept is None):
                os.unlink(self._names.sidecar)

    def _draft(self) -> str:
        """Return the path for writing the sidecar. Without locks several owners are possible, so each has its own."""
        return self._names.draft(None if self._lock_file.exclusive else self._token)

    def _close(self) -> None:
        if self._content is not None:
            self._content.close()
            self._content = None
