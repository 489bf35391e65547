"""A slow reader of HTTP/1.1 answers, by the letter of RFC 9112, with all of the answer at hand: no state, no parser.

It shares nothing with the library but the decisions that tests/transport/test_differential.py gives reasons for.
"""

from __future__ import annotations

import string
from typing import NamedTuple

MAX_INTERIM = 8
MAX_FIELDS = 100
MAX_BLOCK = 64 * 1024
MAX_EXTENSION = 4096
MAX_EXCESS = 16 * 1024
TOKEN = frozenset((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())
TEXT = frozenset(range(0x20, 0x100)) - {0x7F} | {0x09}
SPACE = b" \t"


class Malformed(Exception):
    """No answer, or none that is whole."""


class Answer(NamedTuple):
    status: int
    body: bytes


def read(raw: bytes, method: str) -> Answer:
    """The final answer in bytes after which the connection ends; raises Malformed."""
    for _ in range(MAX_INTERIM + 1):
        version, status, fields, raw = _head(raw)
        length, chunked = _framing(version, fields)
        if status >= 200:
            bodyless = method == "HEAD" or status in (204, 304)
            return Answer(status, b"" if bodyless else _chunks(raw) if chunked else _bytes(raw, length))
    raise Malformed


def _block(raw: bytes, most: int) -> tuple[list[bytes], bytes]:
    """Lines up to an empty one, and what follows it."""
    block, end, rest = raw.partition(b"\r\n\r\n")
    lines = block.split(b"\r\n")
    if not end or len(block) + 4 > MAX_BLOCK or len(lines) > most:
        raise Malformed
    return lines, rest


def _head(raw: bytes) -> tuple[bytes, int, list[tuple[bytes, bytes]], bytes]:
    (start, *lines), rest = _block(raw, MAX_FIELDS + 1)
    version, status, *reason = [*start.split(b" ", 2), b""]
    if version not in (b"HTTP/1.0", b"HTTP/1.1") or not (len(status) == 3 and status.isdigit()):
        raise Malformed
    if not b"100" <= status <= b"599" or status == b"101" or not TEXT.issuperset(b"".join(reason)):
        raise Malformed
    return version, int(status), [_field(line) for line in lines], rest


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not name or not TOKEN.issuperset(name) or not TEXT.issuperset(value):
        raise Malformed
    return name.lower(), value.strip(SPACE)


def _framing(version: bytes, fields: list[tuple[bytes, bytes]]) -> tuple[int | None, bool]:
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        raise Malformed
    if codings and (codings != [b"chunked"] or version != b"HTTP/1.1"):
        raise Malformed
    if lengths and not (lengths[0].isdigit() and len(lengths[0]) < 20):
        raise Malformed
    return (int(lengths[0]) if lengths else None), bool(codings)


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
    """The size of a chunk, and the bytes of its line that say something else."""
    digits = line[: len(line) - len(line.lstrip(string.hexdigits.encode()))]
    extension = line[len(digits) :]
    after = extension.lstrip(SPACE)
    if not 1 <= len(digits) <= 16 or (after and not after.startswith(b";")) or not TEXT.issuperset(extension):
        raise Malformed
    return int(digits, 16), len(extension)


def _trailer(raw: bytes) -> None:
    """A section that the end of the connection may have cut off at its last, empty line."""
    if raw in (b"", b"\r") or raw.startswith(b"\r\n"):
        return
    if b"\r\n\r\n" not in raw and raw.endswith((b"\r\n", b"\r\n\r")):
        raw = raw.removesuffix(b"\r") + b"\r\n"
    for line in _block(raw, MAX_FIELDS)[0]:
        _field(line)
