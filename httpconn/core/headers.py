"""Request headers: checked once, merged once, and judged where a redirect leaves their origin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from ..errors import HeaderTooLarge, InvalidRequest
from ..options import Limits

Fields = tuple[tuple[bytes, bytes], ...]
"""Header fields in the order in which they are sent; names in the case they were given in."""

# What frames a message or belongs to one connection is httpconn's to set (RFC 9110 section 7.6.1, 9112 section 6).
RESERVED = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te"}
    | {"trailer", "upgrade", "expect"}
)

# What any origin may see. Everything else that a caller gave stays where it was meant to go.
CROSSES_ORIGINS = frozenset(
    {"accept", "accept-encoding", "accept-language", "user-agent", "range", "if-range"}
    # Which bytes are wanted, if any: a file is often on another origin than its URL.
    | {"if-none-match", "if-modified-since"}
)

CONDITIONS = frozenset(
    {b"range", b"if-range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since"}
)
"""Who asks with one of these is answered as asked, and not with what another question would have brought."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ZERO = re.compile(r"q\s*=\s*0(\.0*)?\s*$")
_VALUE = re.compile(r"[\t\x20-\x7e]*")


def check(headers: Mapping[str, str] | None) -> Fields:
    """Headers a caller gave, as fields.

    Raises:
        InvalidRequest: a name is no token, a value holds CR, LF, NUL or anything else outside of printable ASCII
            (RFC 9110 section 5.5), the type is wrong, or the field is one that httpconn sets itself. The message
            names the header, never its value.
    """
    if headers is None:
        return ()
    if not isinstance(headers, Mapping):
        raise InvalidRequest(f"Headers must be a mapping of str to str, not {type(headers).__name__}")
    return tuple(_check_field(name, value) for name, value in headers.items())


def _check_field(name: object, value: object) -> tuple[bytes, bytes]:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise InvalidRequest(f"Not a header name: {str(name)[:60]!r}")
    if name.lower() in RESERVED:
        raise InvalidRequest(f"The header {name} is set by httpconn and cannot be given")
    if not isinstance(value, str):
        raise InvalidRequest(f"The value of the header {name} must be a str, not {type(value).__name__}")
    if not _VALUE.fullmatch(value):
        raise InvalidRequest(f"The value of the header {name} holds a character that is not printable ASCII")
    return name.encode("ascii"), value.strip(" \t").encode("ascii")


def check_changed(before: Iterable[tuple[bytes, bytes]], after: Iterable[tuple[bytes, bytes]]) -> None:
    """Hold what somebody made of a header to the rules for headers that are given: the Host stays as it is.

    Raises:
        InvalidRequest: see :func:`check`.
    """
    known = {(name.lower(), value) for name, value in before}
    hosts = 0
    for name, value in after:
        hosts += name.lower() == b"host"
        if (name.lower(), value) not in known:
            _check_field(name.decode("latin-1"), value.decode("latin-1"))
    if hosts != 1:
        raise InvalidRequest("A request has one header Host, which is set by httpconn")


def merge(*layers: Fields) -> Fields:
    """Later layers win over earlier ones, by name."""
    filled = [layer for layer in layers if layer]
    if len(filled) == 1:
        return filled[0]
    return tuple({name.lower(): (name, value) for layer in filled for name, value in layer}.values())


def tokens(value: str) -> frozenset[str]:
    """The tokens of a list such as Accept-Encoding's, lower case, without those of weight zero (RFC 9110 12.4.2)."""
    members = (each.partition(";") for each in value.lower().split(","))
    return frozenset(name.strip() for name, _, weight in members if not _ZERO.search(weight))


def for_other_origin(fields: Fields, safe: frozenset[str]) -> Fields:
    """What goes on when a redirect leaves the origin: never credentials, never what was not named safe."""
    allowed = CROSSES_ORIGINS | safe
    return tuple(each for each in fields if each[0].decode("ascii").lower() in allowed)


def check_size(fields: Sequence[tuple[bytes, bytes]], limits: Limits) -> None:
    """Hold an answer's header to its limits.

    Raises:
        HeaderTooLarge: too many fields, or too many bytes in them.
    """
    count, size = len(fields), sum(map(len, chain.from_iterable(fields)))
    if count > limits.max_headers:
        raise HeaderTooLarge(f"The answer has {count} header fields; {limits.max_headers} are allowed")
    if size > limits.max_header_bytes:
        raise HeaderTooLarge(f"The answer's header has {size} bytes; {limits.max_header_bytes} are allowed")
