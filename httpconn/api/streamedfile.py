"""Files that can be read once, from start to end, because their server does not support ranges."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Self

from ..core.bodycounter import declared_length
from ..core.urls import redact
from ..errors import FileChanged
from ..response import Response
from .arguments import Headers
from .remotefile import WriteableBuffer
from .requesting import Requesting

SKIPPED = 1024 * 1024  # bytes that a seek reads at once

Version = tuple[str | None, str | None, int | None]


class StreamedFile(io.BufferedReader):
    """The body of a response as a file, which can be read once from start to end.

    Pickling the object pickles the connection object, the URL, the header fields, the version and the position. The
    copy requests the file again, and reads the bytes before the position.

    Attributes:
        size: size of the file in bytes, or None if the server does not send it.

    Raises:
        FileChanged: the server has another version of the file than at the time of pickling.
    """

    def __init__(
        self, connection: Requesting, url: str, headers: Headers, offset: int = 0, version: Version | None = None
    ) -> None:
        response = connection.get_response(url, stream=True, extra_headers=headers)
        super().__init__(_Body(response))
        self._request = connection, url, headers
        try:
            self._version = version_of(response.raise_for_status())
            if version not in (None, self._version):
                raise FileChanged("The file has changed since it was opened")
            self.seek(offset)
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int | None:
        """Size of the file in bytes, or None."""
        return self._version[2]

    def seek(self, target: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position by reading the bytes before it, and return it.

        Raises:
            io.UnsupportedOperation: the position is before the current one.
        """
        target += {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self.size or 0}[whence]
        if target < self.tell() or (whence == io.SEEK_END and self.size is None):
            raise io.UnsupportedOperation("The server does not support ranges: the file can be read only once")
        while self.tell() < target and self.read(min(target - self.tell(), SKIPPED)):
            pass
        return self.tell()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self._request, self.tell(), self._version)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return self.__reduce__()


class _Body(io.RawIOBase):
    """The body of a response as a file without a buffer."""

    mode = "rb"

    def __init__(self, response: Response) -> None:
        self._response = response
        self._blocks: Iterator[bytes] = response.iter_bytes()
        self._rest = memoryview(b"")
        self._read = 0
        self.name = redact(response.url)

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._read

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while not self._rest and (block := next(self._blocks, None)) is not None:
            self._rest = memoryview(block)
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        self._read += count
        return count

    def close(self) -> None:
        super().close()
        self._response.close()


class AsyncStreamedFile:
    """A :class:`StreamedFile` for asyncio and trio."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._blocks = response.aiter_bytes()
        self._rest = bytearray()
        self.size: int | None = version_of(response)[2]

    async def read(self, size: int = -1) -> bytes:
        """Return ``size`` bytes, or fewer at the end. If size is negative, return all remaining bytes."""
        while size < 0 or len(self._rest) < size:
            block = await anext(self._blocks, None)
            if block is None:
                break
            self._rest += block
        content = bytes(self._rest if size < 0 else self._rest[:size])
        del self._rest[: len(content)]
        return content

    async def aclose(self) -> None:
        """Close the file and its response."""
        await self._response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


def version_of(response: Response) -> Version:
    """Return the ETag, the Last-Modified and the size of the file in a response."""
    headers = response.headers
    length = declared_length(headers.get("content-length"), headers.get("transfer-encoding"))
    return headers.get("etag"), headers.get("last-modified"), None if "content-encoding" in headers else length
