"""Cache: where answers are kept between calls."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .access import AccessPolicy
from .core.caching import Store
from .core.memory import MemoryStore
from .disk.answers import FolderStore
from .errors import InvalidRequest
from .options import MIB, check_fields


@dataclass(frozen=True, slots=True)
class Cache:
    """Keeps what ``get_bytes``, ``get_text``, ``get_json`` and ``get_many`` fetch, as a private cache does (RFC 9111).

    An answer that says how long it is fresh is given for so long without a request; after that, and where it says
    nothing, the server is asked whether it is still right, by its ETag or Last-Modified. Where a server fails,
    ``stale-if-error`` is obeyed (RFC 5861 section 4).

    Calls share an answer if they ask for the same URL with the same header. Not kept are answers that the server
    forbids to keep, that set a cookie, that came by a redirect, or whose end only the closing of the connection marks;
    nor those to a request that an event hook changed, or that has a Range or a condition of its own.

    Attributes:
        folder: where answers outlive the program, and processes share them, in files that only their owner can read.
            None keeps them in memory, as long as the connection object.
        max_bytes: bytes of all answers together; one has at most an eighth of them. What was not used for the longest
            time goes first.
    """

    folder: str | os.PathLike[str] | None = None
    max_bytes: int = 256 * MIB

    def __post_init__(self) -> None:
        check_fields(self)
        if self.folder is not None and not isinstance(self.folder, str | os.PathLike):
            raise InvalidRequest(f"Cache.folder must be a path, not {type(self.folder).__name__}")


def store_of(cache: Cache | None, access: AccessPolicy) -> Store | None:
    """The store of one connection object.

    Raises:
        InvalidRequest: a folder may hold what the access policy forbids.
    """
    if cache is None:
        return None
    if cache.folder is None:
        return MemoryStore(cache.max_bytes)
    if access.judges_addresses:
        # Which address an answer came from is forgotten; another connection object may have been allowed more.
        raise InvalidRequest("Where an access policy judges addresses, a Cache is in memory: give it no folder")
    return FolderStore(Path(cache.folder), cache.max_bytes)
