"""The common part of remote files for synchronous and asynchronous code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.filereads import FileVersion
from ..core.urls import URL
from ..exchange.filereader import FileReader
from ..exchange.rules import Call
from .positions import Positions
from .runner import Runner

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
