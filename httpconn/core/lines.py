"""Lines of text and of JSON in a stream of bytes. The memory for an incomplete line is bounded."""

import codecs
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any

from ..errors import InvalidJSON, LimitExceeded
from ..options import MIB, whole_number
from .regexes import regex
from .text import TextDecoder, parse_json

MAX_LINE = MIB  # default limit of a line, in characters or bytes

_LINE_END = regex(rb"\r\n|\r|\n")


class TextLines:
    """A converter of bytes into lines of text without their ends. It knows the line ends of ``str.splitlines``."""

    def __init__(self, decoder: TextDecoder | codecs.IncrementalDecoder, max_length: int = MAX_LINE) -> None:
        self._decoder = decoder
        self._max_length = whole_number("max_length", max_length, 1)
        self._start = StringIO()
        self._ends_in_cr = False
        self._number = 1

    def add(self, data: bytes) -> Iterator[str]:
        """Add bytes, and yield the lines that they complete. Raises LimitExceeded: a line is too long."""
        return self._split(self._decoder.decode(data))

    def remaining(self) -> Iterator[str]:
        """Yield the last lines. The end of the body ends the last line, if it is not empty."""
        yield from self._split(self._decoder.decode(b"", True))
        if self._ends_in_cr or self._start.tell():
            yield self._completed("")

    def _split(self, text: str) -> Iterator[str]:
        if not text:
            return
        if self._ends_in_cr:
            self._ends_in_cr = False
            text = f"\r{text}"
        if text.endswith("\r"):  # a \n may follow
            self._ends_in_cr, text = True, text[:-1]
        for line in text.splitlines(keepends=True):
            content = line.splitlines()[0]
            if len(content) < len(line):
                yield self._completed(content)
            else:
                self._append(content)

    def _append(self, text: str) -> None:
        if self._start.tell() + len(text) > self._max_length:
            raise too_long(self._number, self._max_length, "characters")
        self._start.write(text)

    def _completed(self, end: str) -> str:
        self._append(end)
        line = self._start.getvalue()
        self._start = StringIO()
        self._number += 1
        return line


class JSONLines:
    """A converter of bytes into the values of JSON Lines. It skips blank lines."""

    def __init__(self, max_length: int = MAX_LINE) -> None:
        self._max_length = whole_number("max_length", max_length, 1)
        self._start = BytesIO()
        self._ends_in_cr = False
        self._number = 1

    def add(self, data: bytes) -> Iterator[Any]:
        """Add bytes, and yield the values of the lines that they complete. An error names the number of its line."""
        start = 1 if self._ends_in_cr and data.startswith(b"\n") else 0
        self._ends_in_cr = data.endswith(b"\r") if data else self._ends_in_cr
        # A string of JSON contains no bare line end, so a carriage return alone ends a line, too.
        for end in _LINE_END.finditer(data, start):
            self._append(data[start : end.start()])
            start = end.end()
            yield from self.remaining()
            self._number += 1
        self._append(data[start:])

    def remaining(self) -> Iterator[Any]:
        """Yield the value of the last line, unless it is blank."""
        line = self._start.getvalue().strip()
        self._start = BytesIO()
        if line:
            yield self._parsed(line)

    def _append(self, data: bytes) -> None:
        if self._start.tell() + len(data) > self._max_length:
            raise too_long(self._number, self._max_length, "bytes")
        self._start.write(data)

    def _parsed(self, line: bytes) -> Any:
        try:
            return parse_json(line)
        except InvalidJSON as error:
            message = error.message
        raise InvalidJSON(f"Line {self._number}: {message}")


def too_long(number: int, limit: int, unit: str) -> LimitExceeded:
    return LimitExceeded(f"Line {number} of the body has more than {limit:,} {unit}", "size", limit)
