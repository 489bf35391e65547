"""What a download holds of its file: the bytes on disk, the version that they are of, their digest so far."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..core.digests import Announced, Expected, Hash, hasher
from ..core.identity import resource_key
from ..core.ranges import ReceivedBytes, is_validator
from ..core.segments import merged
from ..core.urls import VettedURL
from ..disk.partfile import PartFile, Sidecar, Transfer
from ..disk.versions import FileVersion
from ..errors import IntegrityError, StorageError

REREAD = 16 * 1024 * 1024
"""Bytes that are read again in one hop."""

PIECE = 1024 * 1024

Piece = bytes | memoryview
Incoming = Callable[[], list[tuple[int, list[Piece]]]]
"""Returns what was received and is not written yet: where in the file it belongs, and the pieces."""


class Partial:
    """Blocking file work; each method is one hop off the event loop.

    Args:
        part: the partial file.
        url: of the file.
        expected: the caller's digest.
        keep: leave what there is to a later download, and take up what an earlier one left.

    Attributes:
        key: of the resource.
        size: bytes on disk, from the file's beginning on.
        behind: ranges on disk behind the first gap, as (start, end).
        total: bytes of the whole, as far as it is known.
        resumed: bytes that came from an earlier download.
        digest: the digest to be checked, the caller's or an announced one.
        unchecked: see :class:`httpconn.core.digests.Announced`.
        incoming: what a checkpoint writes before the transfer does. Lists of pieces are emptied once they are written.
    """

    def __init__(self, part: PartFile, url: VettedURL, expected: Expected | None, keep: bool) -> None:
        self.key: str = resource_key(url)
        self.size: int = 0
        self.behind: tuple[tuple[int, int], ...] = ()
        self.total: int | None = None
        self.resumed: int = 0
        self.digest = expected
        self.unchecked: tuple[str, ...] = ()
        self.incoming: Incoming = list
        self._part = part
        # Held while the fields above change: a checkpoint may be made in another thread.
        self._guard = part.guard
        self._url = url
        self._expected = expected
        self._keep = keep
        self._validator: str | None = None
        self._told: Transfer | None = None
        self._encoded = False
        self._hash: Hash | None = None
        self._hashed = 0
        self._sources = 0

    @property
    def held(self) -> ReceivedBytes:
        """What a decision is made on. The bytes of an encoded body are counted otherwise than those on the wire."""
        if self._encoded:
            return ReceivedBytes(self.size)
        return ReceivedBytes(
            self.size,
            self.total,
            self._validator,
            provable=self._expected is not None,
            beyond=self.received - self.size,
            gap_end=self.behind[0][0] if self.behind else None,
        )

    @property
    def received(self) -> int:
        """All bytes on disk."""
        return self.size + (sum(end - start for start, end in self.behind) if self.behind else 0)

    @property
    def flushed(self) -> bool:
        """Whether the committed file is on disk; False where the file system cannot flush."""
        return self._part.flushed

    @property
    def validator(self) -> str | None:
        """What names the version that the bytes are of, strongly."""
        return self._validator

    @property
    def is_complete(self) -> bool:
        """Whether no byte is missing."""
        return self.size == self.total

    @property
    def is_pieced(self) -> bool:
        """Whether the bytes came by several answers, or from an earlier download."""
        return self._sources > 1 or self.resumed > 0

    @property
    def is_hashed(self) -> bool:
        """Whether the digest has seen every byte there is."""
        return self.digest is None or self._hashed == self.size

    def take_up(self, left: Sidecar) -> None:
        """Go on with what an earlier download left, where it is of this resource, or was to have the same digest."""
        is_same = left.key == self.key
        validator = left.validator if is_same and is_validator(left.validator) else None
        behind = tuple((start, start + count) for start, _, count in left.parts)
        held = left.committed + sum(count for _, _, count in left.parts)
        usable = self._keep and held > 0 and (is_same or self._is_promised(left))
        if not usable or (validator is None and self._expected is None):
            self.restart()
            return
        self.size, self.behind, self.resumed = left.committed, behind, held
        self.total, self._validator = left.total, validator
        self._sources = 1

    def _is_promised(self, left: Sidecar) -> bool:
        return self._expected is not None and left.digest == str(self._expected)

    def restart(self) -> None:
        """Nothing that there was counts any longer."""
        with self._guard:
            self._part.restart()
            self.size = self.resumed = self._sources = self._hashed = 0
            self.behind = ()
            self.total = self._validator = self._hash = None
            self._encoded = False
            self.incoming = list

    def begin(self, total: int | None, validator: str | None, encoded: bool) -> None:
        """The whole file comes now."""
        with self._guard:
            self.restart()
            self.digest = self._expected
            self.total, self._encoded = total, encoded
            self._validator = None if encoded else validator
            self._sources = 1
        self._tell()
        self._reserve(total)

    def go_on(self, total: int) -> None:
        """The rest comes now, or a part of it."""
        self.total = total
        self._sources += 1
        self._tell()
        self._reserve(total)

    def _tell(self) -> None:
        made = Transfer(self.key, self.total, self._validator)
        if made != self._told:
            self._part.publish(made)
            self._told = made

    def _reserve(self, total: int | None) -> None:
        """What is written at once finds a full disk as early."""
        if total is not None and total > PIECE:
            self._part.reserve(total)

    def end(self) -> None:
        """The body has come to its end."""
        if self.total is None:
            self.total = self.size

    def announce(self, announced: Announced) -> None:
        """What an answer says of the digest; the caller, and what an earlier one said, come first."""
        self.digest = self.digest or announced.expected
        self.unchecked = announced.unchecked

    def change_server(self) -> None:
        """Another server may name its versions as it likes."""
        self._validator = None

    def append(self, blocks: list[Piece]) -> None:
        """Write blocks, and hash them while they are warm."""
        in_step, written = self.is_hashed, list(blocks)
        with self._guard:
            self._part.write(written)
            self.size += sum(map(len, written))
            blocks.clear()
        if in_step:
            for block in written:
                self._take_in(block)

    def place(self, offset: int, blocks: list[Piece]) -> int:
        """Write blocks anywhere; what they come to is for ``cover`` to say. Return the number of bytes."""
        with self._guard:
            self._part.write_at(offset, blocks)
            count = sum(map(len, blocks))
            blocks.clear()
        return count

    def cover(self, done: list[tuple[int, int]]) -> None:
        """These ranges are on disk now, of which no two touch."""
        first, *behind = done if done and done[0][0] == 0 else [(0, 0), *done]
        with self._guard:
            self.size, self.behind = first[1], tuple(behind)

    def join(self) -> None:
        """What comes next is appended to the file's beginning."""
        self._part.seek(self.size)

    def catch_up(self) -> None:
        """Hash the next bytes that the digest has not seen."""
        goal = min(self.size, self._hashed + REREAD)
        while self._hashed < goal:
            data = self._part.read(self._hashed, min(PIECE, goal - self._hashed))
            if not data:
                raise StorageError("Somebody has shortened the partial file")
            self._take_in(data)

    def _take_in(self, data: bytes | memoryview) -> None:
        if self.digest is None:
            return
        if self._hash is None:
            self._hash = hasher(self.digest.algorithm)
        self._hash.update(data)
        self._hashed += len(data)

    def mismatch(self) -> IntegrityError | None:
        """What is wrong with the complete file, if its digest is."""
        if self.digest is None:
            return None
        actual = f"{self.digest.algorithm}:{(self._hash or hasher(self.digest.algorithm)).hexdigest()}"
        if actual == str(self.digest):
            return None
        said = "expected" if self.digest is self._expected else f"announced by {self.digest.source}"
        message = f"The file has the digest {actual}; {self.digest} was {said}"
        return IntegrityError(message, expected=str(self.digest), actual=actual)

    def checkpoint(self) -> None:
        """Make what there is outlive this process, with what was received and is not written yet."""
        with self._guard:
            (_, size), *behind = self._ranges()
            held = self.held._replace(size=size, beyond=sum(end - start for start, end in behind))
            if not self._keep or self._encoded or not held.resumable:
                return
            snapshot, note = self._part.snapshot(), self._note(held, behind)
        self._part.checkpoint(note, snapshot)

    def _ranges(self) -> list[tuple[int, int]]:
        """Write what was received; return the ranges that are on disk then. The first one begins at 0."""
        ranges = [(0, self.size), *self.behind]
        for offset, pieces in self.incoming():
            received = list(pieces)
            self._part.write_at(offset, received)
            ranges.append((offset, offset + sum(map(len, received))))
        found = merged(ranges)
        return found if found and found[0][0] == 0 else [(0, 0), *found]

    def _note(self, held: ReceivedBytes, behind: list[tuple[int, int]]) -> Sidecar:
        return Sidecar(
            url=self._url.redacted,
            key=self.key,
            digest=None if self._expected is None else str(self._expected),
            validator=held.validator,
            total=held.total,
            committed=held.size,
            parts=tuple((start, end, end - start) for start, end in behind),
        )

    def commit(self, modified: float | None, name: str | None, validator: str | None) -> Path:
        """Put the file under its name; with the time of its modification, and another name, if they are given.

        Args:
            validator: of the version, to be noted for a later refresh; None notes nothing.
        """
        version = None if validator is None else FileVersion(self.key, validator)
        return self._part.commit(modified, name=name, version=version)

    def leave(self) -> None:
        """The download has failed, or was given up: keep what a later one can go on with, and nothing else."""
        if not self._keep:
            self.discard()
            return
        with suppress(StorageError):  # on a full disk the last checkpoint stands
            self.checkpoint()
        self._part.close()

    def discard(self) -> None:
        """Remove what there is; the target is left alone."""
        self._part.discard()
