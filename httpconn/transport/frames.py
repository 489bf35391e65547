"""The frames of HTTP/2, before h2 reads them."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

from .faults import HeaderTooLarge

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client's side of a connection begins with (RFC 9113 section 3.4)."""

SPARE = 10_000
"""Frames of a body that may carry next to nothing, more or less in a row."""

PER_SECOND = 10
"""Of these, those that time gives back: a stream of events may say no more for days than that it is there."""

MOST_STREAMS = 100
"""Streams that httpcore opens at once, however many are allowed."""

_HEADER = 9  # RFC 9113 section 4.1
_DATA, _SETTINGS, _END_STREAM = 0, 4, 1
_SETTING = struct.Struct(">HI")
_MAX_CONCURRENT_STREAMS = 3
_LARGEST = 2**14  # what h2 takes


class Frames:
    """What h2 reads of what a server sends.

    It ends a flood of frames without content (RFC 9113 section 10.5), which no window of flow control bounds: httpcore
    keeps each until the body that it belongs to is read, while another call reads the connection.

    It keeps back that fewer streams are allowed than were before: see :func:`.workarounds.allows_fewer`.

    Attributes:
        allows_fewer: whether fewer are allowed.
    """

    __slots__ = ("_allowed", "_held", "_since", "_skip", "_spare", "allows_fewer")

    def __init__(self) -> None:
        self._spare: float = SPARE
        self._since = time.monotonic()
        self._held = b""
        self._skip = 0
        self._allowed = 0
        self.allows_fewer: bool = False

    def passed(self, data: bytes) -> bytes:
        """Take what came, cut anywhere, and give what may be read of it; raises HeaderTooLarge."""
        data = self._held + data if self._held else data
        at = self._skip
        kept: list[tuple[int, int]] = []
        while at + _HEADER <= len(data):
            length, kind = int.from_bytes(data[at : at + 3]), data[at + 3]
            end = at + _HEADER + length
            if kind == _DATA and not data[at + 4] & _END_STREAM:
                self._spend(length)
            elif kind == _SETTINGS and length <= _LARGEST:
                if end > len(data):
                    break
                kept += self._lowered(data, at + _HEADER, end)
            at = end
        self._held = data[at:]
        self._skip = max(0, at - len(data))
        return _with(data[:at], kept) if kept else data[:at]

    def _lowered(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where settings allow fewer streams, and how many were allowed before."""
        for at in range(start, end - _SETTING.size + 1, _SETTING.size):
            setting, value = _SETTING.unpack_from(data, at)
            if setting != _MAX_CONCURRENT_STREAMS:
                continue
            allowed = min(value, MOST_STREAMS)
            if allowed < self._allowed:
                self.allows_fewer = True
                yield at, self._allowed
            else:
                self._allowed = allowed

    def _spend(self, length: int) -> None:
        """A frame is worth its header if it carries as much."""
        now = time.monotonic()
        self._spare = min(SPARE, self._spare + (now - self._since) * PER_SECOND + length // _HEADER - 1)
        self._since = now
        if self._spare < 0:
            raise HeaderTooLarge("Too many frames of the response carry next to nothing")


def _with(data: bytes, kept: list[tuple[int, int]]) -> bytes:
    """With as many streams allowed as before."""
    changed = bytearray(data)
    for at, allowed in kept:
        _SETTING.pack_into(changed, at, _MAX_CONCURRENT_STREAMS, allowed)
    return bytes(changed)
