"""Digests of files, from the caller and from response headers."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from ..errors import IntegrityError, InvalidRequest, install, printable
from .regexes import regex

# The bytes of each digest, the strongest algorithm first. blake3 needs an extra.
SIZES = {"sha512": 64, "blake2b": 64, "sha384": 48, "blake3": 32, "sha256": 32, "sha1": 20, "md5": 16}

GIT = "git-sha1"  # SHA-1 of a git blob object: its type and size before the content

# RFC 9530 section 5: the algorithm names of Repr-Digest.
_REPR_NAMES = {"sha-512": "sha512", "sha-256": "sha256", "sha": "sha1", "md5": "md5"}
_REPR_MEMBER = regex(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):(?:;.*)?")
_AMZ = {f"x-amz-checksum-{name}": name for name in ("sha256", "sha1", "crc64nvme", "crc32c", "crc32")}


class Expected(NamedTuple):
    """The expected digest of a file."""

    algorithm: str  # one of ``SIZES``
    value: str  # the digest in hexadecimal digits, in lower case
    source: str  # the source of the digest: "caller", or the name of a header field

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


class Announced(NamedTuple):
    """The digests in the header of a response."""

    expected: Expected | None  # the strongest digest that can be checked, or None
    # ``field: algorithm`` of each digest that cannot be checked, because it is malformed or composite, or because its
    # algorithm is unknown.
    unchecked: tuple[str, ...]


class Hash(Protocol):
    """A hash object, as in :mod:`hashlib`."""

    def update(self, data: bytes | memoryview, /) -> object: ...
    def hexdigest(self) -> str: ...


def parse(text: str) -> Expected:
    """Parse a caller's ``algorithm:hex``, such as ``sha256:9f86d0...``."""
    if not isinstance(text, str):
        raise InvalidRequest(f"A digest must be a str, not {type(text).__name__}")
    name, _, value = text.partition(":")
    algorithm = name.strip().lower().replace("-", "")
    value = value.strip().lower()
    if algorithm not in SIZES:
        known = ", ".join(SIZES)
        raise InvalidRequest(f"A digest must be 'algorithm:hex' with one of the algorithms {known}, not {name[:30]!a}")
    if not re.fullmatch(r"[0-9a-f]*", value) or len(value) != 2 * SIZES[algorithm]:
        raise InvalidRequest(f"A {algorithm} digest has {2 * SIZES[algorithm]} hexadecimal digits")
    if algorithm == "blake3" and find_spec("blake3") is None:
        error = InvalidRequest("A blake3 digest needs the blake3 package: pip install 'httpconn[blake3]'")
        raise error.advise(install("blake3"))
    return Expected(algorithm, value, "caller")


def hasher(algorithm: str, size: int = 0) -> Hash:
    """Return a new hash object for an algorithm of :class:`Expected`; git hashes the size of the content first."""
    if algorithm == GIT:
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    if algorithm == "blake3":
        made: Hash = import_module("blake3").blake3()
        return made
    return hashlib.new(algorithm, usedforsecurity=False)


def require(expected: Expected, actual: Hash) -> None:
    if actual.hexdigest() != expected.value:
        found = f"{expected.algorithm}:{actual.hexdigest()}"
        message = f"The content has the digest {found}, not {expected}"
        raise IntegrityError(message, expected=str(expected), actual=found)


NAMES = frozenset({b"repr-digest", b"x-goog-hash", b"content-md5", *(name.encode("ascii") for name in _AMZ)})
"""The header fields that :func:`announced` reads."""


def announced(field: Callable[[str], str | None], *, partial: bool, linked: Expected | str | None = None) -> Announced:
    """Return the digests of the whole file in the header of a response without a content coding."""
    # In a 206 (``partial``), digests of the range body are ignored. A SHA-256 from a hub (``linked``) takes precedence,
    # because the store that the hub redirects to could announce the digest of another file.
    found = list(_repr_digest(field))
    found += _google(field)
    if not partial:
        found += _whole_only(field)
    found += [] if linked is None else [linked]
    good = [each for each in found if isinstance(each, Expected)]
    if isinstance(linked, Expected) and linked.algorithm != GIT:
        good = [linked]
    order = [*SIZES, GIT]
    best = min(good, key=lambda each: order.index(each.algorithm), default=None)
    return Announced(best, tuple(each for each in found if isinstance(each, str)))


def _repr_digest(field: Callable[[str], str | None]) -> Iterator[Expected | str]:
    """Read Repr-Digest (RFC 9530). It describes the whole representation, also in a 206 response."""
    for member in _members(field("repr-digest")):
        match = _REPR_MEMBER.fullmatch(member)
        if match is None:
            yield "repr-digest: malformed"
        else:
            yield _expected(_REPR_NAMES.get(match[1], match[1]), match[2], "repr-digest")


def _google(field: Callable[[str], str | None]) -> Iterator[Expected | str]:
    """Read x-goog-hash. It describes the stored object, so it does not apply if the service decompressed the object."""
    if field("x-goog-stored-content-encoding") not in (None, "identity"):
        return
    for member in _members(field("x-goog-hash")):
        name, _, value = member.partition("=")
        yield _expected(name, value, "x-goog-hash")


def _whole_only(field: Callable[[str], str | None]) -> Iterator[Expected | str]:
    """Read the fields that describe a body, not the whole file."""
    # Content-MD5 in a 206 is the digest of the part (RFC 2616 section 14.15). The digest of a multipart upload is a
    # digest of digests, which cannot be checked.
    md5 = field("content-md5")
    if md5 is not None:
        yield _expected("md5", md5, "content-md5")
    composite = (field("x-amz-checksum-type") or "").upper() == "COMPOSITE"
    for name, algorithm in _AMZ.items():
        value = field(name)
        if value is not None:
            yield f"{name}: composite" if composite or "-" in value else _expected(algorithm, value, name)


def _members(value: str | None) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()] if value else []


def _expected(algorithm: str, encoded: str, source: str) -> Expected | str:
    if algorithm not in SIZES or algorithm == "blake3":
        return f"{source}: {printable(algorithm, 20)}"
    try:
        value = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        value = b""
    return Expected(algorithm, value.hex(), source) if len(value) == SIZES[algorithm] else f"{source}: malformed"
