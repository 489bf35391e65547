"""A block cache: recently used blocks of a remote file, and the next blocks to request."""

from __future__ import annotations

from collections import OrderedDict


class BlockCache:
    """The most recently used blocks of a file.

    If a read starts where the last request ended, more blocks are requested than the read needs. Their number doubles
    with each such request, up to half of the cache.

    Args:
        total: bytes of the file.
        size: bytes of a block; the last block of a file may have fewer.
        max_blocks: the maximum number of blocks in memory, at least 2.
    """

    def __init__(self, total: int, size: int, max_blocks: int) -> None:
        self.total = total
        self.size = size
        self._max_blocks = max_blocks
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._ahead = 0
        self._next = 0

    @property
    def held_bytes(self) -> int:
        return sum(map(len, self._held.values()))

    def at(self, offset: int) -> memoryview | None:
        """Return the bytes from an offset to the end of its block, or None if the block is not in memory."""
        number, start = divmod(offset, self.size)
        block = self._held.get(number)
        if block is None:
            return None
        self._held.move_to_end(number)
        return memoryview(block)[start:]

    def missing(self, offset: int, end: int) -> tuple[int, int]:
        """Return the first and the last byte of the range to request.

        Args:
            offset: an offset in a block that is not in memory.
            end: the end of the read. The range may end later, or earlier if the cache is too small for the read.
        """
        first = offset // self.size
        needed = (max(end, offset + 1) - 1) // self.size
        if first == self._next:
            self._ahead = min(max(1, 2 * self._ahead), self._max_blocks // 2)
        else:
            self._ahead = 0
        last = first
        limit = min(needed + self._ahead, first + self._max_blocks - 1, (self.total - 1) // self.size)
        while last < limit and last + 1 not in self._held:
            last += 1
        return first * self.size, min((last + 1) * self.size, self.total) - 1

    def keep(self, first: int, content: bytes) -> None:
        """Add a range that begins at the start of a block, and remove the least recently used blocks."""
        for start in range(0, len(content), self.size):
            number = (first + start) // self.size
            self._held[number] = content[start : start + self.size]
            self._held.move_to_end(number)
        while len(self._held) > self._max_blocks:
            self._held.popitem(last=False)
        self._next = (first + len(content) + self.size - 1) // self.size
