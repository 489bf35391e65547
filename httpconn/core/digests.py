"""Digests: what can prove that a file is the right one."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from ..errors import InvalidRequest

# Bytes of a digest, the strongest first; blake3 is an extra.
SIZES = {"sha512": 64, "sha384": 48, "blake3": 32, "sha256": 32, "sha1": 20, "md5": 16}

# RFC 9530 section 5, where the library's own names differ.
_REPR_NAMES = {"sha-512": "sha512", "sha-256": "sha256", "sha": "sha1", "md5": "md5"}
_REPR_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):(?:;.*)?")
_AMZ = {f"x-amz-checksum-{name}": name for name in ("sha256", "sha1", "crc64nvme", "crc32c", "crc32")}


class Expected(NamedTuple):
    """A digest that a file should have.

    Attributes:
        algorithm: one of ``SIZES``.
        value: hexadecimal, lower case.
        source: who said so: "caller", or the name of a header field.
    """

    algorithm: str
    value: str
    source: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


class Announced(NamedTuple):
    """What an answer says of its file's digest.

    Attributes:
        expected: the strongest that can be checked.
        unchecked: ``field: algorithm`` of each that cannot: malformed, composite, or of an unknown algorithm.
    """

    expected: Expected | None
    unchecked: tuple[str, ...]


class Hash(Protocol):
    """A digest in the making."""

    def update(self, data: bytes | memoryview, /) -> object:
        """Take in so many bytes more."""

    def hexdigest(self) -> str:
        """Of what came so far."""


def parse(text: str) -> Expected:
    """The caller's ``algorithm:hex``, such as ``sha256:9f86d0...``.

    Raises:
        InvalidRequest: it is none, or its algorithm is unknown or not installed.
    """
    if not isinstance(text, str):
        raise InvalidRequest(f"A digest must be a str, not {type(text).__name__}")
    name, _, value = text.partition(":")
    algorithm = name.strip().lower().replace("-", "")
    value = value.strip().lower()
    if algorithm not in SIZES:
        raise InvalidRequest(f"A digest is given as 'algorithm:hex', the algorithm one of {', '.join(SIZES)}")
    if not re.fullmatch(r"[0-9a-f]*", value) or len(value) != 2 * SIZES[algorithm]:
        raise InvalidRequest(f"A {algorithm} digest has {2 * SIZES[algorithm]} hexadecimal digits")
    if algorithm == "blake3" and find_spec("blake3") is None:
        raise InvalidRequest("A blake3 digest needs the blake3 package: pip install 'httpconn[blake3]'")
    return Expected(algorithm, value, "caller")


def hasher(algorithm: str) -> Hash:
    """A new hash of an algorithm that :func:`parse` or :func:`announced` named."""
    if algorithm == "blake3":
        made: Hash = import_module("blake3").blake3()
        return made
    return hashlib.new(algorithm, usedforsecurity=False)


def announced(field: Callable[[str], str | None], *, partial: bool) -> Announced:
    """The digests of the whole file among the fields of an answer that has no content coding.

    Args:
        field: looks up a header field by its lower-case name.
        partial: the answer is a 206; then only those count which cover the whole nevertheless.
    """
    found = list(_repr_digest(field))
    found += _google(field)
    if not partial:
        found += _whole_only(field)
    good = [each for each in found if isinstance(each, Expected)]
    order = list(SIZES)
    best = min(good, key=lambda each: order.index(each.algorithm), default=None)
    return Announced(best, tuple(each for each in found if isinstance(each, str)))


def _repr_digest(field: Callable[[str], str | None]) -> Iterator[Expected | str]:
    """RFC 9530: of the representation whole, whatever part of it an answer carries."""
    for member in _members(field("repr-digest")):
        match = _REPR_MEMBER.fullmatch(member)
        if match is None:
            yield "repr-digest: malformed"
        else:
            yield _expected(_REPR_NAMES.get(match[1], match[1]), match[2], "repr-digest")


def _google(field: Callable[[str], str | None]) -> Iterator[Expected | str]:
    """Of the object as it is stored, which is not what comes where the service unpacked it on the way."""
    if field("x-goog-stored-content-encoding") not in (None, "identity"):
        return
    for member in _members(field("x-goog-hash")):
        name, _, value = member.partition("=")
        yield _expected(name, value, "x-goog-hash")


def _whole_only(field: Callable[[str], str | None]) -> Iterator[Expected | str]:
    """Content-MD5 of a part is the part's (RFC 2616 section 14.15); an upload in parts has a digest of digests."""
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
        return f"{source}: {algorithm[:20]}"
    try:
        value = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        value = b""
    return Expected(algorithm, value.hex(), source) if len(value) == SIZES[algorithm] else f"{source}: malformed"
