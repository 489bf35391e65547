"""The digest and the size of a file in the header fields of a hub, such as that of Hugging Face."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from .digests import GIT, Expected
from .messages import Head
from .regexes import regex

_SHA256 = regex(r'(?:W/)?"?([0-9a-f]{64})"?', re.IGNORECASE)
_SHA1 = regex(r'(?:W/)?"?([0-9a-f]{40})"?', re.IGNORECASE)
_SIZE = regex(r"\d{1,18}", re.ASCII)

_NAMES = frozenset({b"x-linked-etag", b"x-linked-size", b"x-repo-commit"})


class HubFile(NamedTuple):
    """The digest and size that a hub declares for a file."""

    digest: Expected | str | None = None  # its digest; a str if it cannot be checked; None if it is unknown
    size: int | None = None  # its size in bytes, or None


_UNKNOWN = HubFile()


def hub_file(heads: Sequence[Head], *, use_etag: bool) -> HubFile:
    """Return the digest and size of a file. ``heads`` are the heads of a redirect chain."""
    # A hub redirects a large file to its store, and adds X-Linked-Etag, the SHA-256 of the file, and X-Linked-Size. The
    # ETag of a small file is the ID of its git object, unless the body is encoded (``use_etag=False``). Only an
    # X-Repo-Commit in the same response proves that the ETag is this ID.
    for head in heads:
        if not _NAMES.isdisjoint(head.values):
            break
    else:  # as for most files
        return _UNKNOWN
    sizes = [text for each in heads if (text := each.field("x-linked-size")) is not None and _SIZE.fullmatch(text)]
    return HubFile(_digest(heads, use_etag), int(sizes[0]) if sizes else None)


def _digest(heads: Sequence[Head], use_etag: bool) -> Expected | str | None:
    linked = next((etag for each in heads if (etag := each.field("x-linked-etag")) is not None), None)
    if linked is not None:
        if match := _SHA256.fullmatch(linked):
            return Expected("sha256", match[1].lower(), "x-linked-etag")
        # The ID of a git object cannot be checked: for a large file, it is the ID of a pointer file.
        return f"x-linked-etag: {GIT if _SHA1.fullmatch(linked) else 'malformed'}"
    for head in reversed(heads) if use_etag else ():
        match = _SHA1.fullmatch(head.field("etag") or "") if head.field("x-repo-commit") is not None else None
        if match is not None:
            return Expected(GIT, match[1].lower(), "etag")
    return None


def no_field(_name: str) -> None:
    """Return None for each field: the header of an encoded body does not describe the file."""
