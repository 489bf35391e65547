"""The receive windows of a connection and its streams (RFC 9113 section 5.2).

A stream buffers at most its window. The window starts at 1 MiB. It grows to 32 MiB with its reader, or at once if the
response declares a large body. All streams of a connection share 64 MiB of growth, and one update takes at most half of
the growth that is left. So a connection buffers at most 1 MiB for each stream plus 64 MiB.

The window of the connection is not a limit. It is 1 GiB, and refills when data arrives, so that a stream without a
reader does not block the other streams.
"""

MIB = 2**20

STREAM_WINDOW = MIB
MAX_STREAM_WINDOW = 32 * MIB
GROWTH = 64 * MIB  # maximum total growth of the stream windows of a connection, in bytes

CONNECTION_WINDOW = 2**30
CONNECTION_REFILL = 16 * MIB  # bytes of data that arrive before the window of the connection refills
INITIAL_WINDOW = 2**16 - 1  # the window of a connection before the first WINDOW_UPDATE frame (section 6.9.2)

UPDATES = 4
"""Number of WINDOW_UPDATE frames for each window of data. With 2, the server would pause for half of each round trip
if the window is smaller than the bandwidth-delay product."""

_FACTOR = 4


def growth_of(window: int, largest_read: int, budget: int, left: int) -> int:
    """Return the growth of a stream's window in bytes, within the budget of its connection."""
    # A reader keeps up with the server if each read found less than half a window of data. A larger window then allows
    # more data in flight. A larger window does not help a slower reader. ``left`` bytes of the body are missing; it is
    # negative if the number is unknown.
    if 2 * largest_read > window:
        return 0
    wanted = window * (_FACTOR - 1) if left < 0 else max(0, left - window)
    return min(wanted, MAX_STREAM_WINDOW - window, budget // 2)
