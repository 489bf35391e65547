"""A block cache: recently used blocks of a remote file, the ranges in flight, and the next range to request."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Event = TypeVar("Event")


class Claim(Generic[Event]):
    """A range that one reader requests, and for which other readers wait.

    Attributes:
        first: the offset of the first byte.
        last: the offset of the last byte.
        done: the event that wakes the other readers.
        content: the bytes; empty if the request has not ended or has failed.
    """

    __slots__ = ("content", "done", "first", "last")

    def __init__(self, first: int, last: int, done: Event) -> None:
        self.first: int = first
        self.last: int = last
        self.done: Event = done
        self.content: bytes = b""

    def at(self, offset: int) -> memoryview:
        """Return the bytes from an offset."""
        return memoryview(self.content)[offset - self.first :]


class BlockCache(Generic[Event]):
    """The most recently used blocks of a file. Threads may share it.

    If a read starts where the last request ended, more blocks are requested than the read needs. Their number doubles
    with each such request, up to half of the cache.

    Args:
        size: bytes of a block; the last block of a file may have fewer.
        max_blocks: the maximum number of blocks in memory, at least 2.
    """

    def __init__(self, total: int, size: int, max_blocks: int) -> None:
        self.total = total
        self.size = size
        self._max_blocks = max_blocks
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._claims: list[Claim[Event]] = []
        self._ahead = 0
        self._next = 0
        self._lock = threading.RLock()  # reentrant, because a signal handler may read

    @property
    def held_bytes(self) -> int:
        """The bytes in memory."""
        return sum(map(len, self._held.values()))

    def block_end(self, offset: int) -> int:
        """Return the end of the block at an offset."""
        return min((offset // self.size + 1) * self.size, self.total)

    def at(self, offset: int) -> memoryview | None:
        """Return the bytes from an offset to the end of its block, or None if the block is not in memory."""
        number, start = divmod(offset, self.size)
        with self._lock:
            block = self._held.get(number)
            if block is None:
                return None
            self._held.move_to_end(number)
            return memoryview(block)[start:]

    def claim(self, offset: int, end: int, done: Event) -> Claim[Event]:
        """Return the claim in flight that covers an offset, or a new one with the event ``done``.

        Args:
            offset: an offset in a block that is not in memory.
            end: the end of the read. The range may end later, or earlier if the cache is too small for the read.
            done: the event of a new claim.
        """
        with self._lock:
            found = next((each for each in self._claims if each.first <= offset <= each.last), None)
            if found is None:
                found = Claim(*self._missing(offset, end), done)
                self._claims.append(found)
            return found

    def _missing(self, offset: int, end: int) -> tuple[int, int]:
        """Return the first and the last byte of the range to request."""
        first = offset // self.size
        needed = (max(end, offset + 1) - 1) // self.size
        if first == self._next:
            self._ahead = min(max(1, 2 * self._ahead), self._max_blocks // 2)
        else:
            self._ahead = 0
        last = first
        limit = min(needed + self._ahead, first + self._max_blocks - 1, (self.total - 1) // self.size)
        in_flight = {
            number for each in self._claims for number in range(each.first // self.size, each.last // self.size + 1)
        }
        while last < limit and last + 1 not in self._held and last + 1 not in in_flight:
            last += 1
        return first * self.size, min((last + 1) * self.size, self.total) - 1

    def keep(self, first: int, content: bytes) -> None:
        """Add a range that begins at the start of a block, and remove the least recently used blocks."""
        with self._lock:
            for start in range(0, len(content), self.size):
                number = (first + start) // self.size
                self._held[number] = content[start : start + self.size]
                self._held.move_to_end(number)
            while len(self._held) > self._max_blocks:
                self._held.popitem(last=False)
            self._next = (first + len(content) + self.size - 1) // self.size

    def release(self, claim: Claim[Event]) -> None:
        """Remove a claim, and keep the bytes that it received."""
        with self._lock:
            self._claims.remove(claim)
            if claim.content:
                self.keep(claim.first, claim.content)
