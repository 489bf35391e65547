"""The answer that ``get_response`` and ``get_async_response`` return."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, AnyStr, Generic, Self

import httpx

from .core.text import TextDecoder, charset_of, decode_text, parse_json
from .core.urls import redact
from .errors import InvalidRequest, StatusError
from .exchange.body import is_close_delimited
from .exchange.fetch import close_response
from .exchange.requeststate import OpenResponse
from .ports.base import Port
from .runtime.stepping import run_sync


class Response(httpx.Response):
    """An ``httpx.Response`` whose body is bounded and decoded by httpconn's rules.

    It is a context manager of both kinds: ``with conn.get_response(url) as r`` and
    ``async with await conn.get_async_response(url) as r``. With ``stream=True`` the body comes from ``iter_bytes``
    or ``aiter_bytes`` (decoded), ``iter_raw`` or ``aiter_raw`` (as it was sent), or whole from ``read`` or ``aread``.
    """

    is_stream_consumed: bool
    _answer: OpenResponse | None = None
    _port: Port | None = None
    _given_encoding: str | None = None

    def __init__(
        self, answer: OpenResponse, port: Port, stream: SyncStream | AsyncStream, content: bytes | None = None
    ) -> None:
        super().__init__(
            answer.head.status,
            headers=answer.head.fields,
            stream=stream,
            request=answer.request.as_httpx(),
            extensions=answer.exchange.extensions,
            history=[each.as_httpx() for each in answer.history],
        )
        self._close_delimited = is_close_delimited(answer.head)
        self._answer = answer
        self._port = port
        self._attempts = answer.state.attempts
        if content is not None:
            self._content = content
            self.is_stream_consumed = True
            self._end()

    def _end(self) -> None:
        """The exchange is over; nothing of it is kept."""
        self.is_closed = True
        if self._answer is not None and self._port is not None:
            self.elapsed = timedelta(seconds=self._seconds())
            self._num_bytes_downloaded = self._answer.wire_bytes
        self._answer = self._port = None

    def close(self) -> None:
        """Give the connection back; a body that was not read to its end costs its connection."""
        self.is_closed = self._answer is None  # a signal handler may have interrupted an earlier call
        super().close()
        self._end()

    async def aclose(self) -> None:
        """The same, awaited."""
        self.is_closed = self._answer is None
        await super().aclose()
        self._end()

    @property
    def close_delimited(self) -> bool:
        """Whether only the end of the connection marks the end of the body, so that nothing proves it complete."""
        return self._close_delimited

    def raise_for_status(self) -> Self:
        """Return the response itself if it is a success.

        Raises:
            StatusError: any other status, a redirect that was not followed among them.
        """
        if not self.is_success:
            error = StatusError(self, url=redact(self.request.url))
            error.attempts, error.elapsed = self._attempts, self._seconds()
            raise error
        return self

    def _seconds(self) -> float:
        """From the beginning of the call until the response was closed, or until now."""
        if self._answer is None or self._port is None:
            return self.elapsed.total_seconds()
        return self._port.now() - self._answer.state.started_at

    @property
    def charset_encoding(self) -> str | None:
        """The charset of the Content-Type, if it is one of text."""
        return charset_of(self.headers.get("content-type"))

    @property
    def encoding(self) -> str:
        """The encoding of the text, which is one that was set, or the charset, or UTF-8."""
        return self._given_encoding or self.charset_encoding or "utf-8"

    @encoding.setter
    def encoding(self, value: str) -> None:
        self._given_encoding = value

    @property
    def num_bytes_downloaded(self) -> int:
        """Bytes received so far, as they were sent."""
        return self._num_bytes_downloaded if self._answer is None else self._answer.wire_bytes

    @property
    def text(self) -> str:
        """The body as text, by an encoding set on the response, a byte order mark, the charset, or UTF-8."""
        if self._given_encoding is not None:
            return self.content.decode(self._given_encoding, "replace")
        return decode_text(self.content, self.headers.get("content-type"))

    def json(self, **kwargs: Any) -> Any:
        """The body as JSON, in UTF-8, UTF-16 or UTF-32; ``kwargs`` go to the standard library's decoder.

        Raises:
            InvalidJSON: it is not JSON.
        """
        return parse_json(self.content, **kwargs)

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The decoded body, in pieces of ``chunk_size`` bytes, or as they come."""
        if hasattr(self, "_content"):
            return super().iter_bytes(_checked_size(chunk_size))
        return self._iter_pieces(self._begin(httpx.SyncByteStream), Pieces(chunk_size, b""))

    def _iter_pieces(self, answer: OpenResponse, pieces: Pieces[bytes]) -> Iterator[bytes]:
        try:
            while block := run_sync(answer.receive()):
                yield from pieces.cut(block)
            yield from pieces.rest()
        finally:
            self.close()

    def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The same, awaited."""
        if hasattr(self, "_content"):
            return super().aiter_bytes(_checked_size(chunk_size))
        return _AsyncPieces(self, self._begin(httpx.AsyncByteStream), Pieces(chunk_size, b""))

    def iter_text(self, chunk_size: int | None = None) -> Iterator[str]:
        """The body as text, decoded as ``text`` is, in pieces of ``chunk_size`` characters, or as they come."""
        if self._given_encoding is not None:
            return super().iter_text(_checked_size(chunk_size))
        return self._iter_text(TextDecoder(self.headers.get("content-type")), Pieces(chunk_size, ""))

    def _iter_text(self, decoder: TextDecoder, pieces: Pieces[str]) -> Iterator[str]:
        for data in self.iter_bytes():
            yield from pieces.cut(decoder.decode(data))
        yield from pieces.cut(decoder.decode(b"", final=True))
        yield from pieces.rest()

    def aiter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """The same, awaited."""
        if self._given_encoding is not None:
            return super().aiter_text(_checked_size(chunk_size))
        return self._aiter_text(TextDecoder(self.headers.get("content-type")), Pieces(chunk_size, ""))

    async def _aiter_text(self, decoder: TextDecoder, pieces: Pieces[str]) -> AsyncIterator[str]:
        async for data in self.aiter_bytes():
            for piece in pieces.cut(decoder.decode(data)):
                yield piece
        for piece in (*pieces.cut(decoder.decode(b"", final=True)), *pieces.rest()):
            yield piece

    def _begin(self, kind: type[object]) -> OpenResponse:
        """The same mistakes are refused as by httpx, with its exceptions."""
        if self.is_stream_consumed:
            raise httpx.StreamConsumed
        if self.is_closed or self._answer is None:
            raise httpx.StreamClosed
        if not isinstance(self.stream, kind):
            raise RuntimeError(
                "Read a response of get_response by iter_bytes, one of get_async_response by aiter_bytes"
            )
        self.is_stream_consumed = True
        return self._answer

    def __getstate__(self) -> dict[str, Any]:
        """As httpx's: the body, if it was read; nothing of the exchange."""
        return {**super().__getstate__(), "_answer": None, "_port": None}

    def __enter__(self) -> Self:
        if isinstance(self.stream, AsyncStream) and not self.is_closed:
            raise RuntimeError("Use async with for a streamed response of get_async_response")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class _AsyncPieces:
    """Decoded pieces: an iterator and no generator, so that leaving a loop over it leaves nothing to be finalized."""

    def __init__(self, response: Response, answer: OpenResponse, pieces: Pieces[bytes]) -> None:
        self._response = response
        self._answer = answer
        self._pieces = pieces
        self._ready: Iterator[bytes] = iter(())
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while (piece := next(self._ready, None)) is None:
            if self._ended:
                raise StopAsyncIteration
            await self._fill()
        return piece

    async def _fill(self) -> None:
        try:
            block = await self._answer.receive()
        except BaseException:
            await self.aclose()
            raise
        if block:
            self._ready = self._pieces.cut(block)
        else:
            self._ready = self._pieces.rest()
            await self.aclose()

    async def aclose(self) -> None:
        """Give the connection back."""
        self._ended = True
        await self._response.aclose()


