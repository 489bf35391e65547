"""Remote files that programs read like local files."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..core.blockcache import BlockCache
from ..core.filereads import FileVersion, PartRequest
from ..exchange.rangerequests import FilePart

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Fetch = Callable[[PartRequest], FilePart]

BLOCK_SIZE = 256 * 1024
"""Default size of a block in bytes."""

CACHE_SIZE = 8 * 1024 * 1024
"""Size of the block cache of a file in bytes. The cache holds at least four blocks."""


class RemoteFile(io.BufferedIOBase):
    """A binary, read-only, seekable and buffered file on a server. ``HTTPConnection.open`` returns it.

    The file is read in blocks by Range requests (RFC 9110 section 14). Each request has the retries, redirects and
    limits of any other call. Sequential reading makes the requests larger, up to 4 MiB ahead. A cache of 8 MiB, but at
    least four blocks, holds the blocks that were read.

    All parts belong to one version of the file, if the server identifies versions by ETag, Last-Modified or size.
    Threads may share the object: each call is atomic.

    Attributes:
        name: the URL, redacted.
        mode: "rb".
        size: size of the file in bytes.
        etag: ETag of this version, or None if the server sends none.
        last_modified: Last-Modified of this version, or None if the server sends none.

    Raises:
        FileChanged: the server has another version of the file than at the time of opening.
        RangesRefused: the server does not support ranges, and the file is larger than 8 MiB. A smaller file is kept in
            memory as a whole.
        ValueError: the file is closed.
        HTTPConnError: see :mod:`httpconn.errors`. The position stays unchanged.
    """

    mode: str = "rb"

    def __init__(self, fetch: Fetch, name: str, block_size: int) -> None:
        self._lock = threading.RLock()  # reentrant: garbage collection may call close during a read
        self._fetch = fetch
        self._position = 0
        self.name: str = name
        version, content = fetch(PartRequest(0, block_size - 1))
        self._version: FileVersion = version
        # If the server sent the whole file, the file is one block.
        size = block_size if len(content) < version.total else max(len(content), 1)
        self._blocks = BlockCache(version.total, size, max(CACHE_SIZE // size, 4))
        self._blocks.keep(0, content)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} size={self.size}>"

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return self._version.total

    @property
    def etag(self) -> str | None:
        """ETag of this version, or None."""
        return self._version.etag

    @property
    def last_modified(self) -> str | None:
        """Last-Modified of this version, or None."""
        return self._version.last_modified

    def readable(self) -> bool:
        """Return True. Raise ValueError if the file is closed."""
        self._checkClosed()
        return True

    def seekable(self) -> bool:
        """Return True. Raise ValueError if the file is closed."""
        self._checkClosed()
        return True

    def tell(self) -> int:
        """Return the position of the next read."""
        self._checkClosed()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position without a request, and return it. The position may be past the end."""
        with self._lock:
            self._checkClosed()
            origins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}
            if whence not in origins:
                raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
            position = origins[whence] + offset
            if position < 0:
                raise ValueError(f"negative seek position {position}")
            self._position = position
            return position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, or fewer at the end. If size is None or negative, return all remaining bytes."""
        with self._lock:
            self._checkClosed()
            return self._advance(b"".join(self._chunks(self._end(size))))

    def read1(self, size: int = -1, /) -> bytes:
        """Return bytes up to the end of the block, with one request at most."""
        with self._lock:
            self._checkClosed()
            return self._advance(bytes(next(self._chunks(self._end(size)), b"")))

    def peek(self, size: int = 0, /) -> bytes:
        """Return the bytes that ``read1`` would return, without a change of the position."""
        with self._lock:
            self._checkClosed()
            return bytes(next(self._chunks(self.size), b""))

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into a buffer and return the number of bytes. It is smaller than the buffer only at the end."""
        with self._lock, memoryview(buffer).cast("B") as view:
            self._checkClosed()
            filled = 0
            for chunk in self._chunks(self._end(len(view))):
                view[filled : filled + len(chunk)] = chunk
                filled += len(chunk)
            self._position += filled
            return filled

    def close(self) -> None:
        """Close the file and free its cache. Further reads raise ValueError."""
        with self._lock:
            super().close()
            self._blocks = BlockCache(0, 1, 2)

    def _end(self, size: int | None) -> int:
        return self.size if size is None or size < 0 else min(self._position + size, self.size)

    def _advance(self, content: bytes) -> bytes:
        self._position += len(content)
        return content

    def _chunks(self, end: int) -> Iterator[memoryview]:
        """Yield the bytes from the position to ``end`` as cached chunks. Request missing blocks."""
        at = self._position
        while at < end:
            chunk = self._blocks.at(at)
            if chunk is None:
                self._load(*self._blocks.missing(at, end))
            else:
                yield chunk[: end - at]
                at += len(chunk)

    def _load(self, first: int, last: int) -> None:
        self._blocks.keep(first, self._fetch(PartRequest(first, last, self._version)).content)
