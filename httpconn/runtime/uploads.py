"""Request bodies that are sent in parts: files, iterables and multipart forms."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from typing import IO, Any, Protocol, Self

from ..core.locks import Lock
from ..errors import InvalidRequest, MalformedRequest, StorageError

PART = 256 * 1024  # bytes that are read from a file at once: a change of threads costs as much as 64 KiB

_END = object()


class Observer(Protocol):
    """An object that follows how a body is sent."""

    def begin(self) -> None:
        """Note that the body is sent from its start."""

    def advance(self, count: int) -> None:
        """Note further bytes that were sent."""

    def finish(self) -> None:
        """Note that all of the body was sent."""


class FileParts:
    """The content of a file from its current position on. It can be read several times.

    The worker thread of an attempt that timed out may still read while the next attempt reads.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell()
        self._lock = Lock()

    def __iter__(self) -> Iterator[bytes]:
        position = self._start
        while part := self._read(position):
            yield part
            position += len(part)

    def _read(self, position: int) -> bytes:
        with self._lock:
            self._file.seek(position)
            return self._file.read(PART)


@dataclass(eq=False, repr=False)
class Upload:
    """A request body that is sent in parts.

    Failures to read a file become errors of httpconn. Exceptions of a caller's iterable pass unchanged.
    """

    parts: Any
    _: KW_ONLY
    length: int | None = None  # the declared length in bytes, or None if it is not known
    can_replay: bool = False  # whether ``parts`` can be iterated over again
    source: str = "the body"  # the source of the parts, for error messages
    is_file: bool = False  # whether the parts are read from files
    blocks: bool = True  # whether an event loop gets the parts from a worker thread
    observer: Observer | None = None  # follows how the body is sent
    _is_begun: bool = False

    def __iter__(self) -> Sending:
        if self._is_begun and not self.can_replay:
            raise InvalidRequest("The body of the request can be sent only once")
        self._is_begun = True
        if self.observer is not None:
            self.observer.begin()
        return Sending(self)

    __aiter__ = __iter__


def checked_part(part: object) -> bytes | memoryview:
    """Return a part of a body as bytes, or as a view of single bytes."""
    # The bytes are immutable, because they may be sent after a generator has filled its buffer again.
    if not isinstance(part, (bytes, bytearray, memoryview)):
        raise MalformedRequest(f"The body of a request must consist of bytes, not of {type(part).__name__}")
    if isinstance(part, bytes):
        return part
    try:
        if isinstance(part, memoryview) and isinstance(part.obj, bytes) and part.ndim == 1 and part.contiguous:
            return part if part.itemsize == 1 else part.cast("B")
        return bytes(part)
    except ValueError as error:
        raise MalformedRequest(f"A part of the body of the request cannot be read: {error}") from error


class Sending:
    """One transmission of a body, in a thread or a task. It counts the bytes."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._is_async = isinstance(upload.parts, AsyncIterable) and not isinstance(upload.parts, Iterable)
        self._parts: Any = None
        self._size = self._last = 0

    def __iter__(self) -> Self:
        return self

    __aiter__ = __iter__

    def __next__(self) -> bytes | memoryview:
        part = self._counted(self._pull())
        if part is None:
            raise StopIteration
        return part

    async def __anext__(self) -> bytes | memoryview:
        if self._is_async:
            if self._parts is None:
                self._parts = aiter(self._upload.parts)
            pulled = await anext(self._parts, _END)
        elif self._upload.blocks:
            from .filework import in_abandoned_thread

            pulled = await in_abandoned_thread(self._pull)
        else:
            pulled = self._pull()
        part = self._counted(pulled)
        if part is None:
            raise StopAsyncIteration
        return part

    def _pull(self) -> Any:
        try:
            if self._parts is None:
                self._parts = iter(self._upload.parts)
            return next(self._parts, _END)
        except (OSError, ValueError, TypeError) as error:
            if not self._upload.is_file:
                raise
            raise StorageError(f"{self._upload.source} could not be read: {error}") from error

    def _counted(self, pulled: object) -> bytes | memoryview | None:
        """Report the last part as sent, and count the next one, or check the declared length at the end."""
        upload, observer = self._upload, self._upload.observer
        part = None if pulled is _END else checked_part(pulled)
        if observer is not None and self._last:
            observer.advance(self._last)
        self._last = 0 if part is None else len(part)
        self._size += self._last
        if upload.length is not None and (self._size > upload.length or (part is None and self._size < upload.length)):
            change = f"has only {self._size}" if part is None else "has more"
            raise MalformedRequest(
                f"{upload.source} has changed while it was sent: {upload.length} bytes were declared, and it {change}"
            )
        if observer is not None and part is None:
            observer.finish()
        return part

    def close(self) -> None:
        """Close the generator of the caller, which may not have reached its end."""
        if isinstance(self._parts, Generator):
            with suppress(ValueError):  # a worker thread still runs the generator
                self._parts.close()

    async def aclose(self) -> None:
        if isinstance(self._parts, AsyncGenerator):
            await self._parts.aclose()
        else:
            self.close()
