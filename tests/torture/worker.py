"""One owner of a partial file, at work until it has finished or is killed."""

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
    """What a version of the file consists of."""
    return random.Random(version).randbytes(SIZE)


class Writers:
    """Those who write a file, each in a process of its own.

    Attributes:
        longest: seconds until one of them is killed.
        tidy: who finishes the file leaves nothing else behind; only locks tell whose files may be removed at once.
    """

    longest = 0.06

    def __init__(self, chance: random.Random, *, locks: bool) -> None:
        self.tidy = locks
        self._chance = chance

    def content(self, version: int) -> bytes:
        """What the target may hold."""
        return content(version)

    def start(self, target: Path, version: int) -> int:
        """The number of a process that writes this version, if it is not killed before."""
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
    """Writes a version of a file in two parts, and goes on with what others have left of it.

    Args:
        chance: decides in which order, and how often it makes sure.
    """

    def __init__(self, target: Path, version: int, chance: random.Random) -> None:
        self._part = PartFile(target)
        self._version = version
        self._content = content(version)
        self._chance = chance
        self._head = self._tail = 0

    def run(self) -> None:
        """Make the file, unless somebody else is at it."""
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
        """What is said to be there has to be there. Bytes of another version are kept at times, and come back."""
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
            self._part.write([self._content[self._head : self._head + BLOCK]])
            self._head += BLOCK
        else:
            start = MIDDLE + self._tail
            self._part.write_at(start, [self._content[start : start + BLOCK]])
            self._tail += BLOCK

    def _note(self) -> Sidecar:
        parts = ((MIDDLE, SIZE, self._tail),)
        url = "https://example.com/file"
        return Sidecar(url=url, validator=str(self._version), total=SIZE, committed=self._head, parts=parts)
