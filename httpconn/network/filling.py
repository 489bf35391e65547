"""Receives that fill a buffer."""

from __future__ import annotations

import time
from collections.abc import Callable

FILL_TIME = 0.005  # Longest time, in seconds, before other tasks run. Many small receives take long for few bytes.


class BufferFill:
    """A receive operation that fills a buffer, over several calls if the socket has no more data in between."""

    __slots__ = ("_buffer", "_receive_into", "count")

    def __init__(self, receive_into: Callable[[memoryview], int], buffer: memoryview) -> None:
        self._receive_into = receive_into
        self._buffer = buffer
        self.count: int = 0

    def __call__(self) -> int:
        """Receive until the buffer is full, the stream ends, or 5 ms have passed; return the bytes in the buffer.

        Raises:
            BlockingIOError: the socket has no more data yet. The next call continues.
        """
        end = time.monotonic() + FILL_TIME
        while self.count < len(self._buffer) and time.monotonic() < end:
            with self._buffer[self.count :] as room:
                received = self._receive_into(room)
            if not received:
                break
            self.count += received
        return self.count
