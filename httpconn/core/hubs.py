"""The digest and the size of a file in the header fields of a hub, such as that of Hugging Face."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .digests import GIT, Expected
from .messages import Head
from .regexes import regex

_SHA256 = regex(r'(?:W/)?"?([0-9a-f]{64})"?', re.IGNORECASE)
_SHA1 = regex(r'(?:W/)?"?([0-9a-f]{40})"?', re.IGNORECASE)
_SIZE = regex(r"\d{1,18}", re.ASCII)


Field = Callable[[str], str | None]


_NAMES = frozenset({b"x-linked-etag", b"x-linked-size", b"x-repo-commit"})


def is_from_hub(head: Head) -> bool:
    """Return whether a head has a header field of a hub. Most heads have none, and need no further look."""
    return not _NAMES.isdisjoint(head.values)


class HubFile(NamedTuple):
    """The digest and size that a hub declares for a file."""

    digest: Expected | str | None = None  # its digest; a str if it cannot be checked; None if it is unknown
    size: int | None = None  # its size in bytes, or None


def hub_file(fields: Sequence[Field], *, use_etag: bool) -> HubFile:
    """Return the digest and size of a file. ``fields`` are the header fields of each response of a redirect chain."""
    # A hub redirects a large file to its store, and adds X-Linked-Etag, the SHA-256 of the file, and X-Linked-Size. The
    # ETag of a small file is the ID of its git object, unless the body is encoded (``use_etag=False``). Only an
    # X-Repo-Commit in the same response proves that the ETag is this ID.
    sizes = [text for each in fields if (text := each("x-linked-size")) is not None and _SIZE.fullmatch(text)]
    return HubFile(_digest(fields, use_etag), int(sizes[0]) if sizes else None)


def _digest(fields: Sequence[Field], use_etag: bool) -> Expected | str | None:
    linked = next((etag for each in fields if (etag := each("x-linked-etag")) is not None), None)
    if linked is not None:
        if match := _SHA256.fullmatch(linked):
            return Expected("sha256", match[1].lower(), "x-linked-etag")
        # The ID of a git object cannot be checked: for a large file, it is the ID of a pointer file.
        return f"x-linked-etag: {GIT if _SHA1.fullmatch(linked) else 'malformed'}"
    for field in reversed(fields) if use_etag else ():
        match = _SHA1.fullmatch(field("etag") or "") if field("x-repo-commit") is not None else None
        if match is not None:
            return Expected(GIT, match[1].lower(), "etag")
    return None


def no_field(_name: str) -> None:
    """Return None for each field: the header of an encoded body does not describe the file."""
