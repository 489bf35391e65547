"""The partial file beside a target.

The target is what it was, or the whole new file; there is nothing between, whoever else writes at the same time:

- A partial file has a random name, is created exclusively, and is written on by its owner alone. A commit renames
  that name; so no other process can bring its bytes under the target's name, and none can change them there.
- The sidecar, whose name is the target's, says which partial file is meant and how much of it is on disk. It is
  replaced as a whole, after the bytes that it speaks of were flushed.
- The lock file names the partial files of its owners, so that what one leaves that is killed is found and removed.
- Proven bytes never change: to start again is to start another file. Hence they can be copied while others write.
- Whoever finds a partial file writes on it only when nobody else can: the system gave its lock, and the last owner ran
  on the same kernel. In every other case the proven bytes are copied to a file of one's own.
- An owner whose file was removed notices at the next checkpoint, or at the commit, and fails.

So the locks (:mod:`httpconn.disk.claims`) save work, and nothing depends on them.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import StorageError
from . import system
from .claims import Claim, InUse, Lock, Made, Watched, drop, lock, this_kernel
from .descriptors import Opened, open_file
from .folders import FLUSHING, Flushing
from .leftovers import STALE, Leftovers, Taken, bytes_of
from .names import Names
from .places import Place
from .sidecar import Record, Sidecar, load, save
from .system import Told, tell
from .versions import Version, note
from .writeback import Writeback

__all__ = ["STALE", "InUse", "Made", "PartFile", "Sidecar"]


class PartFile:
    """Collects the bytes of a target that is not complete yet, across calls and processes.

    Its methods may be called in one thread after another, and ``write_at`` and ``read`` in several at once. ``discard``
    and ``close`` may come while another still runs, and are the last that have an effect: what is called after them
    raises StorageError, and leaves nothing behind. In a forked child nothing has an effect.

    Args:
        target: where the file is to appear. Where a link stands, the file that it leads to is replaced.
        locking: locks an open file, as :func:`httpconn.disk.claims.lock` does.
        flushing: brings a file, and then the folder that names it, to the disk.

    Raises:
        StorageError: from every method, for what the disk or the operating system refuses; DiskFull where no space is
            left.

    Attributes:
        flushed: whether the file is on disk, once it is committed; False where the file system cannot flush.
    """

    def __init__(self, target: Path, *, locking: Lock = lock, flushing: Flushing = FLUSHING) -> None:
        self.target = target
        self.flushed: bool = True
        self._locking = locking
        self._flushing = flushing
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._names: Names
        self._leftovers: Leftovers
        self._claim: Claim | None = None
        self._watched: Watched | None = None
        self._over = False
        self._place: Place
        self._token = ""
        self._known: Sidecar | None = None
        self._marked = False  # a sidecar or a draft of it may be there
        self._file: Opened | None = None
        self._offset = 0
        self._size = 0
        self._writeback = Writeback()
        self._length = 0  # with what was reserved, or is not proven

    def open(self) -> Sidecar | None:
        """Take what there is of the file, or begin it, for the eyes of those who may read the target.

        Returns:
            What is known of the bytes that are there, which ``write`` appends to; None where there are none.

        Raises:
            InUse: another live owner has it, be it in this process.
        """
        with self._lock:
            if self._over or self._claim is not None:
                raise StorageError("The partial file was opened before")
            with Told(self.target):
                self._place = Place(self.target)
                self._names = Names(self._place.path)
                self._leftovers = Leftovers(self._names, self._locking)
                self._claim = Claim(self._names.lock, self._mode, self._locking)
                try:
                    self._resume(self._claim, load(self._names.sidecar))
                except BaseException:
                    self._end(remove=False)
                    raise
            return self._known

    def watch(self) -> object:
        """Look at the owner whose file it is now: what this returns changes as long as he is writing."""
        with self._lock, Told(self.target):
            if self._over:
                raise StorageError("The partial file was opened before")
            names = Names(Place(self.target).path)
            if self._watched is None or not self._watched.is_owner:
                self._unwatch()
                with suppress(OSError):  # he has ended
                    self._watched = Watched(names.lock)
            noted = () if self._watched is None else self._watched.noted
            return [system.last_change(names.part(token)) for token in noted]

    def made(self) -> Made | None:
        """What the owner whom ``watch`` saw last has made, or was to."""
        with self._lock:
            return self._unwatch()

    def tell(self, made: Made) -> None:
        """Tell those who wait for this owner what he makes."""
        with self._mine, _Step(self) as claim:
            claim.tell(made)

    def reserve(self, size: int) -> None:
        """Take the space now, so that a full disk is found out before the transfer, where the system can."""
        with self._mine, _Step(self):
            if size > self._length:
                system.reserve(self._number, size)
                self._length = size

    def write(self, blocks: Iterable[bytes | memoryview]) -> None:
        """Append blocks."""
        with self._mine, _Step(self):
            self._offset = self._put(self._offset, blocks)

    def write_at(self, offset: int, blocks: Iterable[bytes | memoryview]) -> None:
        """Write blocks one after the other from an offset on, wherever the file's end is."""
        with self._mine, _Step(self):
            self._put(offset, blocks)

    def go_to(self, offset: int) -> None:
        """Where the next ``write`` is to begin."""
        with self._mine, _Step(self):
            self._offset = offset

    def read(self, offset: int, size: int) -> bytes:
        """At most so many of the bytes that were written; empty at their end."""
        with self._mine, _Step(self):
            return system.get(self._number, offset, max(0, min(size, self._size - offset)))

    def checkpoint(self, sidecar: Sidecar) -> None:
        """Bring what was written to the disk, and then what is known of it: a later ``open`` returns it."""
        with self._mine, _Step(self) as claim:
            self._writeback.flush(self._number, system.flush_data)
            self._require_owned()
            self._note(claim, sidecar)

    def restart(self) -> None:
        """Forget all bytes, also those that are proven: they are of another version."""
        with self._mine, _Step(self) as claim:
            if self._known is not None:
                self._begin(claim, self._token)
            self._trim(0)
            self._offset = self._size = 0

    def commit(self, mtime: float | None = None, *, name: str | None = None, version: Version | None = None) -> Path:
        """Bring the bytes to the disk, and the file to its name.

        Args:
            mtime: when the content was last modified, in seconds since the epoch; None: now.
            version: noted for a later download, where the system can.
            name: another one than the target's in its folder, which nothing has (else ``errno.EEXIST``).

        Returns:
            The path of the file.
        """
        target = self.target if name is None else self.target.with_name(name)
        with self._mine, _Step(self):
            self._dress(mtime, version)
            self.flushed = self._writeback.flush(self._number, self._flushing.file)
            self._require_owned()
            placed = self._put_in_place(mtime) if name is None else self._put_beside(os.fspath(target))
            self._end(remove=True, placed=placed)
            self._over = True
            self._flushing.folder(self._names.folder)
        return target

    def close(self) -> None:
        """Leave what the last checkpoint told of for a later ``open``; nothing, where none was made."""
        self._finish(remove=False)

    def discard(self) -> None:
        """Remove the partial file, if there still is one; the target is left alone. Waits for what still runs."""
        self._finish(remove=True)

    def _finish(self, *, remove: bool) -> None:
        # The lock of a forked child may be held by a thread that it does not have.
        if self._process == os.getpid():
            self._over = True
            with self._lock:
                self._unwatch()
                self._end(remove=remove)

    @property
    def _mine(self) -> threading.Lock:
        """The lock. A ``with`` takes it: an interruption within a method of ours would leave it taken."""
        if self._process != os.getpid():
            raise StorageError("The partial file belongs to the process that opened it, not to its child")
        return self._lock

    # What follows runs under the lock.

    def _unwatch(self) -> Made | None:
        watched, self._watched = self._watched, None
        return None if watched is None else watched.end()

    @property
    def _mode(self) -> int:
        """For new files: what the target's readers may read, and its owner may write."""
        permissions = self._place.permissions
        return 0o666 if permissions is None else permissions & 0o777 | 0o600

    @property
    def _number(self) -> int:
        """Of the open file."""
        if self._file is None:
            raise StorageError("There is no open partial file")
        return self._file.fileno()

    def _resume(self, claim: Claim, found: Record | None) -> None:
        self._marked = found is not None or bool(claim.noted)
        for token in claim.noted:
            if found is None or token != found.token:
                self._leftovers.remove(token)
        taken = None if found is None else self._leftovers.take(found.token, found.sidecar.extent)
        if found is None or taken is None:
            self._begin(claim, None if found is None else found.token)
        elif taken.certain and found.kernel == this_kernel():
            self._go_on(claim, taken, found)
        else:
            self._copy(claim, taken.file, found)

    def _go_on(self, claim: Claim, taken: Taken, found: Record) -> None:
        claim.note(found.token)
        self._file, self._token, self._known = taken.file, found.token, found.sidecar
        self._offset, self._size, self._length = found.sidecar.committed, found.sidecar.extent, taken.length
        if self._place.permissions is not None:
            system.set_permissions(self._number, self._mode)

    def _copy(self, claim: Claim, file: Opened, found: Record) -> None:
        """Another may still be writing on the file: only what is proven is read, and nothing is written."""
        try:
            self._make(claim, found.token)
            for start, end in found.sidecar.proven:
                self._put(start, bytes_of(file, start, end))
            system.flush(self._number, system.flush_data)
            self._note(claim, found.sidecar)
            self._offset = found.sidecar.committed
        except OSError:  # a full disk, too: then what is there cannot be kept
            system.remove(self._names.part(self._token))
            self._begin(claim, found.token)
        finally:
            drop(file)
        self._leftovers.remove(found.token)

    def _begin(self, claim: Claim, before: str | None) -> None:
        """A new file, in the place of another one."""
        self._known = None
        self._make(claim, before)
        if before is not None:
            system.remove(self._names.sidecar)
            self._leftovers.remove(before)

    def _make(self, claim: Claim, before: str | None) -> None:
        """It is noted first, and what it replaces as well: a file that nothing names would stay for ever."""
        self._close()
        self._offset = self._size = self._length = 0
        self._writeback = Writeback()
        token = secrets.token_hex(8)
        claim.note(token, *filter(None, [before]))
        self._token = token
        self._file = open_file(self._names.part(token), system.MAKE, self._mode)
        self._locking(self._number)

    def _note(self, claim: Claim, sidecar: Sidecar) -> None:
        self._marked = True
        # Where there may be several owners, each has a draft of its own.
        draft = self._names.draft(None if claim.certain else self._token)
        save(self._names.sidecar, draft, Record(token=self._token, kernel=this_kernel(), sidecar=sidecar))
        self._known = sidecar

    def _put(self, offset: int, blocks: Iterable[bytes | memoryview]) -> int:
        """Where the last block ends."""
        for block in blocks:
            end = offset + len(block)
            self._length = max(self._length, end)  # even if not all of it can be written
            system.put(self._number, offset, block)
            self._size = max(self._size, end)
            self._writeback.wrote(self._number, offset, end)
            offset = end
        return offset

    def _trim(self, size: int) -> None:
        if self._length != size:
            os.ftruncate(self._number, size)
            self._length = size

    def _require_owned(self) -> None:
        if not system.names(self._names.part(self._token), os.fstat(self._number)):
            raise StorageError("The partial file was removed by another process", errno=errno.ENOENT)

    def _dress(self, mtime: float | None, version: Version | None) -> None:
        """Trim the file to what was written, and set its permissions, its time and the note of its version."""
        self._trim(self._size)
        mode = system.permissions(self._place.path)
        if mode is not None:
            system.set_permissions(self._number, mode)
        system.set_times(self._number, mtime)
        if version is not None:
            note(self._number, version)

    def _put_in_place(self, mtime: float | None) -> bool:
        """Whether the partial file stands at the target now; if not, its bytes do."""
        self._close_for_renaming()
        if self._place.replace(self._names.part(self._token)):
            return True
        if self._file is not None:
            can_flush = self._place.overwrite(self._file, self._size, mtime, self._flushing.file)
            self.flushed = self.flushed and can_flush
        return False

    def _put_beside(self, path: str) -> bool:
        """Give the partial file a name that nothing has."""
        self._close_for_renaming()
        system.rename_to_free(self._names.part(self._token), path)
        return True

    def _close_for_renaming(self) -> None:
        if sys.platform == "win32":  # which renames no open file; elsewhere, one that stays can be noted
            self._close()

    def _end(self, *, remove: bool, placed: bool = False) -> None:
        """Let go of the file, and remove what is to be: not what is another's by now, nor a file that has its place."""
        claim, self._claim = self._claim, None
        if claim is None:
            return
        with suppress(OSError):
            if self._token and (remove or self._known is None):
                if not placed:
                    system.remove(self._names.part(self._token))
                self._unmark(claim)
            elif self._file is not None:
                self._trim(self._size)  # gives back what was reserved
        self._close()
        claim.end()
        self._token, self._known = "", None

    def _unmark(self, claim: Claim) -> None:
        if not self._marked:
            return
        system.remove(self._names.draft(None if claim.certain else self._token))
        found = load(self._names.sidecar)
        if found is not None and found.token == self._token:
            os.unlink(self._names.sidecar)

    def _close(self) -> None:
        if self._file is not None:
            drop(self._file)
            self._file = None


class _Step:
    """Work on the open file, under the lock."""

    __slots__ = ("_part",)

    def __init__(self, part: PartFile) -> None:
        self._part = part

    def __enter__(self) -> Claim:
        if self._part._file is None or self._part._claim is None:
            raise StorageError("There is no open partial file")
        return self._part._claim

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        tell(error, self._part.target)
