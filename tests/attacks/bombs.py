"""Bodies that are small when received, and large or slow when decoded."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import brotli

from httpconn.core.decoding import ZSTD

MIB = 2**20
zstd: Any = import_module(ZSTD)

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 6),
    "deflate": lambda data: zlib.compress(data, 6),
    "br": lambda data: brotli.compress(data, quality=1, lgwin=24),
    "zstd": zstd.compress,
}
# The smallest empty stream of each coding; zstd's skippable frame (RFC 8878 section 3.1.2).
EMPTY = {
    "gzip": gzip.compress(b"", mtime=0),
    "zstd": zstd.compress(b""),
    "zstd skippable": b"\x50\x2a\x4d\x18" + bytes(4),
}


@cache
def bomb(coding: str) -> bytes:
    """Return 100 MiB of zeros, encoded with at most three codings in the order of the list."""
    data = bytes(100 * MIB) if "," not in coding else bomb(coding.rpartition(", ")[0])
    return PACK[coding.rpartition(", ")[2]](data)


@cache
def dust(kind: str) -> bytes:
    """Return 1 MiB of empty streams."""
    empty = EMPTY[kind]
    return empty * (MIB // len(empty))
