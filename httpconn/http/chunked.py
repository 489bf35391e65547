"""The chunked transfer coding of RFC 9112 section 7.1, decoded incrementally.

The decoder is strict about sizes, extensions and line ends: two recipients that read one of them differently see two
different bodies. The trailer section follows the last chunk and cannot change the body. Its fields are checked like
header fields.
"""

import re

from ..errors import HeaderTooLarge, ProtocolError
from .headerblock import TOKEN, FieldBlock, match_any
from .http1heads import read_fields, read_irregular_fields

MAX_EXTENSION = 4096  # maximum bytes of extensions and white space in the size line of one chunk

MAX_EXCESS = 16 * 1024
"""Maximum bytes by which the extensions of a body may exceed the data of the chunks that carry them."""

# RFC 9112 section 7.1.1. White space after the size is accepted: some servers pad the size to a fixed width.
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
_EXTENSION = rb"[ \t]*+;[ \t]*+" + TOKEN + rb"(?:[ \t]*+=[ \t]*+(?:" + TOKEN + rb"|" + _QUOTED + rb"))?+"
# A chunk size has at most 64 bits. The match includes the CRLF that ends the previous chunk, so a chunk that is longer
# than its size does not match.
_size_line = re.compile(rb"\r\n([0-9A-Fa-f]{1,16})((?:" + _EXTENSION + rb")*+[ \t]*+)\r\n").match
_size_line_begun = re.compile(rb"(?:\r(?:\n(?:[0-9A-Fa-f]{1,16}([ \t]*+(?:;[\t\x20-\x7e\x80-\xff]*+)?)\r?)?)?)?").match


class ChunkedDecoder:
    """A decoder of one chunked body, with limits of its trailer section."""

    __slots__ = ("_excess", "_left", "_pending", "_trailer", "_trailing", "irregular", "remaining")

    def __init__(self, max_fields: int, max_bytes: int) -> None:
        self._pending = b"\r\n"  # the size line pattern begins with the CRLF of a previous chunk
        self._left = 0
        self._excess = 0
        self._trailing = False
        # RFC 9110 section 6.5.1: trailer fields are not merged into the header section. They are checked and dropped.
        self._trailer = FieldBlock(match_any, max_fields, max_bytes + len(b"0\r\n"))
        # The irregularity of the trailer section, or an empty string. It is set at the end of the body.
        self.irregular: str = ""
        self.remaining: bytes = b""  # The bytes that followed the body. It is set at the end of the body.

    def decode(self, data: bytes, parts: list[bytes]) -> bool:
        """Append the body's bytes in ``data`` to ``parts``, and return whether the body has ended."""
        if self._trailing:
            return self._take_trailer(data)
        position = 0
        if self._left:
            parts.append(data[: self._left])
            position = len(parts[-1])
            self._left -= position
            if self._left:
                return False
        elif self._pending:
            data = self._pending + data
        return self._take_chunks(data, position, parts)

    def may_end(self) -> bool:
        """Return whether the body is complete if the connection ends now: only the final empty line is missing."""
        section = self._trailer.pending.removesuffix(b"\r")
        return section.endswith(b"\n") and read_irregular_fields(section + b"\r\n")[1] is not None

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
        # Extensions are ignored (section 7.1.1). The limits stop a server that sends extensions without end.
        self._excess = max(0, self._excess + length - size)
        if length > MAX_EXTENSION or self._excess > MAX_EXCESS:
            raise _excessive(MAX_EXTENSION if length > MAX_EXTENSION else MAX_EXCESS, max(length, self._excess))

    def _hold(self, line: bytes) -> None:
        match = _size_line_begun(line)
        if match is not None and len(match[1] or b"") > MAX_EXTENSION:
            raise _excessive(MAX_EXTENSION, len(match[1]))
        if match is None or match.end() < len(line):
            raise ProtocolError("the body has a chunk without a valid size, extension or end")
        self._pending = line

    def _take_trailer(self, data: bytes) -> bool:
        section, self.remaining = self._trailer.gather(data)
        if not section:
            return False
        if read_fields(section) is None:
            _, fields, self.irregular = read_irregular_fields(section)
            if fields is None:
                raise ProtocolError("the trailer section of the body is malformed")
        return True


def _excessive(limit: int, received: int) -> HeaderTooLarge:
    return HeaderTooLarge("The chunk extensions of the response are too large", "size", limit, received)
