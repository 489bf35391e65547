"""Cache: where responses are stored between calls."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .access import AccessPolicy
from .core.caching import Store
from .core.memorystore import MemoryStore
from .disk.responsestore import FolderStore
from .errors import InvalidRequest
from .options import MIB, check_fields


@dataclass(frozen=True, slots=True)
class Cache:
    """A private cache (RFC 9111) for ``get_bytes``, ``get_text``, ``get_json`` and ``get_many``.

    A response is used without a request while it is fresh: by its ``max-age`` or ``Expires``, or for a tenth of the
    time since its ``Last-Modified``, at most a day. After that the server is asked whether it is still valid, by its
    ETag or Last-Modified. If the server fails, ``stale-if-error`` is obeyed (RFC 5861 section 4). Redirects and errors
    are stored for their lifetime; an error that can pass, such as 503, for at most a minute.

    Calls share a response if they ask for the same URL with the same header. Not stored are responses that the server
    forbids to store, that set a cookie, or that have no length and end with the connection. Not stored either are
    responses to a request that an event hook changed, or that has a Range or a condition of its own.

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
