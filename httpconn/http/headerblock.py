"""Buffers for header blocks: the head of a message, or the trailer section of a chunked body."""

import re
from collections.abc import Callable

from ..errors import HeaderTooLarge, ProtocolError

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # the regular expression of a token (RFC 9110 section 5.6.2)

# RFC 9112 section 2.2: a recipient ignores empty lines before a start line. Old servers send one after a body.
EMPTY_LINES = rb"(?:\r?\n){0,8}+"  # the regular expression of up to eight empty lines before a start line

_empty_lines = re.compile(EMPTY_LINES).match
_blank_line = re.compile(rb"\n\r?\n").search
_field_starts = re.compile(rb"\n(?=[^ \t\r\n])").findall

head_begins: Callable[[bytes | bytearray], object] = re.compile(
    EMPTY_LINES + rb"\r?(?:HTTP/|(?:H(?:T(?:TP?)?)?)?\Z)"
).match
"""Match bytes that begin like the head of a response, or that may do so with the next bytes."""

match_any: Callable[[bytes | bytearray], object] = re.compile(rb"").match  # match any bytes


def start_of_line(text: bytes | bytearray) -> int:
    """Return the position of the start line, after empty lines."""
    match = _empty_lines(text)
    return match.end() if match else 0


class FieldBlock:
    """A buffer for a start line and field lines up to the empty line, with limits.

    A line ends in CRLF or, as RFC 9112 section 2.2 allows, in LF. ``begins`` matches the first bytes of a valid block.
    A folded field counts once. The size includes line ends, the start line and empty lines before it.
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
        """The bytes received so far of an incomplete block."""
        return bytes(self._pending)

    def gather(self, data: bytes) -> tuple[bytes, bytes]:
        """Add received bytes; return the block through its empty line and the bytes after it, both empty until then."""
        pending = self._pending
        held = len(pending)
        text: bytes | bytearray = data
        if held:
            pending += data
            text = pending
        start = start_of_line(text) if text.startswith((b"\r", b"\n")) else 0
        found = _blank_line(text, max(start, held - 2), self._max_bytes)
        if found is None:
            self._hold(data, start, held)
            return b"", b""
        if held:
            data = bytes(pending)
            pending.clear()
            self._fields = 0
        size = found.end()
        block = data[:size]
        if block.count(b"\n") - 2 > self._max_fields:
            self._check(block, len(_field_starts(block, start)))
        return block, data[size:]

    def _hold(self, data: bytes, start: int, held: int) -> None:
        pending = self._pending
        if not held:
            pending += data
        self._fields += len(_field_starts(pending, max(start, held - 1)))
        self._check(pending, self._fields)

    def _check(self, block: bytes | bytearray, fields: int) -> None:
        if not self._begins(block):
            raise ProtocolError("the received bytes are not an HTTP/1 message")
        if fields > self._max_fields:
            raise HeaderTooLarge("The response has too many header fields", "size", self._max_fields, fields)
        if len(block) > self._max_bytes:
            raise HeaderTooLarge("The header of the response is too large", "size", self._max_bytes, len(block))
