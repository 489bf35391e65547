"""Header fields of requests and responses: checks, merging, and the fields that redirects may carry."""

from collections.abc import Iterable, Mapping

from ..errors import HeaderTooLarge, InvalidRequest, MalformedRequest
from ..options import Limits
from .regexes import regex

Fields = tuple[tuple[bytes, bytes], ...]  # Header fields in the order in which they are sent. Names keep their case.

# Fields of one connection (RFC 9110 section 7.6.1).
OF_THE_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)

RESERVED = OF_THE_CONNECTION | {"host", "content-length", "expect"}  # fields that httpconn sets

# Fields that any origin may receive. All other fields of a caller are sent only to the origin of the call's URL.
CROSSES_ORIGINS = frozenset(
    {"accept", "accept-encoding", "accept-language", "user-agent", "range", "if-range"}
    # Ranges and conditions, because a redirect often leads to a file on another origin.
    | {"if-none-match", "if-modified-since"}
)

# Fields that describe the body (RFC 9110 section 8, RFC 9530). They stay with the body, also on another origin. Another
# field with a name that begins with "Content-" could hold a secret.
OF_THE_BODY = frozenset(
    {b"content-type", b"content-encoding", b"content-language", b"content-location", b"content-length"}
    | {b"content-range", b"content-disposition", b"content-md5", b"content-digest", b"transfer-encoding"}
)

CONDITIONS = frozenset(
    {b"range", b"if-range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since"}
)
"""Fields that select a response. A request with one of them does not share the response of another request."""

TOKEN = regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ZERO = regex(r"q\s*=\s*0(\.0*)?\s*$")
_VALUE = regex(r"[\t\x20-\x7e]*")
_SENDABLE = regex(r"[^\x00-\x08\x0a-\x1f\x7f]*")


def check(headers: Mapping[str, str] | None) -> Fields:
    """Return the headers of a caller as fields (RFC 9110 section 5). Errors name a header, but never its value."""
    if headers is None:
        return ()
    if not isinstance(headers, Mapping):
        raise InvalidRequest(f"Headers must be a mapping of str to str, not {type(headers).__name__}")
    return tuple(_check_field(name, value) for name, value in headers.items())


def _check_field(name: object, value: object) -> tuple[bytes, bytes]:
    if not isinstance(name, str) or not TOKEN.fullmatch(name):
        raise InvalidRequest(f"Not a header name: {str(name)[:60]!r}")
    if name.lower() in RESERVED:
        raise InvalidRequest(f"The header {name} cannot be passed: httpconn sets it")
    if not isinstance(value, str):
        raise InvalidRequest(f"The value of the header {name} must be a str, not {type(value).__name__}")
    if not _VALUE.fullmatch(value):
        raise InvalidRequest(f"The value of the header {name} contains a character that is not printable ASCII")
    return name.encode("ascii"), value.strip(" \t").encode("ascii")


def invalid_field(fields: Iterable[tuple[bytes, bytes]]) -> MalformedRequest:
    """Return an error that names the first field that cannot be sent. The value may be secret."""
    texts = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
    name = next(name for name, value in texts if not (TOKEN.fullmatch(name) and _SENDABLE.fullmatch(value)))
    if not TOKEN.fullmatch(name):
        return MalformedRequest(f"Not a header name: {name[:60]!r}")
    return MalformedRequest(f"The value of the header {name} contains a line break or another control character")


def check_changed(before: Iterable[tuple[bytes, bytes]], after: Iterable[tuple[bytes, bytes]]) -> None:
    """Check the fields that an event hook added or changed. There must be one Host."""
    known = {(name.lower(), value) for name, value in before}
    hosts = 0
    for name, value in after:
        hosts += name.lower() == b"host"
        if (name.lower(), value) not in known:
            _check_field(name.decode("latin-1"), value.decode("latin-1"))
    if hosts != 1:
        raise InvalidRequest("A request must have one header Host, which httpconn sets")


def merge(*layers: Fields) -> Fields:
    """Merge fields by name. Later fields replace earlier ones."""
    filled = [layer for layer in layers if layer]
    if len(filled) == 1:
        return filled[0]
    return tuple({name.lower(): (name, value) for layer in filled for name, value in layer}.values())


def tokens(value: str) -> frozenset[str]:
    """Return the tokens of a list in lower case, without those of weight 0 (RFC 9110 section 12.4.2)."""
    members = (each.partition(";") for each in value.lower().split(","))
    return frozenset(name.strip() for name, _, weight in members if not _ZERO.search(weight))


def for_other_origin(fields: Fields, safe: frozenset[str]) -> Fields:
    """Return the fields that a redirect to another origin carries: the safe ones, and never credentials."""
    allowed = CROSSES_ORIGINS | safe
    return tuple(each for each in fields if each[0].decode("ascii").lower() in allowed)


def check_size(count: int, size: int, limits: Limits) -> None:
    """Check the number of fields and the size in bytes of a response's header against the limits."""
    if count > limits.max_headers:
        message, limit = f"The response has {count} header fields", limits.max_headers
        raise HeaderTooLarge(f"{message}; {limit} are allowed", "size", limit, count)
    if size > limits.max_header_bytes:
        message, limit = f"The header of the response has {size} bytes", limits.max_header_bytes
        raise HeaderTooLarge(f"{message}; {limit} are allowed", "size", limit, size)
