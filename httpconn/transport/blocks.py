"""Field blocks, counted while they arrive: the head of a message and the trailer section of a chunked body."""

from __future__ import annotations

import re

from .faults import HeaderTooLarge, RemoteProtocolError

__all__ = ["TOKEN", "FieldBlock"]

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
"""RFC 9110 section 5.6.2, as the source of a regular expression."""

_END = b"\r\n\r\n"
_bare_line_feed = re.compile(rb"(?<!\r)\n").search


class FieldBlock:
    """Gathers a start line and field lines up to the empty line, and holds no more than is allowed.

    Args:
        opening: the bytes with which the block begins.
        max_fields: the number of field lines allowed.
        max_bytes: the size allowed, in bytes, line ends and start line included.
    """

    __slots__ = ("_lines", "_max_bytes", "_max_fields", "_opening", "_pending")

    def __init__(self, opening: bytes, max_fields: int, max_bytes: int) -> None:
        self._opening = opening
        self._max_fields = max_fields
        self._max_bytes = max_bytes
        self._pending = bytearray()
        self._lines = 0

    @property
    def pending(self) -> bytes:
        """What has arrived of a block that has not ended."""
        return bytes(self._pending)

    def gather(self, data: bytes) -> tuple[bytes, bytes]:
        """Take bytes; answer with the block, through its empty line, and what follows it.

        The block is empty as long as its end has not come. RemoteProtocolError: it is too large, or no such block.
        """
        pending = self._pending
        held = len(pending)
        if held:
            pending += data
            end = pending.find(_END, max(0, held - 3), self._max_bytes)
        else:
            end = data.find(_END, 0, self._max_bytes)
        if end < 0:
            self._hold(data, held)
            return b"", b""
        if held:
            data = self._release()
        block = data[: end + 4]
        if block.count(b"\n") - 2 > self._max_fields:
            raise self._first_fault(block)
        return block, data[end + 4 :]

    def _release(self) -> bytes:
        whole = bytes(self._pending)
        self._pending.clear()
        self._lines = 0
        return whole

    def _hold(self, data: bytes, held: int) -> None:
        pending = self._pending
        if not held:
            pending += data
        self._lines += data.count(b"\n")
        if (
            len(pending) > self._max_bytes
            or self._lines - 1 > self._max_fields
            or _bare_line_feed(pending, held)
            or not self._opening.startswith(pending[: len(self._opening)])
        ):
            raise self._first_fault(bytes(pending))

    def _first_fault(self, block: bytes) -> RemoteProtocolError | HeaderTooLarge:
        """What is wrong with a block, and came first: so it is the same however the bytes were cut."""
        if not self._opening.startswith(block[: len(self._opening)]):
            return RemoteProtocolError("no HTTP/1 message")
        # RFC 9112 section 2.2 lets a recipient take a lone LF for a line end; two readers of one message would
        # then disagree where the header ends.
        lone = _bare_line_feed(block)
        end = lone.start() if lone else len(block)
        if block.count(b"\n", 0, min(end, self._max_bytes)) - 1 > self._max_fields:
            return HeaderTooLarge("The response has too many header fields")
        if end < self._max_bytes and lone:
            return RemoteProtocolError("a line of the header ends without CR")
        return HeaderTooLarge("The header of the response is too large")
