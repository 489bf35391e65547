"""The response that ``get_response`` and ``get_async_response`` return."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import chain
from typing import Any, AnyStr, Generic, Protocol, Self, TypeVar

import httpx

from .core.lines import MAX_LINE, JSONLines, TextLines
from .core.text import TextDecoder, charset_of, decode_text, parse_json
from .core.urls import redact
from .errors import HTTPConnError, StatusError
from .exchange.body import is_close_delimited
from .exchange.fetch import close_response
from .exchange.requeststate import OpenResponse
from .options import whole_number
from .runtime.stepping import run_sync

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)


class Converter(Protocol[Item]):
    """A converter of the decoded body into items."""

    def add(self, chunk: bytes, /) -> Iterator[Item]:
        """Add a chunk, and yield the items that it completes."""

    def remaining(self) -> Iterator[Item]:
        """Yield the last items."""


class Response(httpx.Response):
    """An ``httpx.Response`` whose body is limited and decoded by the rules of httpconn.

    It is a synchronous and an asynchronous context manager: ``with conn.get_response(url) as r`` and
    ``async with await conn.get_async_response(url) as r``.

    With ``stream=True``, ``iter_bytes`` and ``aiter_bytes`` return the decoded body in chunks, ``iter_raw`` and
    ``aiter_raw`` return the bytes before content decoding, and ``read`` and ``aread`` return the whole decoded body.
    """

    is_closed: bool
    is_stream_consumed: bool
    _open_response: OpenResponse | None = None
    _given_encoding: str | None = None

    def __init__(
        self, open_response: OpenResponse, stream: SyncStream | AsyncStream, content: bytes | None = None
    ) -> None:
        super().__init__(
            open_response.head.status,
            headers=open_response.head.fields,
            stream=stream,
            request=open_response.request.as_httpx(),
            extensions=open_response.exchange.extensions,
            history=[each.as_httpx() for each in open_response.history],
        )
        self._close_delimited = is_close_delimited(open_response.head)
        self._open_response = open_response
        self._attempts = open_response.state.attempts
        if content is not None:
            self._content = content
            self.is_stream_consumed = True
            self._end()

    def _end(self) -> None:
        """Record the result and drop the references to the exchange."""
        self.is_closed = True
        if self._open_response is not None:
            self.elapsed = timedelta(seconds=self._seconds())
            self._num_bytes_downloaded = self._open_response.wire_bytes
        self._open_response = None

    def close(self) -> None:
        """Release the connection. If the body was not read to its end, the connection is closed."""
        self.is_closed = self._open_response is None  # a signal handler may have interrupted an earlier call
        super().close()
        self._end()

    async def aclose(self) -> None:
        """Do the same as :meth:`close` in asyncio or trio."""
        self.is_closed = self._open_response is None
        await super().aclose()
        self._end()

    @property
    def close_delimited(self) -> bool:
        """Whether only the end of the connection marks the end of the body. The body may then be incomplete."""
        return self._close_delimited

    def raise_for_status(self) -> Self:
        """Return the response if its status is 2xx.

        Raises:
            StatusError: the status is not 2xx. This includes a redirect that was not followed.
        """
        if not self.is_success:
            error = StatusError(self, url=redact(self.request.url))
            error.attempts, error.elapsed = self._attempts, self._seconds()
            raise error
        return self

    def _seconds(self) -> float:
        """Return the seconds from the start of the call until the response was closed, or until now."""
        if self._open_response is None:
            return self.elapsed.total_seconds()
        return self._open_response.port.now() - self._open_response.state.started_at

    @property
    def charset_encoding(self) -> str | None:
        """The charset of the Content-Type, or None if it names no charset for text."""
        return charset_of(self.headers.get("content-type"))

    @property
    def encoding(self) -> str:
        """The encoding of the text, by default the charset of the Content-Type, or UTF-8."""
        return self._given_encoding or self.charset_encoding or "utf-8"

    @encoding.setter
    def encoding(self, value: str) -> None:
        self._given_encoding = value

    @property
    def num_bytes_downloaded(self) -> int:
        """Bytes of the body received so far, before content decoding."""
        return self._num_bytes_downloaded if self._open_response is None else self._open_response.wire_bytes

    @property
    def text(self) -> str:
        """The body as text. Its encoding is set by the caller, a byte order mark or the charset, or it is UTF-8."""
        if self._given_encoding is not None:
            return self.content.decode(self._given_encoding, "replace")
        return decode_text(self.content, self.headers.get("content-type"))

    def json(self, **kwargs: Any) -> Any:
        """Return the parsed JSON of a body in UTF-8, UTF-16 or UTF-32.

        Args:
            kwargs: arguments for the JSON decoder of the standard library.

        Raises:
            InvalidJSON: the body is not JSON.
        """
        return parse_json(self.content, **kwargs)

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Return an iterator over the decoded body in chunks of ``chunk_size`` bytes, or as received if None."""
        return self._iter_items(Rechunker(chunk_size, b""))

    def _iter_items(self, items: Converter[T]) -> Iterator[T]:
        if hasattr(self, "_content"):
            return self._items_of(iter((self._content,)), items)
        opened = self._begin(httpx.SyncByteStream)
        return self._items_of(iter(lambda: run_sync(opened.receive()), b""), items)

    def _items_of(self, blocks: Iterator[bytes], items: Converter[T]) -> Iterator[T]:
        try:
            for block in blocks:
                yield from items.add(block)
            yield from items.remaining()
        except HTTPConnError as error:
            self._describe(error)
            raise
        finally:
            if self._open_response is not None:
                self.close()

    def _describe(self, error: HTTPConnError) -> None:
        """Add the URL to an error about the content of the body."""
        error.url = error.url or redact(self.request.url)

    def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Do the same as :meth:`iter_bytes` in asyncio or trio."""
        return self._aiter_items(Rechunker(chunk_size, b""))

    def _aiter_items(self, items: Converter[T]) -> AsyncIterator[T]:
        if hasattr(self, "_content"):
            return _AsyncItems(self, None, items)
        return _AsyncItems(self, self._begin(httpx.AsyncByteStream), items)

    def iter_lines(self, max_length: int = MAX_LINE) -> Iterator[str]:
        """Return an iterator over the lines of the text, without their ends, as ``str.splitlines`` splits them.

        Args:
            max_length: maximum number of characters of a line.

        Raises:
            LimitExceeded: a line is longer.
        """
        return self._iter_items(TextLines(self._text_decoder(), max_length))

    def aiter_lines(self, max_length: int = MAX_LINE) -> AsyncIterator[str]:
        """Do the same as :meth:`iter_lines` in asyncio or trio."""
        return self._aiter_items(TextLines(self._text_decoder(), max_length))

    def iter_json_lines(self, max_length: int = MAX_LINE) -> Iterator[Any]:
        """Return an iterator over the values of a body in JSON Lines (NDJSON), which has a JSON text in each line.

        Blank lines are skipped.

        Args:
            max_length: maximum length of a line in bytes.

        Raises:
            InvalidJSON: a line is not JSON. The message names its number.
            LimitExceeded: a line is longer.
        """
        return self._iter_items(JSONLines(max_length))

    def aiter_json_lines(self, max_length: int = MAX_LINE) -> AsyncIterator[Any]:
        """Do the same as :meth:`iter_json_lines` in asyncio or trio."""
        return self._aiter_items(JSONLines(max_length))

    def _text_decoder(self) -> TextDecoder | codecs.IncrementalDecoder:
        if self._given_encoding is not None:
            return codecs.getincrementaldecoder(self._given_encoding)("replace")
        return TextDecoder(self.headers.get("content-type"))

    def iter_text(self, chunk_size: int | None = None) -> Iterator[str]:
        """Return an iterator over the text in chunks of ``chunk_size`` characters, or as received if None."""
        return self._iter_items(TextChunks(self._text_decoder(), Rechunker(chunk_size, "")))

    def aiter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """Do the same as :meth:`iter_text` in asyncio or trio."""
        return self._aiter_items(TextChunks(self._text_decoder(), Rechunker(chunk_size, "")))

    def _begin(self, kind: type[object]) -> OpenResponse:
        """Mark the body as consumed, after the same checks and with the same exceptions as httpx."""
        if self.is_stream_consumed:
            raise httpx.StreamConsumed
        if self.is_closed or self._open_response is None:
            raise httpx.StreamClosed
        if not isinstance(self.stream, kind):
            raise RuntimeError(
                "Use iter_bytes for a response of get_response, and aiter_bytes for one of get_async_response"
            )
        self.is_stream_consumed = True
        return self._open_response

    def __getstate__(self) -> dict[str, Any]:
        """Return the state as httpx does, without the exchange. It includes the body if the body was read."""
        return {**super().__getstate__(), "_open_response": None}

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


class _AsyncItems(Generic[T]):
    """An asynchronous iterator over the decoded body.

    It is not a generator, because an unfinished asynchronous generator needs finalization by the event loop.
    """

    def __init__(self, response: Response, open_response: OpenResponse | None, items: Converter[T]) -> None:
        self._response = response
        self._open_response = open_response
        self._items = items
        self._ready: Iterator[T] = iter(())
        self._ended = False
        if open_response is None:
            self._ready, self._ended = chain(items.add(response.content), items.remaining()), True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            while True:
                for item in self._ready:
                    return item
                if self._ended or self._open_response is None:
                    break
                await self._fill(self._open_response)
        except BaseException as error:
            if isinstance(error, HTTPConnError):
                self._response._describe(error)
            await self.aclose()
            raise
        raise StopAsyncIteration

    async def _fill(self, open_response: OpenResponse) -> None:
        if block := await open_response.receive():
            self._ready = self._items.add(block)
        else:
            self._ready = self._items.remaining()
            await self.aclose()

    async def aclose(self) -> None:
        """Release the connection."""
        self._ended = True
        if self._open_response is not None:
            await self._response.aclose()


class SyncStream(httpx.SyncByteStream):
    """The stream of a response of ``get_response``, which returns the bytes before content decoding."""

    def __init__(self, open_response: OpenResponse) -> None:
        self._open_response = open_response

    def __iter__(self) -> Iterator[bytes]:
        while chunk := run_sync(self._open_response.receive(wire=True)):
            yield chunk

    def close(self) -> None:
        """Release the connection."""
        run_sync(close_response(self._open_response))


class AsyncStream(httpx.AsyncByteStream):
    """The stream of a response of ``get_async_response``, which returns the bytes before content decoding."""

    def __init__(self, open_response: OpenResponse) -> None:
        self._open_response = open_response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._open_response.receive(wire=True)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Release the connection."""
        await close_response(self._open_response)


