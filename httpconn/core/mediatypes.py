"""Patterns of media types, such as ``image/*``."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from ..errors import InvalidRequest, UnexpectedContent, printable
from .regexes import regex

_PATTERN = regex(r"[a-z0-9!#$&^_.+*-]+/[a-z0-9!#$&^_.+*-]+")
_LONGEST = 128  # characters of a type; registered types are shorter (RFC 6838 section 4.2)
_UNKNOWN = "application/octet-stream"  # the type of a response without one (RFC 9110 section 8.3)


def patterns(given: str | Iterable[str] | None, option: str = "expect_type") -> tuple[str, ...]:
    """Return the patterns of an option in lower case."""
    if given is None:
        return ()
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, Iterable):
        raise InvalidRequest(f"{option} must be a str or a collection of str, not {type(given).__name__}")
    found = tuple(map(_pattern, given))
    if not found:
        raise InvalidRequest(f"{option} has no media type. Without the option, every type is accepted")
    return found


def _pattern(text: str) -> str:
    pattern = text.strip().lower() if isinstance(text, str) else ""
    if _PATTERN.fullmatch(pattern) is None:
        raise InvalidRequest(f"{text!r} is not a media type pattern, such as image/png or image/*")
    return pattern


def media_type(content_type: str | None) -> str | None:
    """Return the media type of a Content-Type in lower case and without parameters; None without a Content-Type."""
    # Messages and logs contain the type.
    return printable((content_type or "").partition(";")[0].strip().lower(), _LONGEST) or None


def require(content_type: str | None, given: Collection[str]) -> None:
    """Check that a Content-Type matches one of the patterns, if there are any."""
    found = media_type(content_type)
    if given and not any(fnmatchcase(found or _UNKNOWN, pattern) for pattern in given):
        raise UnexpectedContent(f"The response has the type {found or 'unknown'}, not {' or '.join(given)}")