class SyncStream(httpx.SyncByteStream):
    """The wire bytes of a streamed ``get_response``, and its closing."""

    def __init__(self, answer: OpenResponse, port: Port) -> None:
        self._answer = answer
        self._port = port

    def __iter__(self) -> Iterator[bytes]:
        while chunk := run_sync(self._answer.receive(wire=True)):
            yield chunk

    def close(self) -> None:
        """Give the connection back."""
        run_sync(close_response(self._port, self._answer))


class AsyncStream(httpx.AsyncByteStream):
    """The same for ``get_async_response``."""

    def __init__(self, answer: OpenResponse, port: Port) -> None:
        self._answer = answer
        self._port = port

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._answer.receive(wire=True)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Give the connection back."""
        await close_response(self._port, self._answer)


def _checked_size(size: int | None) -> int | None:
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise InvalidRequest(f"chunk_size must be at least 1: {size!r}")
    return size


class Pieces(Generic[AnyStr]):
    """Cuts blocks of bytes, or of text, into pieces of one size; without a size they stay as they are."""

    def __init__(self, size: int | None, nothing: AnyStr) -> None:
        self._size = _checked_size(size)
        self._nothing: AnyStr = nothing
        self._held: list[AnyStr] = []
        self._length = 0

    def cut(self, block: AnyStr) -> Iterator[AnyStr]:
        """What can be handed out now."""
        self._held.append(block)
        self._length += len(block)
        size = self._size or self._length
        if size and self._length >= size:
            held = next(self.rest())
            whole = len(held) - len(held) % size
            self._held, self._length = [held[whole:]], len(held) - whole
            for start in range(0, whole, size):
                yield held[start : start + size]

    def rest(self) -> Iterator[AnyStr]:
        """What is left at the end."""
        if self._length:
            yield self._nothing.join(self._held)
