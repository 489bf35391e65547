"""The answer that ``get_response`` and ``get_async_response`` return."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, Self

import httpx

from .core.text import charset_of, decode_text, parse_json
from .core.urls import redact
from .errors import HTTPConnError, StatusError
from .flows.body import ends_with_the_connection
from .flows.exchange import Answer
from .flows.fetch import shut
from .ports.base import Port
from .stepping import run_sync


class Response(httpx.Response):
    """An ``httpx.Response`` whose body is bounded and decoded by httpconn's rules.

    It is a context manager of both kinds: ``with conn.get_response(url) as r`` and
    ``async with await conn.get_async_response(url) as r``. With ``stream=True`` the body comes from ``iter_bytes``
    or ``aiter_bytes`` (decoded), ``iter_raw`` or ``aiter_raw`` (as it was sent), or whole from ``read`` or ``aread``.
    """

    def __init__(
        self, answer: Answer, port: Port, stream: SyncStream | AsyncStream, content: bytes | None = None
    ) -> None:
        head = answer.response
        super().__init__(
            head.status_code,
            headers=head.headers,
            stream=stream,
            request=head.request,
            extensions=head.extensions,
            history=[*answer.history],
        )
        self._answer = answer
        if content is not None:
            self._content = content
            self.is_closed = self.is_stream_consumed = True
            self.elapsed = timedelta(seconds=port.now() - answer.began)

    @property
    def close_delimited(self) -> bool:
        """Whether only the end of the connection marks the end of the body, so that nothing proves it complete."""
        return ends_with_the_connection(self)

    def raise_for_status(self) -> Self:
        """Return the response itself if it is a success.

        Raises:
            StatusError: any other status, a redirect that was not followed among them.
        """
        if not self.is_success:
            raise StatusError(self, url=redact(self.request.url))
        return self

    @property
    def charset_encoding(self) -> str | None:
        """The charset of the Content-Type, if it is one of text."""
        return charset_of(self.headers.get("content-type"))

    @property
    def text(self) -> str:
        """The body as text, by an encoding set on the response, a byte order mark, the charset, or UTF-8."""
        explicit = self.__dict__.get("_encoding")
        return (
            self.content.decode(explicit, "replace")
            if explicit
            else decode_text(self.content, self.headers.get("content-type"))
        )

    def json(self, **kwargs: Any) -> Any:
        """The body as JSON, in UTF-8, UTF-16 or UTF-32.

        Raises:
            InvalidJSON: it is not JSON.
        """
        return super().json(**kwargs) if kwargs else parse_json(self.content)

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The decoded body, in pieces of ``chunk_size`` bytes, or as they come."""
        if hasattr(self, "_content"):
            yield from super().iter_bytes(chunk_size)
            return
        self._begin(httpx.SyncByteStream)
        pieces = Pieces(chunk_size)
        try:
            while block := run_sync(self._answer.body.receive()):
                yield from pieces.cut(block)
            yield from pieces.rest()
        except HTTPConnError:
            self.close()
            raise
        self.close()

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The same, awaited."""
        if hasattr(self, "_content"):
            async for piece in super().aiter_bytes(chunk_size):
                yield piece
            return
        self._begin(httpx.AsyncByteStream)
        pieces = Pieces(chunk_size)
        try:
            while block := await self._answer.body.receive():
                for piece in pieces.cut(block):
                    yield piece
            for piece in pieces.rest():
                yield piece
        except HTTPConnError:
            await self.aclose()
            raise
        await self.aclose()

    def _begin(self, kind: type[object]) -> None:
        """The same mistakes are refused as by httpx, with its exceptions."""
        if self.is_stream_consumed:
            raise httpx.StreamConsumed
        if self.is_closed:
            raise httpx.StreamClosed
        if not isinstance(self.stream, kind):
            raise RuntimeError(
                "A response of get_response is read by iter_bytes, one of get_async_response by aiter_bytes"
            )
        self.is_stream_consumed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class Stream:
    """The wire bytes of a streamed response, and its closing."""

    def __init__(self, answer: Answer, port: Port) -> None:
        self._answer = answer
        self._port = port


class SyncStream(Stream, httpx.SyncByteStream):
    """For ``get_response``."""

    def __iter__(self) -> Iterator[bytes]:
        while chunk := run_sync(self._answer.body.receive_wire()):
            yield chunk

    def close(self) -> None:
        """Give the connection back."""
        run_sync(shut(self._port, self._answer))


class AsyncStream(Stream, httpx.AsyncByteStream):
    """For ``get_async_response``."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._answer.body.receive_wire():
            yield chunk

    async def aclose(self) -> None:
        """Give the connection back."""
        await shut(self._port, self._answer)


class Pieces:
    """Cuts blocks into pieces of one size; without a size they stay as they are."""

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._held = bytearray()

    def cut(self, block: bytes) -> Iterator[bytes]:
        """What can be handed out now."""
        if self._size is None:
            yield block
            return
        self._held += block
        whole = len(self._held) - len(self._held) % self._size
        for start in range(0, whole, self._size):
            yield bytes(self._held[start : start + self._size])
        del self._held[:whole]

    def rest(self) -> Iterator[bytes]:
        """What is left at the end."""
        if self._held:
            yield bytes(self._held)
