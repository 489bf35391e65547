"""The receive windows of a connection and its streams (RFC 9113 section 5.2).

A stream buffers at most its window. The window starts at 1 MiB. It grows to 32 MiB with its reader, or at once if the
response declares a large body. All streams of a connection share 64 MiB of growth, and no stream takes more than half
of what is left of it. So a connection buffers at most 1 MiB for each stream, and 64 MiB more.

The window of the connection limits nothing: it is 1 GiB and is refilled when data arrives, so that a stream without a
reader never blocks the others.
"""

from __future__ import annotations

MIB = 2**20

STREAM_WINDOW = MIB
MAX_STREAM_WINDOW = 32 * MIB
GROWTH = 64 * MIB
"""How much the stream windows of a connection may grow together, in bytes."""

CONNECTION_WINDOW = 2**30
CONNECTION_REFILL = 16 * MIB
"""How much arrives before the window of the connection is refilled, in bytes."""

INITIAL_WINDOW = 2**16 - 1
"""The window of a connection before the first WINDOW_UPDATE frame (section 6.9.2)."""

UPDATES = 4
"""WINDOW_UPDATE frames for each window of data that is read. If it were 2, the server would stop for half of each round
trip when a window is smaller than what the path holds."""

_FACTOR = 4


def growth_of(window: int, largest_read: int, budget: int, left: int) -> int:
    """Return how much a stream's window grows.

    A reader that always found less than half a window waiting keeps up with the server: a larger window lets more
    data travel at once. A slower reader gains nothing.

    Args:
        window: the size of the window.
        largest_read: the most that the reader found waiting.
        budget: what the streams of the connection may grow yet.
        left: bytes of the body that are still to come; negative if that is not known.
    """
    if 2 * largest_read > window:
        return 0
    wanted = window * (_FACTOR - 1) if left < 0 else max(0, left - window)
    return min(wanted, MAX_STREAM_WINDOW - window, budget // 2)
