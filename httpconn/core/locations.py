"""Location values of redirects, resolved as browsers do (WHATWG URL Standard, section 4.4)."""

import re

from ..errors import InvalidURL
from .messages import DEFAULT_PORTS
from .regexes import regex
from .urls import WRONG_SCHEME, VettedURL, vet

_C0_AND_SPACE = bytes(range(0x21))
_TAB_AND_NEWLINE = b"\t\n\r"
_SCHEME = regex(rb"([A-Za-z][A-Za-z0-9+.-]*):")
_ENCODED_DOT = regex(rb"%2e", re.I)
# The percent-encode sets of section 1.3. A backslash after the path is encoded too: a request line must not have one.
_NOT_IN_PATH = regex(rb'[^!-~]|["<>^`{}]')
_NOT_IN_QUERY = regex(rb"[^!-~]|[\"'<>\\]")
_NOT_IN_FRAGMENT = regex(rb'[^!-~]|["<>`\\]')


def resolve(base: VettedURL, location: bytes) -> VettedURL:
    """Return the URL of a Location (RFC 9110 section 10.2.2). Bytes outside of ASCII are percent-encoded."""
    reference = location.strip(_C0_AND_SPACE).translate(None, _TAB_AND_NEWLINE)
    reference, hash_mark, fragment = reference.partition(b"#")
    path, question_mark, query = reference.partition(b"?")
    origin, path = _split(base, path.replace(b"\\", b"/"))
    if origin is None and not path and not question_mark:
        target = base.target  # the same target, byte for byte
    else:
        target = _encoded(_NOT_IN_PATH, _absolute(base, path, is_relative=origin is None))
        target += question_mark + _encoded(_NOT_IN_QUERY, query)
    origin = origin or f"{base.origin.scheme}://{base.netloc.decode('ascii')}"
    url = vet(origin + target.decode("ascii") + _fragment(base, hash_mark, fragment))
    url.has_backslash = b"\\" in location
    return url


def _split(base: VettedURL, reference: bytes) -> tuple[str | None, bytes]:
    """Return the scheme and authority of a reference, or None if it has no authority, and its path."""
    scheme, match = base.origin.scheme, _SCHEME.match(reference)
    if match is not None:
        named, reference = match[1].lower().decode("ascii"), reference[match.end() :]
        if named not in DEFAULT_PORTS:
            raise InvalidURL(WRONG_SCHEME)
        # "https:path" is a relative path if the base is https. If the base is http, "path" is the host.
        reference = reference if named == scheme else b"//" + reference
        scheme = named
    if not reference.startswith(b"//"):
        return None, reference
    authority, slash, path = reference.lstrip(b"/").partition(b"/")
    try:
        return f"{scheme}://{authority.decode()}", slash + path
    except UnicodeDecodeError:
        raise InvalidURL("The host of the URL is not UTF-8") from None


def _absolute(base: VettedURL, path: bytes, *, is_relative: bool) -> bytes:
    """Return a path from the root, without dot segments."""
    if is_relative and not path.startswith(b"/"):
        own = base.target.partition(b"?")[0]
        path = own[: own.rindex(b"/") + 1] + path if path else own
    return _without_dot_segments(path or b"/")


def _without_dot_segments(path: bytes) -> bytes:
    kept: list[bytes] = []
    for segment in path.split(b"/")[1:]:
        dots = _ENCODED_DOT.sub(b".", segment)
        if dots == b"..":
            del kept[-1:]
        elif dots != b".":
            kept.append(segment)
    if dots in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)


def _encoded(unsafe: re.Pattern[bytes], text: bytes) -> bytes:
    return unsafe.sub(lambda match: b"%%%02X" % ord(match[0]), text)


def _fragment(base: VettedURL, hash_mark: bytes, fragment: bytes) -> str:
    """Return the fragment of a reference or, without one, of the base."""
    if not hash_mark:
        return f"#{base.fragment}" if base.fragment else ""
    return "#" + _encoded(_NOT_IN_FRAGMENT, fragment).decode("ascii")
