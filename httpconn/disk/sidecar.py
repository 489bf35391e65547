"""The sidecar of a partial file: a small JSON file that names it and says which of its bytes are on disk."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from .system import read_file, replace

FORMAT = 1
MAX_BYTES = 1024 * 1024  # size in bytes above which a sidecar is ignored

_TOKEN = re.compile(r"[0-9a-f]{16}")

Part = tuple[int, int, int]  # a part of the file as (start, end, bytes on disk from its start on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """The state of a download. It contains no secrets."""

    url: str
    key: str = ""  # ID of the resource; see :func:`httpconn.core.identity.resource_key`
    digest: str | None = None
    validator: str | None = None
    total: int | None = None
    committed: int = 0  # bytes on disk from the beginning of the file on
    # The parts behind the committed bytes, in order; empty for a file that only grows at its end.
    parts: tuple[Part, ...] = ()
    media_type: str | None = None  # media type of the first response, or None

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The ranges of the file that are on disk, as (start, end)."""
        return ((0, self.committed), *((start, start + count) for start, _, count in self.parts))

    @property
    def end(self) -> int:
        """The end of the last range that is on disk."""
        return max(end for _, end in self.ranges)

    @property
    def received(self) -> int:
        """The number of bytes on disk."""
        return sum(end - start for start, end in self.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarRecord:
    """The content of a sidecar file."""

    token: str
    kernel: str  # ID of the kernel whose process last wrote to the partial file
    sidecar: Sidecar
    # Record of another partial file, which is kept until one of the two is complete, or None.
    kept: SidecarRecord | None = None

    @property
    def tokens(self) -> frozenset[str]:
        """The tokens of all partial files that the sidecar names."""
        return frozenset({self.token} if self.kept is None else {self.token, self.kept.token})


def encode(record: SidecarRecord) -> bytes:
    return json.dumps({"format": FORMAT, **asdict(record)}).encode("ascii")


def decode(text: bytes) -> SidecarRecord | None:
    """Return the record in a JSON text, or None for a text that :func:`encode` does not produce."""
    try:
        fields = json.loads(text)
        require(fields.pop("format") == FORMAT)
        return _record(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _record(*, token: Any, kernel: Any, sidecar: Any, kept: Any = None) -> SidecarRecord:
    require(isinstance(token, str) and isinstance(kernel, str))
    require(_TOKEN.fullmatch(token) is not None)
    other = None if kept is None else _record(**{**kept, "kept": None})
    require(other is None or other.token != token)
    return SidecarRecord(token=token, kernel=kernel, sidecar=_sidecar(**sidecar), kept=other)


def _sidecar(*, parts: Any, **fields: Any) -> Sidecar:
    found = Sidecar(**fields, parts=tuple(map(_part, parts)))
    require(isinstance(found.url, str) and isinstance(found.key, str))
    texts = found.digest, found.validator, found.media_type
    require(all(each is None or isinstance(each, str) for each in texts))
    require(_is_size(found.committed) and (found.total is None or _is_size(found.total)))
    ranges = [(0, found.committed), *((start, end) for start, end, _ in found.parts)]
    require(all(one[1] <= other[0] for one, other in pairwise(ranges)))
    require(found.total is None or ranges[-1][1] <= found.total)
    return found


def _part(data: Any) -> Part:
    start, end, count = data
    require(_is_size(start) and _is_size(end) and _is_size(count) and start + count <= end)
    return start, end, count


def require(condition: bool) -> None:
    """Raise ValueError if a condition of the file format is not met."""
    if not condition:
        raise ValueError


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def load(path: str) -> SidecarRecord | None:
    """Read a sidecar; None if there is no valid one. Links and files of other users are ignored."""
    try:
        text = read_file(path, MAX_BYTES + 1, trusted=True)
    except OSError:
        return None
    return decode(text) if len(text) <= MAX_BYTES else None


def save(path: str, draft: str, record: SidecarRecord) -> None:
    """Replace a sidecar atomically through a ``draft`` in its folder, after the new content is flushed."""
    replace(path, draft, encode(record), durable=True)
