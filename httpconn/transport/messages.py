"""The heads of HTTP/1.1 messages: a request's is written, an answer's is read and its framing decided."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import NamedTuple

from httptools import HttpParserError, HttpResponseParser

from ..core.messages import FieldValues, Head
from .blocks import TOKEN
from .faults import LocalProtocolError, RemoteProtocolError

__all__ = [
    "FieldValues",
    "Fields",
    "Framing",
    "Head",
    "RequestFields",
    "are_fields",
    "by_name",
    "read_framing",
    "read_head",
    "write_fields",
    "write_request_line",
]

Fields = list[tuple[bytes, bytes]]

_TEXT = rb"[\t\x20-\x7e\x80-\xff]*+"
_request_line = re.compile(TOKEN + rb" [\x21-\x7e]++ HTTP/1\.1\r\n").fullmatch
_field_lines = re.compile(rb"(?:" + TOKEN + rb": " + _TEXT + rb"\r\n)*+").fullmatch
# RFC 9112 section 4: the reason may be empty, and servers drop the space before it as well.
_status_line_parts = re.compile(rb"(HTTP/1\.[01]) ([1-5][0-9][0-9])(?: (" + _TEXT + rb"))?").fullmatch
_MAX_LENGTH_DIGITS = 19  # below 2 ** 64
_MAX_REMEMBERED_LINE = 64


class Framing(NamedTuple):
    """How a body ends: after ``length`` bytes, with its last chunk, or (neither) with the connection."""

    length: int | None
    chunked: bool
    keep_alive: bool


class RequestFields(NamedTuple):
    """The field lines of a request as bytes, through the empty line, and the framing they declare."""

    block: bytes
    framing: Framing


def read_head(block: bytes) -> Head:
    """Read an answer's head, given from its first byte through its empty line.

    RemoteProtocolError: it is malformed; RFC 9112 sections 2.2, 4 and 5 as llhttp reads them without leniency
    (no obs-fold, no bare CR or LF, no space before a colon, no control character).
    """
    line = block[: block.find(b"\r\n")]
    version, status, reason = (_remembered if len(line) <= _MAX_REMEMBERED_LINE else _read_status_line)(line)
    count = block.count(b"\n") - 2
    once: dict[bytes, bytes] = {}
    _read_fields(block, once.__setitem__)  # which costs a third of what a function of Python does
    is_plain = len(once) == count and b" \r" not in block and b"\t\r" not in block
    fields = list(once.items()) if is_plain else _each_field(block, count)
    return Head(status, reason, version, fields, by_name(fields))


def by_name(fields: Fields) -> FieldValues:
    """Fields by name in lower case; the lines of one name are joined in their order (RFC 9110 section 5.3)."""
    values = {name.lower(): value for name, value in fields}
    if len(values) < len(fields):
        values.clear()
        for name, value in fields:
            key = name.lower()
            values[key] = b"%b, %b" % (values[key], value) if key in values else value
    return values


def _read_fields(block: bytes, on_header: Callable[[bytes, bytes], object]) -> None:
    try:
        # One parser per head: it cannot be told that a body was read around it, or that HEAD has none.
        HttpResponseParser(SimpleNamespace(on_header=on_header)).feed_data(block)
    except HttpParserError as error:
        raise RemoteProtocolError(f"the header is malformed: {error}") from error


def _each_field(block: bytes, count: int) -> Fields:
    """Of a head where a name is repeated, or white space ends a line."""
    fields: Fields = []
    # RFC 9112 section 5.1: white space around a value is not part of it. llhttp strips what is before.
    _read_fields(block, lambda name, value: fields.append((name, value.rstrip(b" \t"))))
    # Holds whatever leniency a later llhttp may learn: a line that it joins or skips is not handed out as checked.
    if len(fields) != count:
        raise RemoteProtocolError("the header is malformed: a line is not a field")
    return fields


def _read_status_line(line: bytes) -> tuple[bytes, int, bytes]:
    match = _status_line_parts(line)
    if match is None:
        raise RemoteProtocolError("the status line is malformed, or its version or status unknown")
    version, status, reason = match.groups()
    if status == b"101":  # RFC 9110 section 7.8: only an Upgrade that was asked for can be granted
        raise RemoteProtocolError("the server switches protocols unasked")
    return version, int(status), reason or b""


_remembered = lru_cache(maxsize=128)(_read_status_line)


def read_framing(version: bytes, values: FieldValues) -> Framing:
    """What the header fields say of the body's end (RFC 9112 section 6.3) and the connection (section 9.3).

    RemoteProtocolError: what they say is unclear. Doubt is never resolved by a guess, since another reader on the
    way may have guessed otherwise.
    """
    length, coding, options = map(values.get, (b"content-length", b"transfer-encoding", b"connection"))
    # Section 6.3, rule 5. A repeated length, which is no number any more, is refused even if equal, as llhttp does.
    if length is not None and (not length.isdigit() or len(length) > _MAX_LENGTH_DIGITS):
        raise RemoteProtocolError("Content-Length is repeated or invalid")
    # Section 6.1: no coding but chunked was offered (no TE was sent), it is applied once, and never to HTTP/1.0.
    if coding is not None and (coding.lower() != b"chunked" or version != b"HTTP/1.1"):
        raise RemoteProtocolError("Transfer-Encoding is not a single chunked, in HTTP/1.1")
    if length is not None and coding is not None:  # section 6.1: an attempt at smuggling, or a broken intermediary
        raise RemoteProtocolError("Content-Length and Transfer-Encoding together")
    keep_alive = version == b"HTTP/1.1" and (options is None or not _says_close(options))
    return Framing(None if length is None else int(length), coding is not None, keep_alive)


def are_fields(fields: Fields) -> bool:
    """Whether all are header fields by RFC 9110 section 5, whoever has read them."""
    return _is_block(_block(fields), len(fields))


def _block(fields: Fields) -> bytes:
    return b"".join([b"%b: %b\r\n" % field for field in fields])


def _is_block(block: bytes, count: int) -> bool:
    # As many lines as fields: so none of them hides another.
    return _field_lines(block) is not None and block.count(b"\n") == count


def _says_close(value: bytes) -> bool:
    return value != b"keep-alive" and b"close" in [option.strip(b" \t") for option in value.lower().split(b",")]


def write_request_line(method: bytes, target: bytes) -> bytes:
    """The request line of RFC 9112 section 3. LocalProtocolError: it cannot be sent as one."""
    line = b"%b %b HTTP/1.1\r\n" % (method, target)
    if not _request_line(line) or method == b"CONNECT":  # a tunnel is not an exchange
        raise LocalProtocolError("the method or the target of the request is invalid")
    return line


def write_fields(fields: Fields) -> RequestFields:
    """The header of a request. LocalProtocolError: a field, the Host (section 3.2) or the framing is invalid."""
    block = _block(fields)
    if not _is_block(block, len(fields)):
        raise LocalProtocolError("a header of the request is invalid")
    if sum(name.lower() == b"host" for name, _ in fields) != 1:
        raise LocalProtocolError("the request needs exactly one Host header")
    try:
        framing = read_framing(b"HTTP/1.1", by_name(fields))
    except RemoteProtocolError as error:
        raise LocalProtocolError(f"the request's framing is invalid: {error}") from None
    return RequestFields(block + b"\r\n", framing)
