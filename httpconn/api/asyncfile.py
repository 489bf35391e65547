"""Remote files for asyncio and trio."""

from __future__ import annotations

import io
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Self

from ..core import rangeplan
from ..core.rangeplan import Bounds
from ..runtime.tasks import TaskWorkerGroup
from .remotefile import Opened, OpenFile, WriteableBuffer, copied
from .runner import Flow, P, T


class AsyncRemoteFile(OpenFile):
    """A :class:`RemoteFile` for asyncio and trio. ``HTTPConnection.async_open`` returns it.

    The methods do the same as those of :class:`RemoteFile`, and the same errors occur. Tasks of one event loop may
    share the object. A read continues where the last call has ended; a read after a seek of the same task starts at the
    new position, unless the task awaits something else in between. The attributes are those of :class:`RemoteFile`,
    and ``closed``.
    """

    closed: bool = False
    _group: TaskWorkerGroup | None = None

    async def tell(self) -> int:
        """Return the position of the next read."""
        self._require_open()
        return self._positions.current().offset

    async def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position without a request, and return it. The position may be past the end."""
        self._require_open()
        return self._positions.seek(offset, whence, self.size)

    async def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, or fewer at the end. If size is None or negative, return all remaining bytes."""
        return b"".join(await self._take(size))

    async def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into a buffer and return the number of bytes. It is smaller than the buffer only at the end."""
        with memoryview(buffer).cast("B") as view:
            return copied(await self._take(len(view)), view)

    async def read_at(self, offset: int, size: int) -> bytes:
        """Do the same as :meth:`RemoteFile.read_at`."""
        return b"".join(await self._read(*self._span(offset, size)))

    async def read_ranges(self, ranges: Iterable[Bounds]) -> list[bytes]:
        """Do the same as :meth:`RemoteFile.read_ranges`."""
        self._require_open()
        return await self._await(self._opened.reader.read_ranges, rangeplan.checked(ranges))

    async def aclose(self) -> None:
        """Close the file and free its cache. Further reads raise ValueError."""
        self.closed = True
        self._opened.reader.clear()

    async def _take(self, size: int | None) -> list[memoryview]:
        self._require_open()
        with self._positions.taken(size, self.size) as (start, end):
            return await self._read(start, end)

    async def _read(self, start: int, end: int) -> list[memoryview]:
        held = self._opened.reader.blocks.again(start, end)
        if held is not None:
            return [held[: end - start]]
        return await self._await(self._opened.reader.read, start, end, self._start_worker)

    def _start_worker(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> bool:
        return self._group is not None and self._group.start(flow, self._opened.runner._await, *args)

    async def _await(self, flow: Flow[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._opened.runner._await(flow, self._opened.call, *args, **kwargs)

    async def __aenter__(self) -> Self:
        self._require_open()
        self._group = TaskWorkerGroup()
        await self._group.enter()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()
        group, self._group = self._group, None
        if group is not None:
            await group.leave()


class AsyncOpening:
    """A file that is being opened: ``await`` it, or use it in an ``async with`` block."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._file: AsyncRemoteFile | None = None

    def __await__(self) -> Generator[Any, Any, AsyncRemoteFile]:
        return self._open().__await__()

    async def _open(self) -> AsyncRemoteFile:
        opened = self._opened
        await opened.runner._await(opened.reader.open, opened.call)
        return AsyncRemoteFile(opened)

    async def __aenter__(self) -> AsyncRemoteFile:
        self._file = await self._open()
        return await self._file.__aenter__()

    async def __aexit__(self, *exc_info: object) -> None:
        if self._file is not None:
            await self._file.__aexit__(*exc_info)
