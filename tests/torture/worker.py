"""A process that owns a partial file, until it completes the file or is killed."""

from __future__ import annotations

import random
from pathlib import Path

from httpconn.disk import lockfile
from httpconn.disk.partfile import InUse, PartFile, Sidecar
from tests.torture.processes import start

SIZE = 1_000_000
MIDDLE = 600_000
BLOCK = 50_000


def content(version: int) -> bytes:
    """Return the content of a version of the file."""
    return random.Random(version).randbytes(SIZE)


class Writers:
    """Processes that write a file.

    Attributes:
        longest: maximum seconds until a process is killed.
        tidy: whether the process that completes the file leaves no other file. It can know that only with locks.
    """

    longest = 0.06

    def __init__(self, chance: random.Random, *, locks: bool) -> None:
        self.tidy = locks
        self._chance = chance

    def content(self, version: int) -> bytes:
        """Return the content of a version."""
        return content(version)

    def start(self, target: Path, version: int) -> int:
        """Start a process that writes this version; return its ID."""
        chance = random.Random(self._chance.random())

        def work() -> None:
            if not self.tidy:
                lockfile.lock = _nothing  # in the new process only
            Worker(target, version, chance).run()

        return start(work)


def _nothing(_descriptor: int) -> bool:
    """A file system without locks."""
    return False


class Worker:
    """Writes a version of a file in two parts, and continues what others have left of it.

    Args:
        chance: decides about the order and the number of checkpoints.
    """

    def __init__(self, target: Path, version: int, chance: random.Random) -> None:
        self._part = PartFile(target)
        self._version = version
        self._content = content(version)
        self._chance = chance
        self._head = self._tail = 0

    def run(self) -> None:
        """Create the file, unless another process does."""
        try:
            known = self._part.open()
        except InUse:
            return
        if known is not None:
            self._take_up(known)
        if self._chance.random() < 0.5:
            self._part.reserve(SIZE)
        while self._head < MIDDLE or self._tail < SIZE - MIDDLE:
            self._write()
            if self._chance.random() < 0.3:
                self._part.checkpoint(self._note())
            if self._chance.random() < 0.02:
                self._part.close()
                return
        self._part.commit()

    def _take_up(self, known: Sidecar) -> None:
        """Check that the recorded bytes exist. Bytes of another version are sometimes kept and used again."""
        self._check(known)
        if known.validator != str(self._version):
            self._part.restart(keep=self._chance.random() < 0.7)
            if self._part.kept is None or self._part.kept.validator != str(self._version):
                return
            back = self._part.go_back()
            if back is None:
                return
            self._check(back)
            known = back
        self._head, self._tail = known.committed, known.parts[0][2]

    def _check(self, known: Sidecar) -> None:
        version = content(int(known.validator or 0))
        for first, end in known.ranges:
            if self._part.read(first, end - first) != version[first:end]:
                raise AssertionError(f"The bytes from {first} to {end} are not those of version {known.validator}")

    def _write(self) -> None:
        if self._tail == SIZE - MIDDLE or (self._head < MIDDLE and self._chance.random() < 0.5):
            self._part.write_at(self._head, [self._content[self._head : self._head + BLOCK]])
            self._head += BLOCK
        else:
            start = MIDDLE + self._tail
            self._part.write_at(start, [self._content[start : start + BLOCK]])
            self._tail += BLOCK

    def _note(self) -> Sidecar:
        parts = ((MIDDLE, SIZE, self._tail),)
        url = "https://example.com/file"
        return Sidecar(url=url, validator=str(self._version), total=SIZE, committed=self._head, parts=parts)
