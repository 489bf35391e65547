"""Remote files that programs read like local files."""

from __future__ import annotations

import io
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..core import rangeplan
from ..core.filereads import FileVersion
from ..core.rangeplan import Bounds
from ..core.urls import URL
from ..errors import InvalidRequest
from ..exchange.filereader import FileReader
from ..exchange.rules import Call
from ..runtime.forking import renew_in_child
from ..runtime.threads import CleanUp, Stopped, ThreadWorkerGroup
from .positions import Positions
from .runner import Flow, P, Runner, T

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as WriteableBuffer

    from .opening import Opening
else:
    WriteableBuffer = bytearray | memoryview

F = TypeVar("F", bound="OpenFile")


@dataclass(frozen=True)
class Opened:
    """The parts of a file object.

    Attributes:
        options: the options of ``open`` in their order, for pickling. The first is the size of a block.
    """

    runner: Runner
    call: Call
    reader: FileReader
    url: URL
    options: tuple[Any, ...]


class OpenFile:
    """A file object for one version of a remote file."""

    mode: str = "rb"
    closed: bool

    def __init__(self, opened: Opened, offset: int = 0) -> None:
        self._opened = opened
        self._positions = Positions(offset)
        self.name: str = opened.call.spec.url.redacted

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} size={self.size}>"

    @property
    def _version(self) -> FileVersion:
        return self._opened.reader.version

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return self._version.total

    @property
    def blocksize(self) -> int:
        """Size of a block in bytes."""
        return int(self._opened.options[0])

    @property
    def etag(self) -> str | None:
        """ETag of this version, or None."""
        return self._version.etag

    @property
    def last_modified(self) -> str | None:
        """Last-Modified of this version, or None."""
        return self._version.last_modified

    def _require_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")

    def _span(self, offset: int, size: int) -> tuple[int, int]:
        """Return the start and the end of ``size`` bytes at an offset."""
        self._require_open()
        if offset < 0:
            raise ValueError(f"negative offset {offset}")
        return offset, self.size if size < 0 else min(offset + size, self.size)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the connection object, the URL, the options, the version and the position, but no bytes."""
        self._require_open()
        opened = self._opened
        offset = self._positions.current().offset
        return _reopened, (type(self), opened.runner, opened.url, opened.options, self._version, offset)


class RemoteFile(OpenFile, io.BufferedIOBase):
    """A binary, read-only, seekable and buffered file on a server. ``HTTPConnection.open`` returns it.

    The file is read in blocks by Range requests (RFC 9110 section 14). Each request has the retries, redirects and
    limits of any other call. Sequential reading makes the requests larger, up to 4 MiB ahead. After 512 KiB in
    sequence, threads read ahead on other connections, with requests of 1 MiB, or of one block if a block is larger.
    Memory holds at most one such request for each connection, and a cache of 8 MiB, or of four blocks if these are
    larger.

    All parts belong to one version of the file, if the server identifies versions by ETag, Last-Modified or size.

    Threads may share the object, and read at the same time. A read after a seek of the same thread starts at the
    new position, even if other threads used the file in between. Any other read continues where the last call of any
    thread has ended, as for a local file. ``read_at`` and ``read_ranges`` do not use the position.

    Pickling the object pickles the connection object, the URL, the header fields, the version and the position. The
    copy sends no request before its first read, and has to find the same version of the file.

    Attributes:
        name: the URL, redacted.
        mode: "rb".
        size: size of the file in bytes.
        blocksize: size of a block in bytes.
        etag: ETag of this version, or None if the server sends none.
        last_modified: Last-Modified of this version, or None if the server sends none.

    Raises:
        FileChanged: the server has another version of the file than at the time of opening.
        RangesRefused: the server does not support ranges, and the file is larger than 8 MiB. A smaller file is kept in
            memory as a whole.
        ValueError: the file is closed.
        HTTPConnError: see :mod:`httpconn.errors`. The position stays unchanged.
    """

    def __init__(self, opened: Opened, offset: int = 0) -> None:
        super().__init__(opened, offset)
        self._group: ThreadWorkerGroup | None = None
        renew_in_child(self)

    def _start_worker(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> bool:
        group = self._group = self._group or ThreadWorkerGroup()
        try:
            return group.start(flow, partial(self._opened.runner._run_in, group), *args)
        except (Stopped, InvalidRequest):  # another thread has closed the file, or the system has no more threads
            return False

    def after_fork(self) -> None:
        """Forget the threads of the parent process."""
        self._group = None
        self._positions.after_fork()
        self._opened.reader.after_fork()

    def readable(self) -> bool:
        """Return True. Raise ValueError if the file is closed."""
        self._require_open()
        return True

    def seekable(self) -> bool:
        """Return True. Raise ValueError if the file is closed."""
        self._require_open()
        return True

    def tell(self) -> int:
        """Return the position of the next read."""
        self._require_open()
        return self._positions.current().offset

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position without a request, and return it. The position may be past the end."""
        self._require_open()
        return self._positions.seek(offset, whence, self.size)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, or fewer at the end. If size is None or negative, return all remaining bytes."""
        return b"".join(self._take(size))

    def read1(self, size: int = -1, /) -> bytes:
        """Return bytes up to the end of the block, with one request at most."""
        return b"".join(self._take(size, one_block=True))

    def peek(self, size: int = 0, /) -> bytes:
        """Return the bytes that ``read1`` would return, without a change of the position."""
        self._require_open()
        at = self._positions.current().offset
        return b"".join(self._read(at, self._opened.reader.blocks.block_end(at)))

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the bytes up to the next line end, but at most ``size``."""
        self._require_open()
        reader, position = self._opened.reader, self._positions.use()
        parts: list[bytes] = []
        at = position.offset
        end = self.size if size is None or size < 0 else min(at + size, self.size)
        while at < end and not (parts and parts[-1].endswith(b"\n")):
            block = b"".join(self._read(at, min(reader.blocks.block_end(at), end)))
            parts.append(block[: block.find(b"\n") + 1] or block)
            at += len(parts[-1])
        position.offset = at
        return b"".join(parts)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into a buffer and return the number of bytes. It is smaller than the buffer only at the end."""
        with memoryview(buffer).cast("B") as view:
            return copied(self._take(len(view)), view)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes at an offset, or fewer at the end, without the position.

        Args:
            offset: the offset of the first byte.
            size: the number of bytes. A negative number means all bytes up to the end.
        """
        return b"".join(self._read(*self._span(offset, size)))

    def read_ranges(self, ranges: Iterable[Bounds]) -> list[bytes]:
        """Return the bytes of several ranges, fetched in parallel, without the position.

        Exactly the bytes of the ranges are requested, and the parts of the file in memory are not requested again.
        Ranges that overlap, or have at most 512 bytes between them, share a request. Ranges of more than 4 MiB are
        divided. At most ``connections`` requests run at the same time.

        Args:
            ranges: pairs (start, end), which mean the same as in ``content[start:end]``: end is exclusive, a range
                past the end is cut off, None and negative numbers are allowed.

        Returns:
            The bytes of each range, in the order of the ranges.
        """
        self._require_open()
        return self._run(self._opened.reader.read_ranges, rangeplan.checked(ranges))

    def close(self) -> None:
        """Close the file, free its cache and stop its threads. Further reads raise ValueError."""
        super().close()
        self._opened.reader.clear()
        group, self._group = self._group, None
        if group is not None:
            CleanUp(group.end).wait()

    def _read(self, start: int, end: int) -> list[memoryview]:
        held = self._opened.reader.blocks.again(start, end)
        if held is not None:
            return [held[: end - start]]
        return self._run(self._opened.reader.read, start, end, self._start_worker)

    def _take(self, size: int | None, *, one_block: bool = False) -> list[memoryview]:
        """Return the next bytes, and advance the position."""
        self._require_open()
        reader = self._opened.reader
        with self._positions.taken(size, self.size, reader.blocks.block_end if one_block else None) as (start, end):
            return self._read(start, end)

    def _run(self, flow: Flow[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._opened.runner._run(flow, self._opened.call, *args, **kwargs)


def copied(parts: Iterable[memoryview], buffer: memoryview) -> int:
    """Copy parts into a buffer, and return the number of bytes."""
    filled = 0
    for part in parts:
        buffer[filled : filled + len(part)] = part
        filled += len(part)
    return filled


def _reopened(kind: type[F], runner: Opening, url: URL, options: Any, version: FileVersion, offset: int) -> F:
    """Return the copy of a pickled file object. It sends no request before the first read."""
    return kind(runner._opened(url, version, *options), offset)
