"""Bodies of httpcore's: of responses as httpx reads them, of requests as httpcore does."""

from __future__ import annotations

import math
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
import httpx

from .passages import Passage
from .translation import httpx_errors


class RequestBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a request, which tells its passage when it is read."""

    def __init__(self, stream: Any, passage: Passage) -> None:
        self._stream = stream
        self._passage = passage

    def __iter__(self) -> Iterator[bytes]:
        self._passage.spent = True
        return iter(self._stream)

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._passage.spent = True
        return aiter(self._stream)


class _PooledBody:
    """The body of a connection of httpcore's."""

    def __init__(self, stream: Any, passage: Passage, on_close: Callable[[Any], None]) -> None:
        self._stream = stream
        self._passage = passage
        self._on_close = on_close
        self._closed = False
        self._whole = False
        self._parts: Any = None

    def _has_more(self) -> bool:
        """Whether it can be read on; the connection of one that was closed may serve another exchange by now."""
        if self._closed and not self._whole:
            raise httpx.StreamClosed
        self._passage.left = math.inf  # what is begun, and breaks
        return not self._whole


class SyncBody(_PooledBody, httpx.SyncByteStream):
    """Frees the connection, and then the place at the gate, when it is closed or breaks."""

    def __iter__(self) -> Iterator[bytes]:
        try:
            while (part := self._receive()) is not None:
                yield part
        except BaseException:
            self.close()
            raise

    def _receive(self) -> bytes | None:
        if not self._has_more():
            return None
        with httpx_errors(), self._passage.current():
            self._parts = self._parts or iter(self._stream)
            part: bytes | None = next(self._parts, None)
        self._whole = self._passage.whole = part is None
        return part

    def close(self) -> None:
        """Close; once is enough."""
        if self._closed:
            return
        self._closed = True
        try:
            with httpx_errors(), self._passage.current():
                self._stream.close()
        finally:
            self._on_close(self)


class AsyncBody(_PooledBody, httpx.AsyncByteStream):
    """The same for tasks. It is its own iterator, so that leaving a loop over it leaves no generator behind."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._has_more():
            raise StopAsyncIteration
        try:
            with httpx_errors(), self._passage.current():
                return await (self._first() if self._parts is None else anext(self._parts))
        except StopAsyncIteration:
            self._whole = self._passage.whole = True
            raise
        except BaseException:
            await self.aclose()
            raise

    async def _first(self) -> bytes:
        self._parts = aiter(self._stream)
        return await _Untracked(self._parts)

    async def aclose(self) -> None:
        """Close, also in a cancelled task; once is enough."""
        if self._closed:
            return
        self._closed = True
        try:
            with anyio.CancelScope(shield=True), httpx_errors(), self._passage.current():
                await self._stream.aclose()
                await self._end_generators()
        finally:
            self._on_close(self)

    async def _end_generators(self) -> None:
        if isinstance(self._parts, AsyncGenerator):
            with suppress(RuntimeError):  # another task is reading; it ends them
                await self._parts.aclose()


class _Untracked(Awaitable[bytes]):
    """The first item of a chain of asynchronous generators that the event loop does not come to know.

    httpcore reads a body by three generators, one inside the other, and when a body is left half-way only the
    outermost could be closed. trio warns of the others, though nothing remains to be done in them: once the
    response is closed they end, with the outermost, without waiting for anything.
    """

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts

    def __await__(self) -> Generator[Any, Any, bytes]:
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(None, None)
        try:
            steps = anext(self._parts).__await__()
            awaited = next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            sys.set_asyncgen_hooks(*hooks)
        return (yield from _rest(steps, awaited))


def _rest(steps: Generator[Any, Any, bytes], awaited: object) -> Generator[Any, Any, bytes]:
    """``yield from steps``, once they have begun."""
    while True:
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001 - belongs to whom the steps belong
            resume = partial(steps.throw, error)
        else:
            resume = partial(steps.send, sent)
        try:
            awaited = resume()
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
