"""The sidecar: what is known of a partial file, in a small file of its own that is always replaced as a whole."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from .system import read_ours, replace

FORMAT = 1
MOST_BYTES = 1024 * 1024
"""What is read of a sidecar."""

_TOKEN = re.compile(r"[0-9a-f]{16}")

Part = tuple[int, int, int]
"""Of a file that is fetched in parts: where one starts and ends, and how many bytes from its start are on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """How far a download has come. It holds no secrets.

    Attributes:
        url: where the bytes are from, redacted: for people.
        key: names the resource that they are of; see :func:`httpconn.core.identity.resource_key`.
        digest: what the caller expects the file to have, as ``algorithm:hex``, or None.
        validator: names the version that they are of, strongly; None where nothing does.
        total: bytes of the whole file, or None where nobody said.
        committed: bytes from the file's beginning on that are on disk.
        parts: those behind them, in the order of the file; empty for a file that grows at its end.
    """

    url: str
    key: str = ""
    digest: str | None = None
    validator: str | None = None
    total: int | None = None
    committed: int = 0
    parts: tuple[Part, ...] = ()

    @property
    def proven(self) -> tuple[tuple[int, int], ...]:
        """The ranges of the file that are on disk, as (start, end)."""
        return ((0, self.committed), *((start, start + count) for start, _, count in self.parts))

    @property
    def extent(self) -> int:
        """Where the last of the proven bytes ends."""
        return max(end for _, end in self.proven)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the sidecar's file holds.

    Attributes:
        token: names the partial file that it speaks of, and no other.
        kernel: names the machine whose process last wrote on that file.
    """

    token: str
    kernel: str
    sidecar: Sidecar


def encode(record: Record) -> bytes:
    """As JSON."""
    return json.dumps({"format": FORMAT, **asdict(record)}).encode("ascii")


def decode(text: bytes) -> Record | None:
    """None for all that :func:`encode` does not write."""
    try:
        return _record(**json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _record(*, format: int, token: Any, kernel: Any, sidecar: Any) -> Record:
    require(format == FORMAT and isinstance(token, str) and isinstance(kernel, str))
    require(_TOKEN.fullmatch(token) is not None)
    return Record(token=token, kernel=kernel, sidecar=_sidecar(**sidecar))


def _sidecar(*, parts: Any, **fields: Any) -> Sidecar:
    found = Sidecar(**fields, parts=tuple(map(_part, parts)))
    require(isinstance(found.url, str) and isinstance(found.key, str))
    require(all(each is None or isinstance(each, str) for each in (found.digest, found.validator)))
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
    """ValueError for what a file of ours cannot hold."""
    if not condition:
        raise ValueError


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def load(path: str) -> Record | None:
    """What stands at the path, if it is a plain file of our own; no link is followed."""
    try:
        text = read_ours(path, MOST_BYTES + 1)
    except OSError:
        return None
    return decode(text) if len(text) <= MOST_BYTES else None


def save(path: str, draft: str, record: Record) -> None:
    """Replace what stands at the path, once the new text is on disk.

    Args:
        path: of the sidecar.
        draft: a name of the caller's own in the same folder, to write at first.
        record: what to write.
    """
    replace(path, draft, encode(record), durable=True)
