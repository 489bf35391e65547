"""Field blocks, counted while they arrive: the head of a message and the trailer section of a chunked body."""

from __future__ import annotations

import re
from collections.abc import Callable

from .faults import HeaderTooLarge, RemoteProtocolError

__all__ = ["EMPTY_LINES", "TOKEN", "FieldBlock", "anything", "head_begins"]

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
"""RFC 9110 section 5.6.2, as the source of a regular expression."""

# RFC 9112 section 2.2: empty lines before a start line are ignored. Old servers send one after a body.
EMPTY_LINES = rb"(?:\r?\n){0,8}+"
"""Empty lines before a start line, as the source of a regular expression."""

_empty_lines = re.compile(EMPTY_LINES).match
_field_starts = re.compile(rb"\n(?=[^ \t\r\n])").findall

head_begins: Callable[[bytes | bytearray], object] = re.compile(
    EMPTY_LINES + rb"\r?(?:HTTP/|(?:H(?:T(?:TP?)?)?)?\Z)"
).match
"""Match bytes that begin as the head of a response, or may do so with the next bytes."""

anything: Callable[[bytes | bytearray], object] = re.compile(rb"").match
"""Match any bytes."""


def _start_line(text: bytes | bytearray) -> int:
    """Return the index of the first line that is not empty."""
    match = _empty_lines(text)
    return match.end() if match else 0


class FieldBlock:
    """A buffer for a start line and field lines up to the empty line, with limits.

    A line ends in CRLF or, as RFC 9112 section 2.2 allows, in LF.

    Args:
        begins: matches the bytes with which a block can begin.
        max_fields: the number of fields allowed. A folded field is one.
        max_bytes: the size allowed, in bytes, with line ends, start line and empty lines before it.
    """

    __slots__ = ("_begins", "_fields", "_max_bytes", "_max_fields", "_pending")

    def __init__(self, begins: Callable[[bytes | bytearray], object], max_fields: int, max_bytes: int) -> None:
        self._begins = begins
        self._max_fields = max_fields
        self._max_bytes = max_bytes
        self._pending = bytearray()
        self._fields = 0

    @property
    def pending(self) -> bytes:
        """The bytes received so far of a block that has not ended."""
        return bytes(self._pending)

    def gather(self, data: bytes) -> tuple[bytes, bytes]:
        """Take bytes, and return the block through its empty line and the bytes after it.

        Returns:
            Empty bytes as the block, until its end has arrived.

        Raises:
            RemoteProtocolError: the block is too large, or begins as no block does.
        """
        pending = self._pending
        held = len(pending)
        text: bytes | bytearray = data
        if held:
            pending += data
            text = pending
        start = _start_line(text) if text[:1] in b"\r\n" else 0
        since, most = max(start, held - 2), self._max_bytes
        end = text.find(b"\n\r\n", since, most) + 3
        bare = text.find(b"\n\n", since, most if end < 3 else end)
        if bare >= 0:
            end = bare + 2
        if end < 3:
            self._hold(data, start, held)
            return b"", b""
        if held:
            data = self._release()
        block = data[:end]
        if block.count(b"\n") - 2 > self._max_fields:
            self._check(block, len(_field_starts(block, start)))
        return block, data[end:]

    def _release(self) -> bytes:
        whole = bytes(self._pending)
        self._pending.clear()
        self._fields = 0
        return whole

    def _hold(self, data: bytes, start: int, held: int) -> None:
        pending = self._pending
        if not held:
            pending += data
        self._fields += len(_field_starts(pending, max(start, held - 1)))
        self._check(pending, self._fields)

    def _check(self, block: bytes | bytearray, fields: int) -> None:
        if not self._begins(block):
            raise RemoteProtocolError("no HTTP/1 message")
        if fields > self._max_fields:
            raise HeaderTooLarge("The response has too many header fields")
        if len(block) > self._max_bytes:
            raise HeaderTooLarge("The header of the response is too large")
