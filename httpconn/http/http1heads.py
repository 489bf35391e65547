"""Heads and framing of HTTP/1.1 messages: writing the heads of requests and reading the heads of responses.

A response with only one possible meaning is delivered even if its form is irregular. The functions report the
irregularity, and the connection is not reused.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ..core.headers import invalid_field
from ..core.messages import FieldValues, Head, by_name, content_length
from ..errors import MalformedRequest, ProtocolError
from .headerblock import TOKEN, start_of_line

Fields = list[tuple[bytes, bytes]]

_TEXT = rb"[\t\x20-\x7e\x80-\xff]*+"
_request_line = re.compile(TOKEN + rb" [\x21-\x7e]++ HTTP/1\.1\r\n").fullmatch
_field_lines = re.compile(rb"(?:" + TOKEN + rb": " + _TEXT + rb"\r\n)*+").fullmatch
_each_field = re.compile(rb"(?<=\n)(" + TOKEN + rb"):[ \t]*+(" + _TEXT + rb")\r\n").findall
# RFC 9110 section 5.5: a recipient may keep control characters other than NUL, CR and LF. File names in ISO-2022-JP
# contain ESC.
_each_odd_field = re.compile(rb"(?<=\n)(" + TOKEN + rb"):[ \t]*+([^\0\r\n]*+)\r\n").findall
# RFC 9112 section 4: the reason may be empty. Some servers then omit the space before it.
_status_line = re.compile(rb"HTTP/(1\.[01]|2(?:\.0)?) ([1-9][0-9][0-9])(?: (" + _TEXT + rb"))?").fullmatch
_line_end = re.compile(rb"\r?\n")
# White space before the line end belongs to the fold. The pattern matches from the first byte of a run of white space
# only: trying every byte of a long run would take quadratic time.
_fold = re.compile(rb"(?:(?<![ \t])[ \t]++)?+\r\n[ \t]++")
# Recipients read these folds differently, and so could see different bodies. A blank continuation line ends the header
# for some recipients. A continuation line that begins like a framing field is a framing field for others. Some ignore
# the continuation lines of a framing field.
_FRAMING_NAME = rb"(?:content-length|transfer-encoding)[ \t]*+:"
_ambiguous_fold = re.compile(
    rb"\n[ \t][\x01-\x09\x0b\x0c\x0e-\x20\x7f]*+(?:\r|" + _FRAMING_NAME + rb")|\n" + _FRAMING_NAME + rb"[^\n]*+\n[ \t]",
    re.I,
).search
_MAX_CACHED_LINE = 64
_MANY_DIGITS = 18


class Framing(NamedTuple):
    """The end of a body: after ``length`` bytes, after the last chunk, or otherwise at the end of the connection."""

    length: int | None
    chunked: bool
    keep_alive: bool
    irregular: str = ""  # the irregularity of the framing fields, or an empty string


def read_head(block: bytes) -> tuple[Head, str]:
    """Read the head of a response, and return it with the irregularity of its form or an empty string.

    The version of the returned head is the version whose rules apply: HTTP/1.0 or HTTP/1.1. A malformed head is an
    error (RFC 9112 sections 4 and 5): one with a bare CR or a NUL, an invalid name, white space before a colon, or a
    line without a field.
    """
    irregular = ""
    fields = read_fields(block)
    if fields is None:
        block, fields, irregular = read_irregular_fields(block)
    line = block[: block.find(b"\r\n")]
    read_line = _cached_status_line if len(line) <= _MAX_CACHED_LINE else _read_status_line
    version, status, reason, unusual = read_line(line)
    if fields is None:
        raise ProtocolError("the header is malformed: a line is not a field")
    return Head(status, reason, version, fields, by_name(fields), len(block)), irregular or unusual


def read_fields(block: bytes, each_field: Callable[[bytes, int], Fields] = _each_field) -> Fields | None:
    """Read the fields between the start line and the empty line, or None if a line is not a field with a CRLF."""
    fields = each_field(block, block.find(b"\r\n") + 1)
    # Each field occupies one line. Equal counts of fields and lines prove that every line is a field.
    if len(fields) != block.count(b"\n") - 2 or block[-4:] != b"\r\n\r\n":
        return None
    # RFC 9112 section 5.1: the value excludes surrounding white space. ``in`` would be slower than ``find``.
    if block.find(b" \r") >= 0 or block.find(b"\t\r") >= 0:
        fields = [(name, value.rstrip(b" \t")) for name, value in fields]
    return fields


def read_irregular_fields(block: bytes) -> tuple[bytes, Fields | None, str]:
    """Rewrite an irregular block, and return it with its fields and its irregularity.

    The block has the form that RFC 9112 sections 2.2 and 5.2 describe: no empty lines before the start line, lines that
    end in CRLF, and spaces for folds. The fields are None if the block is malformed.
    """
    regular, irregular = _normalize_lines(block)
    return regular, read_fields(regular, _each_odd_field), irregular


def _normalize_lines(block: bytes) -> tuple[bytes, str]:
    plain = _line_end.sub(b"\r\n", block[start_of_line(block) :])
    start, end, fields = plain.partition(b"\r\n")
    # Recipients disagree about white space before the first field (RFC 9112 section 2.2), so it stays and is rejected.
    if fields[:1] in (b" ", b"\t") or _ambiguous_fold(plain):
        return plain, ""  # malformed
    regular = start + end + _fold.sub(b" ", fields)
    if block[:1] in b"\r\n":
        return regular, "an empty line before the status line"
    if regular == block:
        return regular, "a control character in a header field"
    return regular, "a folded header field" if len(regular) < len(plain) else "a header line that ends in LF without CR"


def _read_status_line(line: bytes) -> tuple[bytes, int, bytes, str]:
    match = _status_line(line)
    if match is None:
        raise ProtocolError("the status line is malformed, or has an unknown version or status")
    version, status, reason = match.groups()
    if status == b"101":  # RFC 9110 section 7.8: no request asks for an Upgrade
        raise ProtocolError("the server switches protocols, without a request for it")
    irregular = ""
    if version[:1] == b"2":  # some servers behind an HTTP/2 proxy write this
        version, irregular = b"1.1", "a version of HTTP/2 in a status line"
    elif status >= b"600":  # RFC 9110 section 15: a client treats it as 5xx
        irregular = f"the status {int(status)}"
    return b"HTTP/" + version, int(status), reason or b"", irregular


_cached_status_line = lru_cache(maxsize=128)(_read_status_line)


def read_framing(version: bytes, values: FieldValues) -> Framing:
    """Decide where a body ends (RFC 9112 section 6.3) and whether the connection persists (section 9.3)."""
    # It is an error if two recipients could read the fields differently.
    length, coding, options = map(values.get, (b"content-length", b"transfer-encoding", b"connection"))
    keep_alive = version == b"HTTP/1.1" and (options in (None, b"keep-alive") or b"close" not in _list_members(options))
    if coding is not None and _is_chunked(coding):
        return Framing(None, True, keep_alive, _unlike_chunked(version, length, coding))
    irregular = "" if coding is None else "Transfer-Encoding: identity"
    if length is None:
        return Framing(None, False, keep_alive, irregular)
    if length.isdigit() and len(length) < _MANY_DIGITS:
        return Framing(int(length), False, keep_alive, irregular)  # fast path for nearly all responses
    number = content_length(length)
    if number is None:
        raise ProtocolError("Content-Length is invalid, or repeated with different values")
    return Framing(number, False, keep_alive, irregular if length.isdigit() else "a repeated Content-Length")


def content_of(framing: Framing) -> str:
    """Name the irregularity of a response that never has content but declares some (RFC 9110 section 8.6)."""
    # If a server or proxy sends the content nevertheless, the content follows the response.
    return "content declared by a response that cannot have any" if framing.chunked or framing.length else ""


def _is_chunked(coding: bytes) -> bool:
    """Return whether a Transfer-Encoding contains chunked. False: it contains only identity."""
    # Another coding is an error: requests have no TE field, so a server must not apply one (RFC 9112 section 7.4).
    if coding == b"chunked":
        return True
    codings = {*_list_members(coding)} - {b""}
    if not codings or codings - {b"chunked", b"identity"}:
        raise ProtocolError("the Transfer-Encoding is not chunked")
    return b"chunked" in codings


def _unlike_chunked(version: bytes, length: bytes | None, coding: bytes) -> str:
    """Name the irregularity of the framing fields of a chunked body."""
    if length is not None:  # RFC 9112 section 6.3, rule 3: the coding overrides the length
        return "a Content-Length beside Transfer-Encoding: chunked"
    if version != b"HTTP/1.1":  # section 6.1
        return "Transfer-Encoding in HTTP/1.0"
    return "" if coding.lower() == b"chunked" else "a Transfer-Encoding other than a single chunked"


def _list_members(value: bytes) -> list[bytes]:
    return [each.strip(b" \t") for each in value.lower().split(b",")]


_FRAMING_FIELDS = frozenset({b"content-length", b"transfer-encoding"})


def with_regular_framing(head: Head, framing: Framing) -> Head:
    """Replace irregular framing fields by the one field, if any, that determines the framing."""
    # RFC 9110 section 8.6 and RFC 9112 section 6.3 require this before a recipient passes the fields on.
    effective: dict[bytes, bytes] = {}
    if framing.chunked:
        effective[b"transfer-encoding"] = b"chunked"
    elif framing.length is not None:
        effective[b"content-length"] = b"%d" % framing.length
    fields = []
    for name, value in head.fields:
        key = name.lower()
        if key not in _FRAMING_FIELDS:
            fields.append((name, value))
        elif key in effective:
            fields.append((name, effective.pop(key)))
    return head._replace(fields=fields, values=by_name(fields))


def write_request_line(method: bytes, target: bytes) -> bytes:
    """Encode the request line (RFC 9112 section 3). Raises MalformedRequest: the method or the target is invalid."""
    line = b"".join((method, b" ", target, b" HTTP/1.1\r\n"))
    if not _request_line(line) or method == b"CONNECT":  # send_connect opens tunnels
        raise MalformedRequest("the method or the target of the request is invalid")
    return line


def write_connect_line(authority: bytes) -> bytes:
    """Encode the request line of a CONNECT request. Raises MalformedRequest: the authority is not a host and a port."""
    line = b"CONNECT %b HTTP/1.1\r\n" % authority
    if not _request_line(line):
        raise MalformedRequest("the host of the request is invalid")
    return line


def for_origin(fields: Fields) -> Fields:
    """Return the fields without those for a proxy only (RFC 9110 section 11.7.2)."""
    return [field for field in fields if field[0].lower() != b"proxy-authorization"]


def write_fields(fields: Fields) -> tuple[bytes, Framing]:
    """Encode the header section of a request, through the empty line, and return it with the framing it declares."""
    block = b"".join([b"%b: %b\r\n" % field for field in fields])
    # Equal counts prove that no field contains a second line.
    if _field_lines(block) is None or block.count(b"\n") != len(fields):
        raise invalid_field(fields)
    if sum(name.lower() == b"host" for name, _ in fields) != 1:
        raise MalformedRequest("the request needs exactly one Host header")
    try:
        framing = read_framing(b"HTTP/1.1", by_name(fields))
    except ProtocolError as error:
        raise MalformedRequest(f"the request's framing is invalid: {error}") from None
    if framing.irregular:
        raise MalformedRequest(f"the request's framing is invalid: it has {framing.irregular}")
    return block + b"\r\n", framing
