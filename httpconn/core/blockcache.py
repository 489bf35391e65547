"""The blocks of a file that are held in memory, and which to ask for next."""

from __future__ import annotations

from collections import OrderedDict


class BlockCache:
    """A file in blocks of one size, of which those used last are held.

    Who reads on where the last question ended is given more than was asked for: twice as much with each question, up
    to half of what may be held.

    Args:
        total: bytes of the file.
        size: bytes of a block; the last one may have fewer.
        most: blocks that are held, at least 2.
    """

    def __init__(self, total: int, size: int, most: int) -> None:
        self.total = total
        self.size = size
        self._most = most
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._ahead = 0
        self._next = 0

    @property
    def held_bytes(self) -> int:
        """Bytes in memory."""
        return sum(map(len, self._held.values()))

    def at(self, offset: int) -> memoryview | None:
        """The bytes from an offset to the end of its block, or None if that is not held."""
        number, start = divmod(offset, self.size)
        block = self._held.get(number)
        if block is None:
            return None
        self._held.move_to_end(number)
        return memoryview(block)[start:]

    def missing(self, offset: int, end: int) -> tuple[int, int]:
        """The part to ask for: its first and last byte.

        Args:
            offset: in a block that is not held.
            end: where the reading will end; more may be asked for, and less if not all of it can be held.
        """
        first = offset // self.size
        needed = (max(end, offset + 1) - 1) // self.size
        if first == self._next:
            self._ahead = min(max(1, 2 * self._ahead), self._most // 2)
        else:
            self._ahead = 0
        last = first
        most = min(needed + self._ahead, first + self._most - 1, (self.total - 1) // self.size)
        while last < most and last + 1 not in self._held:
            last += 1
        return first * self.size, min((last + 1) * self.size, self.total) - 1

    def keep(self, first: int, content: bytes) -> None:
        """Hold a part that begins with a block; what was used longest ago goes."""
        for start in range(0, len(content), self.size):
            number = (first + start) // self.size
            self._held[number] = content[start : start + self.size]
            self._held.move_to_end(number)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        self._next = (first + len(content) + self.size - 1) // self.size
