"""The received bytes of a download: ranges on disk, their version and their digest so far."""

from collections.abc import Callable
from contextlib import suppress

from ..core.digests import GIT, Announced, Expected, Hash, hasher
from ..core.identity import resource_key
from ..core.locks import RLock
from ..core.ranges import RangeResponse, ReceivedBytes, is_validator, validator
from ..core.segments import merged
from ..core.urls import VettedURL
from ..disk.partfile import PartFile, Sidecar, Transfer
from ..disk.versions import FileVersion
from ..errors import DiskFull, IntegrityError, StorageError

READ_SIZE = 16 * 1024 * 1024  # bytes of an existing file to read per call in a worker thread

CHUNK = 1024 * 1024

Chunk = bytes | memoryview
Pending = Callable[[], list[tuple[int, list[Chunk]]]]
"""Returns the received bytes that are not written yet, as (offset, chunks)."""


class PartialDownload:
    """A partial file and its state. The methods block, so each runs in a worker thread.

    Args:
        keep: keep the bytes for a later download.
        size: size of the file that the caller expects, in bytes, or None.
    """

    def __init__(
        self, part: PartFile, url: VettedURL, expected: Expected | None, keep: bool, size: int | None = None
    ) -> None:
        self.key: str = resource_key(url)
        self.size: int = 0  # bytes on disk from the beginning of the file on
        self.later_ranges: tuple[tuple[int, int], ...] = ()  # ranges on disk behind the first gap, as (start, end)
        self.total: int | None = None
        self.validator: str | None = None
        self.resumed: int = 0  # bytes that an earlier download has left
        self.digest: Expected | None = expected  # digest to verify, from the caller or from a response
        self.unchecked: tuple[str, ...] = ()  # see :class:`httpconn.core.digests.Announced`
        self.hashed: int = 0  # bytes from the beginning on that the digest covers
        # Received bytes that the transfer has not written yet. A checkpoint writes them, and empties the lists of
        # chunks.
        self.pending: Pending = list
        # Whether a response may lead back to the kept bytes. False after such a return until the next body, so that a
        # server that alternates between two versions does not cause endless requests.
        self.may_go_back: bool = True
        self._part = part
        # Held while the fields above change, because another thread may make a checkpoint.
        self._guard = RLock()
        self._url = url
        self._expected = expected
        self._keep = keep
        self._size = size
        self._media_type: str | None = None
        self._is_encoded = False
        self._hash: Hash | None = None
        self._sources = 0
        self._unwritten: tuple[int, list[Chunk]] = 0, []  # offset and blocks that ``size`` counts already

    @property
    def held(self) -> ReceivedBytes:
        """The state from which the next request is made. A decoded body has other offsets than the received bytes."""
        if self._is_encoded or self.is_new:
            return ReceivedBytes(self.size)
        return ReceivedBytes(
            self.size,
            self.total,
            self.validator,
            provable=self._expected is not None,
            beyond=self.received - self.size,
            gap_end=self.later_ranges[0][0] if self.later_ranges else None,
            media_type=self._media_type,
            kept=None if self.kept is None or not self.may_go_back else self.kept.validator,
        )

    @property
    def received(self) -> int:
        return self.size + (sum(end - start for start, end in self.later_ranges) if self.later_ranges else 0)

    @property
    def kept(self) -> Sidecar | None:
        """State of other bytes on disk that this download can continue, which a restart has kept, or None."""
        kept = self._part.kept
        return kept if kept is not None and self._is_usable(kept) else None

    @property
    def is_complete(self) -> bool:
        return self.size == self.total

    @property
    def has_several_sources(self) -> bool:
        """Whether the bytes came from several responses, or from an earlier download."""
        return self._sources > 1 or self.resumed > 0

    @property
    def is_hashed(self) -> bool:
        """Whether the digest covers all bytes from the beginning on that can be hashed."""
        return self._hash_algorithm is None or self.hashed == self.size

    @property
    def _hash_algorithm(self) -> str | None:
        """The algorithm of the digest, or None if no byte can be hashed. Git's digest needs the size of the file."""
        if self.digest is None or (self.digest.algorithm == GIT and self.total is None):
            return None
        return self.digest.algorithm

    def resume(self, sidecar: Sidecar) -> None:
        """Continue an earlier download of the same resource, or of a file with the same expected digest."""
        if self._is_usable(sidecar):
            self._adopt(sidecar)
        elif self.kept is not None:
            self.go_back()
        else:
            self.restart(keep=True)

    def _is_usable(self, sidecar: Sidecar) -> bool:
        is_same = sidecar.key == self.key
        if sidecar.received == 0 or (self._size is not None and sidecar.total not in (None, self._size)):
            return False
        if self._expected is None:
            return is_same and is_validator(sidecar.validator) and sidecar.validator is not None
        return is_same or sidecar.digest == str(self._expected)

    def _adopt(self, sidecar: Sidecar) -> None:
        is_known = sidecar.key == self.key and is_validator(sidecar.validator)
        self.size, self.later_ranges, self.resumed = sidecar.committed, sidecar.ranges[1:], sidecar.received
        self.total, self.validator = sidecar.total, sidecar.validator if is_known else None
        self._media_type = sidecar.media_type
        self._sources = 1

    @property
    def is_new(self) -> bool:
        """Whether no response has led to a body yet, so that the file is empty."""
        return not self._sources

    def restart(self, *, keep: bool = False) -> None:
        """Begin with an empty file; ``keep`` keeps the proven bytes on disk until the file is complete."""
        with self._guard:
            if keep and self.received:
                self._save()
            self._part.restart(keep=keep)
            self._reset()

    def go_back(self) -> None:
        """Continue the bytes that a restart has kept, and keep the current ones if they are proven."""
        with self._guard:
            if self.received:
                self._save()
            sidecar = self._part.go_back()
            self._reset()
            if sidecar is not None:
                self._adopt(sidecar)
            self.may_go_back = False

    def return_if_unproven(self) -> None:
        """Go back to the kept bytes if the current ones cannot be continued."""
        with suppress(StorageError):  # the caller handles the error that ended the attempt
            if self.kept is not None and not self.held.resumable:
                self.go_back()

    def _reset(self) -> None:
        self.size = self.resumed = self._sources = self.hashed = 0
        self.later_ranges = ()
        self.total = self.validator = self._media_type = self._hash = None
        self.digest, self.unchecked = self._expected, ()
        self._is_encoded = False
        self.pending, self._unwritten = list, (0, [])

    def begin_whole(self, facts: RangeResponse) -> None:
        """Prepare to receive the whole file from its beginning on, after a restart."""
        self._is_encoded, self._media_type = facts.encoded, facts.media_type
        if not facts.encoded:  # otherwise, the decoded length is known at the end only
            self.total = facts.length
            self.validator = validator(facts.etag, facts.last_modified, facts.date)
        self._sources, self.may_go_back = 1, True

    def begin_range(self, total: int) -> None:
        """Prepare to receive a range of missing bytes."""
        self.total, self.may_go_back = total, True
        self._sources += 1

    @property
    def is_large(self) -> bool:
        """Whether to reserve disk space. Writing a small file detects a full disk just as early."""
        return self.total is not None and self.total > CHUNK

    def reserve(self) -> None:
        try:
            self._part.reserve(self.total or 0)
        except DiskFull as error:
            if self._part.kept is not None:
                error.add_note("The disk also holds bytes of an earlier download; resume=False removes them first")
            raise

    def end(self) -> None:
        """Set the size of the file to the received bytes if no response has declared it."""
        if self.total is None:
            self.total = self.size

    def add_announced(self, announced: Announced) -> None:
        """Use the digest of a response, unless the caller or an earlier response has given one."""
        self.digest = self.digest or announced.expected
        self.unchecked = announced.unchecked

    def change_server(self) -> None:
        """Forget the validator, because another server has its own."""
        self.validator = None

    def append(self, blocks: list[Chunk]) -> None:
        """Append blocks, and hash them while they are in the processor's cache."""
        is_hashed, written = self.is_hashed, list(blocks)
        with self._guard:
            self._write_later()
            self._part.write_at(self.size, written)
            self.size += sum(map(len, written))
            blocks.clear()
        if is_hashed:
            for block in written:
                self._add_to_hash(block)

    def append_last(self, blocks: list[Chunk]) -> bool:
        """Append the last blocks of the file. The next step on the disk, usually the commit, writes them.

        Return False if the blocks are not the last blocks or must be hashed. ``append`` must then write them.
        """
        size = self.size + sum(map(len, blocks))
        if self.digest is not None or self.total not in (None, size) or self._unwritten[1]:
            return False
        self._unwritten = self.size, blocks  # before the size changes: another thread may make a checkpoint now
        self.size = size
        return True

    def _write_later(self) -> None:
        start, blocks = self._unwritten
        if blocks:
            self._part.write_at(start, blocks)
            self._unwritten = 0, []

    def write_at(self, offset: int, blocks: list[Chunk]) -> int:
        """Write blocks from an offset on; return the number of bytes. ``set_ranges`` registers them."""
        with self._guard:
            self._write_later()
            self._part.write_at(offset, blocks)
            count = sum(map(len, blocks))
            blocks.clear()
        return count

    def set_ranges(self, ranges: list[tuple[int, int]]) -> None:
        """Set the ranges on disk, which are sorted and separated by gaps."""
        first, *later = ranges if ranges and ranges[0][0] == 0 else [(0, 0), *ranges]
        with self._guard:
            self.size, self.later_ranges = first[1], tuple(later)

    def hash_more(self) -> None:
        """Read the next bytes that the digest does not cover, at most ``READ_SIZE``, and hash them."""
        with self._guard:
            self._write_later()
        goal = min(self.size, self.hashed + READ_SIZE)
        while self.hashed < goal:
            data = self._part.read(self.hashed, min(CHUNK, goal - self.hashed))
            if not data:
                raise StorageError("Another process has shortened the partial file")
            self._add_to_hash(data)

    def _add_to_hash(self, data: bytes | memoryview) -> None:
        if (algorithm := self._hash_algorithm) is None:
            return
        if self._hash is None:
            self._hash = hasher(algorithm, self.total or 0)
        self._hash.update(data)
        self.hashed += len(data)

    def integrity_error(self) -> IntegrityError | None:
        """Return the error of a complete file whose size or digest does not match; None if both match."""
        if self._size not in (None, self.size):
            return IntegrityError(f"The file has {self.size} bytes, but the caller expects {self._size}")
        if self.digest is None:
            return None
        actual = f"{self.digest.algorithm}:{(self._hash or hasher(self.digest.algorithm, self.size)).hexdigest()}"
        if actual == str(self.digest):
            return None
        is_callers = self.digest is self._expected
        source = "the caller expects" if is_callers else f"the server announced in {self.digest.source}"
        message = f"The file has the digest {actual}, not {self.digest}, which {source}"
        return IntegrityError(message, expected=str(self.digest), actual=actual)

    def checkpoint(self) -> None:
        """Write pending bytes, flush all bytes and save their state, so that they survive this process."""
        if self._keep:
            self._save()

    def _save(self) -> None:
        with self._guard:
            (_, size), *later = self._write_pending()
            held = self.held._replace(size=size, beyond=sum(end - start for start, end in later))
            if self._is_encoded or not held.resumable:
                return
            snapshot, sidecar = self._part.snapshot(), self._sidecar(held, later)
        self._part.checkpoint(sidecar, snapshot)

    def _write_pending(self) -> list[tuple[int, int]]:
        """Write the pending bytes; return all ranges on disk. The first range begins at 0."""
        ranges = [(0, self.size), *self.later_ranges]  # first: ``append_last`` may run now, and changes the size last
        self._write_later()
        for offset, chunks in self.pending():
            received = list(chunks)
            self._part.write_at(offset, received)
            ranges.append((offset, offset + sum(map(len, received))))
        found = merged(ranges)
        return found if found and found[0][0] == 0 else [(0, 0), *found]

    def _sidecar(self, held: ReceivedBytes, later: list[tuple[int, int]]) -> Sidecar:
        return Sidecar(
            url=self._url.redacted,
            key=self.key,
            digest=None if self._expected is None else str(self._expected),
            validator=held.validator,
            total=held.total,
            committed=held.size,
            parts=tuple((start, end, end - start) for start, end in later),
            media_type=self._media_type,
        )

    def commit(self, modified: float | None, name: str | None, validator: str | None) -> bool:
        """Put the file at its path, or at a free name in its folder, with the modification time ``modified``.

        ``validator`` is stored for a later refresh. Return False if the file system cannot flush the file.
        """
        version = None if validator is None else FileVersion(self.key, validator)
        with self._guard:
            self._write_later()
        transfer = Transfer(self.key, self.total, self.validator)
        self._part.commit(modified, name=name, version=version, transfer=transfer)
        return self._part.flushed

    def close(self) -> None:
        """End a download that failed or was cancelled; keep the bytes that a later download can continue."""
        if not self._keep:
            self.discard()
            return
        with suppress(StorageError):  # on a full disk the last checkpoint is kept
            self.checkpoint()
        self._part.close()

    def drop(self) -> None:
        """Remove the received bytes, and end the download as ``close`` does."""
        with suppress(StorageError):
            self.restart()
        self.close()

    def discard(self) -> None:
        """Remove all partial files; the target stays unchanged."""
        self._part.discard()
