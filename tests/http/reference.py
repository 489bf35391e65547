"""A slow reference parser of complete HTTP/1.1 responses, written from RFC 9112 without state.

It shares no code with the library. It makes the decisions that tests/http/test_differential.py explains.
"""

from __future__ import annotations

import string
from typing import NamedTuple

MAX_INTERIM = 64
MAX_EMPTY_LINES = 8
MAX_FIELDS = 100
MAX_BLOCK = 64 * 1024
MAX_EXTENSION = 4096
MAX_EXCESS = 16 * 1024
TOKEN = frozenset((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())
TEXT = frozenset(range(0x20, 0x100)) - {0x7F} | {0x09}
SPACE = b" \t"
CONTROLS = bytes(range(0x01, 0x20)) + b"\x7f"
VERSIONS = (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"HTTP/2")


class Malformed(Exception):
    """The bytes are not a complete response."""


class Response(NamedTuple):
    status: int
    body: bytes


def read(raw: bytes, method: str) -> Response:
    """Return the final response in the bytes of a whole connection; raise Malformed if there is none."""
    interim = 0
    for _ in range(MAX_INTERIM + 1):
        left = raw
        status, fields, raw = _head(raw)
        length, chunked = _framing(fields)
        if status >= 200:
            bodyless = method == "HEAD" or status in (204, 304)
            return Response(status, b"" if bodyless else _chunks(raw) if chunked else _bytes(raw, length))
        interim += len(left) - len(raw)
        if interim > MAX_BLOCK:
            break
    raise Malformed


def _line(raw: bytes) -> tuple[bytes, bytes]:
    line, end, rest = raw.partition(b"\n")
    if not end:
        raise Malformed
    return line.removesuffix(b"\r"), rest


def _fields(raw: bytes, limit: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the fields up to an empty line, within a limit of bytes, and the bytes after them."""
    lines: list[bytes] = []
    left = raw
    while True:
        line, left = _line(left)
        if not line:
            break
        if line[:1] in (b" ", b"\t") and lines:
            continued = line.strip(CONTROLS + SPACE)
            if not continued or _frames(continued) or _frames(lines[-1]):
                raise Malformed
            lines[-1] += b" " + line
        else:
            lines.append(line)
    if len(lines) > MAX_FIELDS or len(raw) - len(left) > limit:
        raise Malformed
    return [_field(line) for line in lines], left


def _frames(line: bytes) -> bool:
    name, colon, _ = line.partition(b":")
    return bool(colon) and name.rstrip(SPACE).lower() in (b"content-length", b"transfer-encoding")


def _head(raw: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    whole = len(raw)
    for _ in range(MAX_EMPTY_LINES):
        raw = raw.removeprefix(b"\r\n" if raw.startswith(b"\r") else b"\n")
    start, raw = _line(raw)
    version, status, *reason = [*start.split(b" ", 2), b"", b""]
    if version not in VERSIONS or not (len(status) == 3 and status.isdigit()):
        raise Malformed
    if status < b"100" or status == b"101" or not TEXT.issuperset(b"".join(reason)):
        raise Malformed
    fields, rest = _fields(raw, MAX_BLOCK - (whole - len(raw)))
    return int(status), fields, rest


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not name or not TOKEN.issuperset(name) or {0, 0x0D} & {*value}:
        raise Malformed
    return name.lower(), value.strip(SPACE)


def _members(fields: list[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [each.strip(SPACE) for name, value in fields if name == wanted for each in value.split(b",")]


def _framing(fields: list[tuple[bytes, bytes]]) -> tuple[int | None, bool]:
    lengths = _members(fields, b"content-length")
    codings = {each.lower() for each in _members(fields, b"transfer-encoding")}
    applied = codings - {b"", b"identity"}
    if applied - {b"chunked"} or codings == {b""}:
        raise Malformed
    if applied:
        return None, True
    if not all(each.isdigit() and len(each) < 20 for each in lengths) or len(set(map(int, lengths))) > 1:
        raise Malformed
    return (int(lengths[0]) if lengths else None), False


def _bytes(raw: bytes, length: int | None) -> bytes:
    if length is not None and len(raw) < length:
        raise Malformed
    return raw[:length]


def _chunks(raw: bytes) -> bytes:
    body, excess = b"", 0
    while True:
        line, end, raw = raw.partition(b"\r\n")
        size, spare = _size(line)
        excess = max(0, excess + spare - size) if spare else excess
        if not end or spare > MAX_EXTENSION or excess > MAX_EXCESS:
            raise Malformed
        if not size:
            _trailer(raw)
            return body
        if raw[size : size + 2] != b"\r\n":
            raise Malformed
        body, raw = body + raw[:size], raw[size + 2 :]


def _size(line: bytes) -> tuple[int, int]:
    """Return the size of a chunk, and the number of other bytes in its size line."""
    digits = line[: len(line) - len(line.lstrip(string.hexdigits.encode()))]
    extensions = line[len(digits) :]
    if not 1 <= len(digits) <= 16:
        raise Malformed
    left = extensions.strip(SPACE)
    while left:
        left = _after_extension(left)
    return int(digits, 16), len(extensions)


def _after_extension(text: bytes) -> bytes:
    if not text.startswith(b";"):
        raise Malformed
    name, left = _token(text[1:].lstrip(SPACE))
    if not name:
        raise Malformed
    if left.startswith(b"="):
        left = left[1:].lstrip(SPACE)
        value, left = _quoted(left[1:]) if left.startswith(b'"') else _token(left)
        if not value:
            raise Malformed
    return left


def _token(text: bytes) -> tuple[bytes, bytes]:
    end = next((place for place, byte in enumerate(text) if byte not in TOKEN), len(text))
    return text[:end], text[end:].lstrip(SPACE)


def _quoted(text: bytes) -> tuple[bytes, bytes]:
    """Split off a quoted string after its first quote. The result includes the last quote, so it is never empty."""
    place = 0
    while place < len(text) and text[place] in TEXT:
        if text[place : place + 1] == b'"':
            return text[: place + 1], text[place + 1 :].lstrip(SPACE)
        if text[place : place + 1] == b"\\":
            place += 1
        place += 1
    raise Malformed


def _trailer(raw: bytes) -> None:
    """Check a trailer section. The end of the connection may replace its final empty line."""
    cut = raw.removesuffix(b"\r")
    if not cut or cut.endswith(b"\n"):
        raw = cut + b"\n"
    _fields(raw, MAX_BLOCK)
