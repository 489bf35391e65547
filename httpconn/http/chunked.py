"""The chunked transfer coding of RFC 9112 section 7.1, decoded incrementally.

Sizes, extensions and line ends of chunks are read strictly: two readers who disagree about one of them see two bodies.
The trailer section follows the last chunk, so that nothing in it changes the body. It is read as a header is.
"""

from __future__ import annotations

import re

from .faults import HeaderTooLarge, RemoteProtocolError
from .headerblock import TOKEN, FieldBlock, anything
from .http1heads import read_fields, unfolded

__all__ = ["ChunkedDecoder"]

MAX_EXTENSION = 4096
"""Bytes of extensions, and of white space, in one chunk's size line."""

MAX_EXCESS = 16 * 1024
"""Bytes of extensions by which a body may exceed the data of the chunks that carry them."""

# RFC 9112 section 7.1.1. White space after the size is tolerated: servers pad the size to a fixed width.
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
_EXTENSION = rb"[ \t]*+;[ \t]*+" + TOKEN + rb"(?:[ \t]*+=[ \t]*+(?:" + TOKEN + rb"|" + _QUOTED + rb"))?+"
# chunk-size is at most 64 bit wide. The CRLF that ends the chunk before is part of the match, so that a chunk longer
# than its size is refused.
_size_line = re.compile(rb"\r\n([0-9A-Fa-f]{1,16})((?:" + _EXTENSION + rb")*+[ \t]*+)\r\n").match
_size_line_begun = re.compile(rb"(?:\r(?:\n(?:[0-9A-Fa-f]{1,16}([ \t]*+(?:;[\t\x20-\x7e\x80-\xff]*+)?)\r?)?)?)?").match


class ChunkedDecoder:
    """Decodes one chunked body.

    Args:
        max_fields: the number of trailer fields allowed.
        max_bytes: the size of the trailer section allowed, in bytes.

    Attributes:
        irregular: the irregularity of the trailer section, once the body has ended, or an empty string.
        rest: what followed the body, once it has ended.
    """

    __slots__ = ("_excess", "_left", "_pending", "_trailer", "_trailing", "irregular", "rest")

    def __init__(self, max_fields: int, max_bytes: int) -> None:
        self._pending = b"\r\n"  # as if a chunk had ended before the first
        self._left = 0
        self._excess = 0
        self._trailing = False
        # RFC 9110 section 6.5.1: trailer fields are not merged into the header, so they are checked and dropped.
        self._trailer = FieldBlock(anything, max_fields, max_bytes + len(b"0\r\n"))
        self.irregular: str = ""
        self.rest: bytes = b""

    def decode(self, data: bytes, parts: list[bytes]) -> bool:
        """Append to ``parts`` the body's bytes in ``data``; whether the body has ended.

        RemoteProtocolError: this is no chunked body, or its framing is too large.
        """
        if self._trailing:
            return self._take_trailer(data)
        position = 0
        if self._left:
            position = self._continue_chunk(data, parts)
            if self._left:
                return False
        elif self._pending:
            data = self._pending + data
        return self._take_chunks(data, position, parts)

    def may_end(self) -> bool:
        """Whether the body is whole though the connection ended here: only the last empty line is missing."""
        section = self._trailer.pending.removesuffix(b"\r")
        return section.endswith(b"\n") and read_fields(unfolded(section + b"\r\n")[0]) is not None

    def _continue_chunk(self, data: bytes, parts: list[bytes]) -> int:
        piece = data[: self._left]
        self._left -= len(piece)
        parts.append(piece)
        return len(piece)

    def _take_chunks(self, data: bytes, position: int, parts: list[bytes]) -> bool:
        size_line = _size_line
        length = len(data)
        while match := size_line(data, position):
            digits, extension = match.groups()
            size = int(digits, 16)
            start = match.end()
            if extension:
                self._count_extension(len(extension), size)
            if not size:
                self._trailing = True
                return self._take_trailer(data[start - len(b"0\r\n") :])
            position = start + size
            parts.append(data[start:position])
            if position >= length:
                self._left = position - length
                self._pending = b""
                return False
        self._hold(data[position:])
        return False

    def _count_extension(self, length: int, size: int) -> None:
        # Extensions mean nothing here (section 7.1.1), but a flood of them is wire traffic without a body.
        self._excess = max(0, self._excess + length - size)
        if length > MAX_EXTENSION or self._excess > MAX_EXCESS:
            raise HeaderTooLarge("The chunk extensions of the response are too large")

    def _hold(self, line: bytes) -> None:
        match = _size_line_begun(line)
        if match is not None and len(match[1] or b"") > MAX_EXTENSION:
            raise HeaderTooLarge("The chunk extensions of the response are too large")
        if match is None or match.end() < len(line):
            raise RemoteProtocolError("the body has a chunk without a valid size, extension or end")
        self._pending = line

    def _take_trailer(self, data: bytes) -> bool:
        section, self.rest = self._trailer.gather(data)
        if not section:
            return False
        if read_fields(section) is None:
            section, self.irregular = unfolded(section)
            if read_fields(section) is None:
                raise RemoteProtocolError("the trailer section of the body is malformed")
        return True