class Rechunker(Generic[AnyStr]):
    """A converter that turns chunks of bytes or text into chunks of one size. Without a size, it keeps the chunks."""

    def __init__(self, size: int | None, empty: AnyStr) -> None:
        self._size = None if size is None else whole_number("chunk_size", size, 1)
        self._empty: AnyStr = empty
        self._pending: list[AnyStr] = []
        self._length = 0

    def add(self, chunk: AnyStr) -> Iterator[AnyStr]:
        """Add a chunk and yield the chunks that are complete."""
        self._pending.append(chunk)
        self._length += len(chunk)
        size = self._size or self._length
        if size and self._length >= size:
            joined = next(self.remaining())
            end = len(joined) - len(joined) % size
            self._pending, self._length = [joined[end:]], len(joined) - end
            for start in range(0, end, size):
                yield joined[start : start + size]

    def remaining(self) -> Iterator[AnyStr]:
        """Yield the incomplete last chunk, if any."""
        if self._length:
            yield self._empty.join(self._pending)


class TextChunks:
    """A converter of bytes into chunks of text."""

    def __init__(self, decoder: TextDecoder | codecs.IncrementalDecoder, chunks: Rechunker[str]) -> None:
        self._decoder = decoder
        self._chunks = chunks

    def add(self, chunk: bytes) -> Iterator[str]:
        """Add bytes and yield the chunks that are complete."""
        return self._chunks.add(self._decoder.decode(chunk))

    def remaining(self) -> Iterator[str]:
        """Yield the last chunks."""
        yield from self._chunks.add(self._decoder.decode(b"", True))
        yield from self._chunks.remaining()
