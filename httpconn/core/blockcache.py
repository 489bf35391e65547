"""A block cache: recently used blocks of a remote file, the ranges in flight, and the next range to request."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from .locks import RLock

Event = TypeVar("Event")

READ_AHEAD_AFTER = 512 * 1024  # bytes that were read in sequence before other connections read ahead
AHEAD_REQUEST = 1024 * 1024  # bytes of a request that reads ahead, but at least one block


@dataclass(slots=True, eq=False, repr=False)
class Claim(Generic[Event]):
    """A range that one reader requests, and for which other readers wait."""

    first: int  # the offset of the first byte
    last: int
    done: Event  # wakes the other readers
    content: bytes = b""  # empty if the request has not ended or has failed

    def at(self, offset: int) -> memoryview:
        return memoryview(self.content)[offset - self.first :]


class BlockCache(Generic[Event]):
    """The most recently used blocks of a file, the ranges in flight, and the plan to read ahead. Threads may share it.

    If a read starts where the last request ended, more blocks are requested than the read needs. Their number doubles
    with each such request, up to half of the cache. Once ``READ_AHEAD_AFTER`` bytes were read in sequence, other
    connections read ahead instead: as many bytes as were read, at most one request per connection. ``max_blocks``, at
    least 2, does not count the blocks that were read ahead.
    """

    def __init__(self, total: int, size: int, max_blocks: int, connections: int = 1) -> None:
        self.total = total
        self.size = size
        self._ahead_request = max(size, AHEAD_REQUEST // size * size)
        self._max_ahead = connections * self._ahead_request if connections > 1 else 0
        self._max_blocks = max_blocks
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._claims: list[Claim[Event]] = []
        self._doubled = 0
        self._next = 0
        self._run_start = 0  # the start of the bytes that were read in sequence
        self._read_start = self._read_at = self._read_end = 0  # the current read
        self._ahead_at = self._ahead_end = 0  # the bytes to read ahead
        self._needed_end = total  # the end of the last request that reads ahead
        self._lock = RLock()  # reentrant, because a signal handler may read

    def block_end(self, offset: int) -> int:
        return min((offset // self.size + 1) * self.size, self.total)

    def at(self, offset: int) -> memoryview | None:
        """Return the bytes from an offset to the end of its block, or None if the block is not in memory."""
        number, start = divmod(offset, self.size)
        with self._lock:
            block = self._held.get(number)
            if block is None:
                return None
            if not self._ahead_end:  # while reading ahead, blocks that were read are removed first
                self._held.move_to_end(number)
            return memoryview(block)[start:]

    def again(self, offset: int, end: int) -> memoryview | None:
        """Return the bytes of a read in the block where the last read began, or None if it is not in memory."""
        number = offset // self.size
        with self._lock:
            is_same = number == self._read_at // self.size and end <= self.block_end(offset) and number in self._held
            return self.at(offset) if is_same else None

    def claim(self, offset: int, end: int, done: Event) -> Claim[Event]:
        """Return the claim in flight that covers an offset, or a new one with the event ``done``.

        The range of a new claim may end after ``end``, or before it if the cache is too small for the read.
        """
        with self._lock:
            return self._claim_of(offset) or self._claim(*self._missing(offset, end), done)

    def _claim(self, first: int, last: int, done: Event) -> Claim[Event]:
        """Claim a range that starts at ``first``, and ends with ``last`` or before the next known block."""
        end = self.block_end(first)
        while end <= last and not self._is_known(end):
            end = self.block_end(end)
        claim = Claim(first, end - 1, done)
        self._claims.append(claim)
        return claim

    def _missing(self, offset: int, end: int) -> tuple[int, int]:
        """Return the first and the last byte of the range to request."""
        first = offset // self.size
        needed = (max(end, offset + 1) - 1) // self.size
        if first == self._next and not self._ahead_end:
            self._doubled = min(max(1, 2 * self._doubled), self._max_blocks // 2)
        else:
            self._doubled = 0
        most = self._ahead_request // self.size if self._ahead_end else self._max_blocks
        last = min(needed + self._doubled, first + most - 1)
        return first * self.size, min((last + 1) * self.size, self.total) - 1

    def _claim_of(self, offset: int) -> Claim[Event] | None:
        return next((each for each in self._claims if each.first <= offset <= each.last), None)

    def _is_known(self, offset: int) -> bool:
        return offset // self.size in self._held or self._claim_of(offset) is not None

    def keep(self, first: int, content: bytes) -> None:
        """Add a range that begins at the start of a block, and remove the least recently used blocks."""
        with self._lock:
            for start in range(0, len(content), self.size):
                number = (first + start) // self.size
                self._held[number] = content[start : start + self.size]
                self._held.move_to_end(number)
            while len(self._held) > self._max_blocks + self._max_ahead // self.size:
                self._held.popitem(last=False)
            self._next = (first + len(content) + self.size - 1) // self.size

    def release(self, claim: Claim[Event]) -> None:
        """Remove a claim, and keep the bytes that it received."""
        with self._lock:
            self._claims.remove(claim)
            if claim.content:
                self.keep(claim.first, claim.content)

    def plan_ahead(self, offset: int, end: int) -> int:
        """Plan what to read ahead for a read from ``offset`` to ``end``; return how many claims can follow."""
        with self._lock:
            if not self._read_at - self.size <= offset <= self._read_end + self.size:
                self._run_start = self._read_start = offset
                self._ahead_at = self._ahead_end = 0
            elif end != self._read_end:
                self._read_start = offset
            self._read_at, self._read_end = offset, end
            self._set_ahead_end(offset, end)
            self._ahead_at = max(self._ahead_at, self.block_end(offset))
            requests, rest = divmod(max(0, self._ahead_end - self._ahead_at), self._ahead_request)
            return requests + (rest > 0 and self._ahead_end >= self._needed_end)

    def _set_ahead_end(self, offset: int, end: int) -> None:
        """Set the end of the bytes to read ahead: as many as were read in sequence, or the rest of a large read."""
        self._ahead_end, self._needed_end = 0, self.total
        before = self._read_start - self._run_start
        if self._max_ahead and before >= READ_AHEAD_AFTER:
            ahead = max(min(before, self._max_ahead), self._ahead_request)
            self._ahead_end = min(self.block_end(offset) + ahead, self.total)
        elif self._max_ahead and end - offset >= READ_AHEAD_AFTER:
            self._needed_end = self.block_end(end - 1)
            self._ahead_end = min(self.block_end(offset) + self._max_ahead, self._needed_end)

    def claim_ahead(self, done: Event) -> Claim[Event] | None:
        """Claim the next range to read ahead. Return None if the reader is too far behind."""
        with self._lock:
            while self._ahead_at < self._ahead_end and self._is_known(self._ahead_at):
                self._ahead_at = self.block_end(self._ahead_at)
            end = min(self._ahead_at + self._ahead_request, self._needed_end)
            if self._ahead_at >= self._ahead_end or end > self._ahead_end:
                return None
            claim = self._claim(self._ahead_at, end - 1, done)
            self._ahead_at = claim.last + 1
            return claim

    def stop_ahead(self) -> list[Event]:
        """Let no more requests read ahead. Return the events of the ranges in flight."""
        with self._lock:
            self._max_ahead = self._ahead_end = 0
            return [claim.done for claim in self._claims]

    def after_fork(self) -> None:
        """Drop the ranges that threads of the parent process request."""
        self._lock = RLock()
        self._claims.clear()
        self._ahead_at = self._ahead_end = 0
