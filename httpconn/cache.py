"""Cache: where responses are stored between calls."""

import os
from dataclasses import dataclass
from pathlib import Path

from .access import AccessPolicy
from .core.caching import Store
from .core.memorystore import MemoryStore
from .errors import InvalidRequest
from .options import MIB, check_fields


@dataclass(frozen=True, slots=True)
class Cache:
    """A private cache (RFC 9111) for ``get_bytes``, ``get_text``, ``get_json`` and ``get_many``.

    A fresh response is used without a request. It is fresh for its ``max-age``, until its ``Expires``, or for a tenth
    of the time since its ``Last-Modified``, at most 24 hours. After that, httpconn asks the server whether the response
    is still valid, by its ETag or Last-Modified. If the server fails, httpconn obeys ``stale-if-error`` (RFC 5861
    section 4). Redirects and errors are stored for their lifetime. A transient error, such as 503, is stored for at
    most a minute.

    Calls share a response if they request the same URL with the same header. The cache does not store

    - responses that the server does not allow to be stored, or that set a cookie;
    - responses without a length that end with the connection;
    - responses to a request that an event hook changed, or that has a Range or a condition of its own.

    Attributes:
        folder: the folder for responses, in files that only their owner can read. They outlive the program, and
            several processes can share them. None keeps responses in memory, in the connection object.
        max_bytes: bytes of all responses together (default 256 MiB). One response has at most an eighth of them. The
            least recently used responses are removed first.
    """

    folder: str | os.PathLike[str] | None = None
    max_bytes: int = 256 * MIB

    def __post_init__(self) -> None:
        check_fields(self)
        if self.folder is not None and not isinstance(self.folder, str | os.PathLike):
            raise InvalidRequest(f"Cache.folder must be a path, not {type(self.folder).__name__}")


def store_of(cache: Cache, access: AccessPolicy) -> Store:
    """Return the store of one connection object."""
    if cache.folder is None:
        return MemoryStore(cache.max_bytes)
    if access.judges_addresses:
        # A stored response does not record its server's address. Another connection object may allow more addresses.
        raise InvalidRequest("An access policy that checks addresses needs a Cache in memory: set no folder")
    from .disk.responsestore import FolderStore

    return FolderStore(Path(cache.folder), cache.max_bytes)
