"""Header and trailer sections of requests and responses (RFC 9113 section 8)."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple

from ...core.headers import invalid_field
from ...core.messages import FieldValues, Head, by_name, content_length
from ...core.remembered import Remembered
from ...errors import HeaderTooLarge, HTTPConnError, MalformedRequest, ProtocolError
from .compression import EMPTY_TABLE, ENTRY_OVERHEAD, Field, FieldDecoder, encode_fields, encode_target
from .faults import ErrorCode, StreamFault

_LOWER_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9a-z]++"
_sent_lines = re.compile(rb"(?:" + _LOWER_TOKEN + rb":[\t\x20-\x7e\x80-\xff]*+\n)*+").fullmatch
# Section 8.2.1 forbids only NUL, CR and LF in values.
_received_lines = re.compile(rb"(?:" + _LOWER_TOKEN + rb":[^\0\r\n]*+\n)*+").fullmatch
_method = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++").fullmatch
_target = re.compile(rb"[\x21-\x7e]++").fullmatch

# RFC 9113 section 8.2.2.
_CONNECTION_SPECIFIC = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_NOT_SENT = _CONNECTION_SPECIFIC | {b"host", b"proxy-authorization"}
# HTTP/2 has no reason phrases (section 8.3.2). Callers get the standard phrases.
_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}

_MAX_CACHED = 64
_MAX_CACHED_BLOCK = 1024

# A block above the limit is still decoded, up to this many times the limit. So only its stream fails, and the
# connection can continue.
_OVERSIZE = 4


class Section(NamedTuple):
    """The header section of a response, or its trailer section, which has status 0."""

    # The fields without pseudo-header fields, with names in lower case. Equal responses share a head, so it must not
    # change.
    head: Head
    length: int  # the Content-Length, or -1


class RequestWriter:
    """The encoder of a connection's requests. It caches the blocks of repeated header sections."""

    def __init__(self) -> None:
        self._begin = EMPTY_TABLE
        self._cached: Remembered[tuple[object, ...], tuple[bytes, bytes, int]] = Remembered(_MAX_CACHED)

    def write(
        self, method: bytes, scheme: bytes, authority: bytes, target: bytes, headers: Sequence[Field]
    ) -> tuple[bytes, int]:
        """Return the field block of a request, and its Content-Length, or -1."""
        if not _target(target):
            raise MalformedRequest("The target of the request is invalid")
        key = (method, scheme, authority, *headers)
        found = self._cached.get(key)
        if found is None:
            found = _encode_request(method, scheme, authority, headers)
            self._cached[key] = found
        before, after, length = found
        begin, self._begin = self._begin, b""
        return begin + before + encode_target(target) + after, length


def _encode_request(
    method: bytes, scheme: bytes, authority: bytes, headers: Sequence[Field]
) -> tuple[bytes, bytes, int]:
    """Return the fields before and after ``:path``, encoded, and the Content-Length, or -1."""
    if not _method(method) or method == b"CONNECT":
        raise MalformedRequest("The method of the request is invalid")
    lowered = [(name.lower(), value) for name, value in headers]
    # Section 8.2.2: connection-specific fields are not sent. Section 8.3.1: :authority replaces Host.
    # Proxy-Authorization is for a proxy (RFC 9110 section 11.7.2), and no HTTP/2 request goes to a proxy.
    fields = [(name, value) for name, value in lowered if name not in _NOT_SENT]
    sent = [*fields, (b"authority", authority)]
    if not _are_fields(sent, _sent_lines):
        raise invalid_field(sent)
    values = by_name(fields)
    if values.get(b"te", b"trailers") != b"trailers":
        raise MalformedRequest("HTTP/2 has no transfer codings, so the TE header of the request cannot be sent")
    length = _read_length(values)
    if length is None:
        raise MalformedRequest("The Content-Length of the request is invalid")
    pseudo = [(b":method", method), (b":scheme", scheme), (b":authority", authority)]
    return encode_fields(pseudo), encode_fields(fields), length


