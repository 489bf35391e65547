"""The frames of HTTP/2, counted before h2 reads them."""

from __future__ import annotations

import time

from .faults import TooLarge

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client's side of a connection begins with (RFC 9113 section 3.4)."""

SPARE = 10_000
"""Frames of a body that may carry next to nothing, more or less in a row."""

PER_SECOND = 10
"""Of these, those that time gives back: a stream of events may say no more for days than that it is there."""

_HEADER = 9  # RFC 9113 section 4.1
_DATA, _END_STREAM = 0, 1


class Frames:
    """Ends a flood of frames without content (RFC 9113 section 10.5), which no window of flow control bounds.

    httpcore keeps each until the body that it belongs to is read, while another call reads the connection.
    """

    __slots__ = ("_held", "_since", "_skip", "_spare")

    def __init__(self) -> None:
        self._spare: float = SPARE
        self._since = time.monotonic()
        self._held = b""
        self._skip = 0

    def count(self, data: bytes) -> None:
        """Take what came, cut anywhere; raises TooLarge."""
        at = self._skip
        if self._held:
            data = self._held + data
        while at + _HEADER <= len(data):
            length = int.from_bytes(data[at : at + 3])
            if data[at + 3] == _DATA and not data[at + 4] & _END_STREAM:
                self._spend(length)
            at += _HEADER + length
        self._held = data[at:]
        self._skip = max(0, at - len(data))

    def _spend(self, length: int) -> None:
        """A frame is worth its header if it carries as much."""
        now = time.monotonic()
        self._spare = min(SPARE, self._spare + (now - self._since) * PER_SECOND + length // _HEADER - 1)
        self._since = now
        if self._spare < 0:
            raise TooLarge("too many frames carry next to nothing")
