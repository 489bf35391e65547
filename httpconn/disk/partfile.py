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

So the locks (:mod:`httpconn.disk.lockfile`) save work, and nothing depends on them.
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
from .abandoned import STALE, Leftovers, Taken, bytes_of
from .content import Content, Mark, Step
from .descriptors import Opened, close, duplicate, open_file
from .folders import FLUSHING, Flushing
from .hiddennames import Names
from .lockfile import Claim, InUse, Lock, Made, Watched, drop, lock, this_kernel
from .places import Place
from .sidecar import Record, Sidecar, load, save
from .sweeping import sweep
from .system import Told
from .versions import Version, note

__all__ = ["STALE", "InUse", "Made", "PartFile", "Sidecar"]


class PartFile:
    """Collects the bytes of a target that is not complete yet, across calls and processes.

    Its methods may be called in one thread after another, and ``write_at`` and ``read`` in several at once. ``discard``
    and ``close`` may come while another still runs, and are the last that have an effect: what is called after them
    raises StorageError, and leaves nothing behind. In a forked child nothing has an effect.
    If it is dropped, its lock ends, and the next download of the target or into its folder finds what is left. No
    finalizer does more: an exception that a signal handler raises within one would be lost.

    Args:
        target: where the file is to appear. Where a link stands, the file that it leads to is replaced.
        locking: locks an open file, as :func:`httpconn.disk.lockfile.lock` does.
        flushing: brings a file, and then the folder that names it, to the disk.

    Raises:
        StorageError: from every method, for what the disk or the operating system refuses; DiskFull where no space is
            left.

    Attributes:
        guard: for the user, to be held while what it will note of the file changes; no method takes it.
        flushed: whether the file is on disk, once it is committed; False where the file system cannot flush.
    """

    def __init__(self, target: Path, *, locking: Lock = lock, flushing: Flushing = FLUSHING) -> None:
        self.target = target
        self.flushed: bool = True
        self._locking = locking
        self._flushing = flushing
        self.guard = threading.RLock()
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._names: Names
        self._leftovers: Leftovers
        self._watched: Watched | None = None
        self._over = False
        self._claim: Claim | None = None
        self._place: Place
        self._token = ""
        self._known: Sidecar | None = None
        self._marked = False  # a sidecar or a draft of it may be there
        self._content: Content | None = None
        self._marks = count(1)
        self._noted = 0  # the last mark that is in the sidecar

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
                    self._claim.take()
                    self._resume(self._claim, load(self._names.sidecar))
                    sweep(self._names, self._locking)
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
        with self._mine, self._step() as step:
            step.claim.tell(made)

    def reserve(self, size: int) -> None:
        """Take the space now, so that a full disk is found out before the transfer, where the system can."""
        with self._mine, self._step() as step:
            step.content.reserve(size)

    def write(self, blocks: Iterable[bytes | memoryview]) -> None:
        """Append blocks."""
        with self._mine, self._step() as step:
            content = step.content
            content.offset = content.put(content.offset, blocks)

    def write_at(self, offset: int, blocks: Iterable[bytes | memoryview]) -> None:
        """Write blocks one after the other from an offset on, wherever the file's end is."""
        with self._mine, self._step() as step:
            step.content.put(offset, blocks)

    def go_to(self, offset: int) -> None:
        """Where the next ``write`` is to begin."""
        with self._mine, self._step() as step:
            step.content.offset = offset

    def read(self, offset: int, size: int) -> bytes:
        """At most so many of the bytes that were written; empty at their end."""
        with self._mine, self._step() as step:
            return step.content.get(offset, size)

    def mark(self) -> Mark:
        """Return the moment that a later checkpoint is about."""
        with self._mine, self._step() as step:
            return Mark(next(self._marks), step.content, duplicate(step.content.file))

    def checkpoint(self, sidecar: Sidecar, mark: Mark | None = None) -> None:
        """Bring what was written to the disk, and then what is known of it: a later ``open`` returns it.

        Others may write meanwhile. If the file was begun anew, or a later checkpoint was faster, nothing is noted.

        Args:
            sidecar: what is known.
            mark: when it was known; None means now.
        """
        number, content, file = mark or self.mark()
        if sidecar == self._known and content is self._content:
            return
        with Told(self.target):
            try:
                content.flush(system.flush_data, file)
            finally:
                close(file)
        with self._mine, self._step() as step:
            if step.content is content and number > self._noted:
                self._require_owned(content)
                self._note(step.claim, sidecar)
                self._noted = number

    def restart(self) -> None:
        """Forget all bytes, also those that are proven: they are of another version."""
        with self._mine, self._step() as step:
            if self._known is not None:
                self._begin(step.claim, self._token)
            else:
                self._content = step.content.emptied()

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
        with self._mine, self._step() as step:
            content = step.content
            content.dress(system.permissions(self._place.path), mtime)
            if version is not None:
                note(content.number, version)
            self.flushed = content.flush(self._flushing.file)
            self._require_owned(content)
            if sys.platform == "win32":  # which renames no open file; elsewhere, one that stays can be noted
                self._close()
            self._end(remove=True, placed=self._bring(content, mtime, None if name is None else target))
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

    def _step(self) -> Step:
        if self._content is None or self._content.is_closed or self._claim is None:
            raise StorageError("There is no open partial file")
        return Step(self._claim, self._content, self.target)

    def _unwatch(self) -> Made | None:
        watched, self._watched = self._watched, None
        return None if watched is None else watched.end()

    @property
    def _mode(self) -> int:
        """For new files: what the target's readers may read, and its owner may write."""
        permissions = self._place.permissions
        return 0o666 if permissions is None else permissions & 0o777 | 0o600

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
        self._token, self._known = found.token, found.sidecar
        self._content = Content(taken.file, found.sidecar.committed, found.sidecar.extent, taken.length)
        if self._place.permissions is not None:
            system.set_permissions(self._content.number, self._mode)

    def _copy(self, claim: Claim, file: Opened, found: Record) -> None:
        """Another may still be writing on the file: only what is proven is read, and nothing is written."""
        try:
            content = self._make(claim, found.token)
            for start, end in found.sidecar.proven:
                content.put(start, bytes_of(file, start, end))
            content.flush(system.flush_data)
            self._note(claim, found.sidecar)
            content.offset = found.sidecar.committed
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
            # In this order: nothing names a partial file that is left when its sidecar is gone.
            self._leftovers.remove(before)
            system.remove(self._names.sidecar)

    def _make(self, claim: Claim, before: str | None) -> Content:
        """It is noted first, and what it replaces as well: a file that nothing names would stay for ever."""
        self._close()
        self._token = token = secrets.token_hex(8)
        claim.note(token, *filter(None, [before]))
        self._content = content = Content(open_file(self._names.part(token), system.MAKE, self._mode))
        self._locking(content.number)
        return content

    def _note(self, claim: Claim, sidecar: Sidecar) -> None:
        self._marked = True
        save(self._names.sidecar, self._draft(claim), Record(token=self._token, kernel=this_kernel(), sidecar=sidecar))
        self._known = sidecar

    def _require_owned(self, content: Content) -> None:
        if not system.names(self._names.part(self._token), os.fstat(content.number)):
            raise StorageError("The partial file was removed by another process", errno=errno.ENOENT)

    def _bring(self, content: Content, mtime: float | None, beside: Path | None) -> bool:
        """Bring the file to its name; whether the partial file has it now, and not a copy of its bytes."""
        part = self._names.part(self._token)
        if beside is not None:
            system.rename_to_free(part, os.fspath(beside))
            return True
        put = self._place.put(part, content, mtime, self._flushing.file)
        self.flushed = self.flushed and put.flushed
        return put.moved

    def _end(self, *, remove: bool, placed: bool = False) -> None:
        """Let go of the file, and remove what is to be: not what is another's by now, nor a file that has its place.

        If an exception interrupts it, it can be called again.
        """
        claim = self._claim
        if claim is None:
            return
        if claim.is_held:
            with suppress(OSError):
                self._clear(claim, remove=remove, placed=placed)
        self._close()
        claim.end()
        self._claim = None
        self._token, self._known = "", None

    def _clear(self, claim: Claim, *, remove: bool, placed: bool) -> None:
        if not self._token:
            return
        part = self._names.part(self._token)
        if not remove and self._known is not None and os.path.lexists(part):
            system.remove(self._draft(claim))
            if self._content is not None and not self._content.is_closed:
                self._content.trim()
            return
        if not placed:
            system.remove(part)
        if self._marked:
            system.remove(self._draft(claim))
            found = load(self._names.sidecar)
            if found is not None and found.token == self._token:
                os.unlink(self._names.sidecar)

    def _draft(self, claim: Claim) -> str:
        """Of the sidecar. Where there may be several owners, each has one of its own."""
        return self._names.draft(None if claim.certain else self._token)

    def _close(self) -> None:
        if self._content is not None:
            self._content.close()
            self._content = None