class ResponseReader:
    """The decoder of a connection's responses, with limits for the fields of a section and for their bytes."""

    def __init__(self, max_fields: int, max_bytes: int) -> None:
        self._max_fields = max_fields
        self._max_bytes = max_bytes
        # ``max_bytes`` plus 32 bytes for each field, as SETTINGS_MAX_HEADER_LIST_SIZE counts.
        self.max_list: int = max_bytes + ENTRY_OVERHEAD * max_fields
        # Maximum size in bytes of a field block. A larger block ends the connection.
        self.max_block: int = _OVERSIZE * self.max_list
        self._decoder = FieldDecoder(self.max_block)
        self._changes = 0
        self._cached: Remembered[bytes, Section] = Remembered(_MAX_CACHED)

    def read(self, block: bytes) -> Section:
        """Return the section of a field block. Raises StreamFault: it is malformed (RFC 9113 section 8.1.1)."""
        section = self._cached.get(block)
        if section is not None:
            return section
        fields = self._decoder.decode(block)
        if self._decoder.changes != self._changes:
            self._changes = self._decoder.changes
            self._cached.clear()
            return _read_section(fields, self._max_fields, self._max_bytes)
        section = _read_section(fields, self._max_fields, self._max_bytes)
        if len(block) <= _MAX_CACHED_BLOCK:
            self._cached[block] = section
        return section


def _read_section(lines: list[Field], max_fields: int, max_bytes: int) -> Section:
    status = 0
    if lines and lines[0][0] == b":status":  # section 8.3.2; a trailer section has none (section 8.1)
        status = _read_status(lines[0][1])
        lines = lines[1:]
    # RFC 9113 section 8.2.1 forbids white space around a value. It cannot be misread, so it is removed.
    fields = [(name, value.strip(b" \t")) for name, value in lines]
    size = sum([len(name) + len(value) for name, value in fields])
    if len(fields) > max_fields or size > max_bytes:
        raise StreamFault(ErrorCode.CANCEL, _too_large(len(fields), size, max_fields, max_bytes))
    if not _are_fields(fields, _received_lines):
        raise _malformed(_fault_in(fields))
    values = by_name(fields)
    if not _CONNECTION_SPECIFIC.isdisjoint(values):
        raise _malformed("has a connection-specific field of HTTP/1.1")
    length = _read_length(values)
    if length is None:
        raise _malformed("has a Content-Length that is invalid or repeated with another value")
    return Section(Head(status, _PHRASES.get(status, b""), b"HTTP/2", fields, values, size), length)


def _read_status(value: bytes) -> int:
    if len(value) != 3 or not value.isdigit() or value < b"100":
        raise _malformed("has an invalid status")
    if value == b"101":  # section 8.6
        raise _malformed("switches protocols, which HTTP/2 does not have")
    return int(value)


def _are_fields(fields: list[Field], match: Callable[[bytes], object]) -> bool:
    block = b"".join([b"%b:%b\n" % field for field in fields])
    # Equal counts prove that no field contains a second line.
    return match(block) is not None and block.count(b"\n") == len(fields)


def _fault_in(fields: list[Field]) -> str:
    name = next(name for name, value in fields if not _are_fields([(name, value)], _received_lines))
    if name.startswith(b":"):
        return "has a pseudo-header field that is unknown, repeated or out of place"
    if name != name.lower():
        return "has a field name with upper-case letters"
    return "has a field with invalid characters"


def _read_length(values: FieldValues) -> int | None:
    """Return the Content-Length: -1 if absent, None if invalid."""
    value = values.get(b"content-length")
    return -1 if value is None else content_length(value)


def _malformed(fault: str) -> StreamFault:
    return StreamFault(ErrorCode.PROTOCOL_ERROR, ProtocolError(f"The header of the response {fault}"))


def _too_large(count: int, size: int, max_fields: int, max_bytes: int) -> HTTPConnError:
    allowed = f"{max_fields:,} and {max_bytes:,} are allowed"
    message = f"The header of the response has {count:,} fields and {size:,} bytes; {allowed}"
    limit, received = (max_fields, count) if count > max_fields else (max_bytes, size)
    return HeaderTooLarge(message, "size", limit, received)
