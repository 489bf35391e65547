"""Remote files, read in parts as if they were local."""

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
"""Bytes of a block, unless something else is said."""

HELD = 8 * 1024 * 1024
"""Bytes that a file holds in memory, unless four of its blocks have more."""


class RemoteFile(io.BufferedIOBase):
    """A file on a server: binary, read-only, seekable, buffered; what ``HTTPConnection.open`` returns.

    It is read in blocks, by Range requests (RFC 9110 section 14), each with the retries, redirects and limits of any
    other call. Who reads on gets more with each request, up to 4 MiB ahead; up to 8 MiB, or four blocks if these are
    more, are held in memory. All parts are of one version of the file, where the server names versions at all: by ETag,
    Last-Modified or size. Threads may share it, as they may share any file: each call is whole.

    Attributes:
        name: the URL, without its secrets.
        mode: "rb".
        size: bytes of the file.
        etag: of this version, or None where the server gives none.
        last_modified: of this version, or None.

    Raises:
        FileChanged: the server has another version than the one that was opened.
        RangesRefused: the server gives no parts; a file of up to 8 MiB is then held as a whole.
        ValueError: it is closed.
        HTTPConnError: see :mod:`httpconn.errors`. The position stays where it was.
    """

    mode = "rb"

    def __init__(self, fetch: Fetch, name: str, block_size: int) -> None:
        self._lock = threading.RLock()  # a garbage collection may close the file where it is being read
        self._fetch = fetch
        self._position = 0
        self.name = name
        version, content = fetch(PartRequest(0, block_size - 1))
        self._version: FileVersion = version
        # What came as a whole is one block.
        size = block_size if len(content) < version.total else max(len(content), 1)
        self._blocks = BlockCache(version.total, size, max(HELD // size, 4))
        self._blocks.keep(0, content)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} size={self.size}>"

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._version.total

    @property
    def etag(self) -> str | None:
        """The ETag of this version."""
        return self._version.etag

    @property
    def last_modified(self) -> str | None:
        """The Last-Modified of this version."""
        return self._version.last_modified

    def readable(self) -> bool:
        """True; raises ValueError once it is closed."""
        self._checkClosed()
        return True

    def seekable(self) -> bool:
        """True; raises ValueError once it is closed."""
        self._checkClosed()
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        self._checkClosed()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move on or back, also past the end, and return the new position. Nothing is asked of the server."""
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
        """So many bytes, or fewer at the end; all that is left where the size is None or negative."""
        with self._lock:
            self._checkClosed()
            return self._moved(b"".join(self._pieces(self._end(size))))

    def read1(self, size: int = -1, /) -> bytes:
        """What one request brings at the most: up to the end of a block."""
        with self._lock:
            self._checkClosed()
            return self._moved(bytes(next(self._pieces(self._end(size)), b"")))

    def peek(self, size: int = 0, /) -> bytes:
        """What ``read1`` would give, while the position stays."""
        with self._lock:
            self._checkClosed()
            return bytes(next(self._pieces(self.size), b""))

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer, but for what lies behind the end: the number of bytes."""
        with self._lock, memoryview(buffer).cast("B") as room:
            self._checkClosed()
            filled = 0
            for piece in self._pieces(self._end(len(room))):
                room[filled : filled + len(piece)] = piece
                filled += len(piece)
            self._position += filled
            return filled

    def close(self) -> None:
        """Let go of what is held; reading then raises ValueError."""
        with self._lock:
            super().close()
            self._blocks = BlockCache(0, 1, 2)

    def _end(self, size: int | None) -> int:
        return self.size if size is None or size < 0 else min(self._position + size, self.size)

    def _moved(self, content: bytes) -> bytes:
        self._position += len(content)
        return content

    def _pieces(self, end: int) -> Iterator[memoryview]:
        """The bytes from the position to the end, as they are held; what is not is asked for."""
        at = self._position
        while at < end:
            piece = self._blocks.at(at)
            if piece is None:
                self._load(*self._blocks.missing(at, end))
            else:
                yield piece[: end - at]
                at += len(piece)

    def _load(self, first: int, last: int) -> None:
        self._blocks.keep(first, self._fetch(PartRequest(first, last, self._version)).content)
