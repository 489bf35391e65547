"""Files that can be read once, from start to end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..response import Response

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class StreamedFile(io.RawIOBase):
    """The body of a response as a file."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._blocks: Iterator[bytes] = response.iter_bytes()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read the next bytes into a buffer and return their number, 0 at the end."""
        view = memoryview(buffer).cast("B")
        while not self._rest and (block := next(self._blocks, None)) is not None:
            self._rest = memoryview(block)
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def close(self) -> None:
        """Close the file and its response."""
        super().close()
        self._response.close()
