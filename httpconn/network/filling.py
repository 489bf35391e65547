"""Receiving into a buffer until it is full."""

from __future__ import annotations

import time
from collections.abc import Callable

STINT = 0.005
"""Seconds after which they get it though it were fewer: small chunks, and what unpacks to much, take their time."""


class BufferFill:
    """Fills a buffer by many calls; only the last has a result, the others find nothing to receive any more."""

    __slots__ = ("_buffer", "_receive_into", "count")

    def __init__(self, receive_into: Callable[[memoryview], int], buffer: memoryview) -> None:
        self._receive_into = receive_into
        self._buffer = buffer
        self.count: int = 0

    def __call__(self) -> int:
        """The bytes in the buffer once it is full, no more come, or others are due; else what the socket raises."""
        end = time.monotonic() + STINT
        while self.count < len(self._buffer) and time.monotonic() < end:
            with self._buffer[self.count :] as room:
                received = self._receive_into(room)
            if not received:
                break
            self.count += received
        return self.count
