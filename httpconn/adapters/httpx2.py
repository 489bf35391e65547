"""Transports for clients of httpx2, and transports of httpx2 behind the interface of httpx."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import httpx
import httpx2

from ..errors import HTTPConnError
from ..http.engine import Engine
from .library import HTTPX, Library, stream_type
from .transports import OBSERVED, AsyncTransport, SyncTransport

HTTPX2 = Library(httpx2)

_FRAMING = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class HTTPTransport(SyncTransport[httpx2.Request, httpx2.Response], httpx2.BaseTransport):
    """A transport for ``httpx2.Client``, with the options of :class:`httpconn.transport.HTTPTransport`."""

    _library = HTTPX2


class AsyncHTTPTransport(AsyncTransport[httpx2.Request, httpx2.Response], httpx2.AsyncBaseTransport):
    """A transport for ``httpx2.AsyncClient`` on asyncio and trio. Each event loop needs its own.

    The options are those of :class:`HTTPTransport`. ``resolver`` may be a coroutine function.
    """

    _library = HTTPX2


class translated:  # noqa: N801 - read as a statement
    """A context that raises errors of one library, and of httpconn, as errors of another library."""

    __slots__ = ("_source", "_target")

    def __init__(self, source: Library, target: Library) -> None:
        self._source = source
        self._target = target

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception) and isinstance(error, (HTTPConnError, *self._source.errors)):
            self._target.raise_own(error, self._source)


def request_for(library: Library, request: Any, source: Library) -> Any:
    return library.module.Request(
        request.method,
        str(request.url),
        headers=request.headers.raw,
        stream=_stream_for(library, request.stream, source),
        extensions=request.extensions,
    )


def response_for(library: Library, response: Any, source: Library) -> Any:
    fields, stream = response.headers.raw, response.stream
    if response.is_stream_consumed and not isinstance(stream, source.module.ByteStream):
        # A wrapper of the transport has read and decoded the body.
        stream = source.module.ByteStream(response.content)
        fields = [(name, value) for name, value in fields if name.lower() not in _FRAMING]
    return library.module.Response(
        response.status_code,
        headers=fields,
        stream=_stream_for(library, stream, source),
        extensions=response.extensions,
    )


def _stream_for(library: Library, stream: Any, source: Library) -> Any:
    if isinstance(stream, source.module.ByteStream):
        return library.module.ByteStream(b"".join(stream))
    return stream_type(library, TranslatedBody)(stream, translated(source, library))


class TranslatedBody:
    """A body of another library. It is an iterator, because a loop that ends early would leave a generator open."""

    def __init__(self, stream: Any, errors: translated) -> None:
        self._stream = stream
        self._errors = errors
        self._parts: Any = None

    def __iter__(self) -> Iterator[bytes]:
        with self._errors:
            parts = iter(self._stream)
        while True:
            with self._errors:
                part = next(parts, None)
            if part is None:
                return
            yield part

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._parts is None:  # each loop calls ``__aiter__`` again
            with self._errors:
                self._parts = aiter(self._stream)
        return self

    async def __anext__(self) -> bytes:
        with self._errors:
            part: bytes | None = await anext(self._parts, None)
        if part is None:
            self._parts = None  # a repeated request reads the body again
            raise StopAsyncIteration
        return part

    def close(self) -> None:
        with self._errors:
            self._stream.close()

    async def aclose(self) -> None:
        """Close the body, and its generator if the body was not read to its end."""
        with self._errors:
            if isinstance(self._parts, AsyncGenerator):
                await self._parts.aclose()
            await self._stream.aclose()


class _Foreign:
    """A wrapped httpx2 transport, with the access policy, the engine and the statistics of that transport."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._translated = translated(HTTPX2, HTTPX)
        self.access: object = getattr(transport, "access", None)

    @property
    def engine(self) -> Engine | None:
        """The engine of an httpconn transport, or None. An instrumented transport must receive each request."""
        transport = self._transport
        engine = getattr(transport, "engine", None)
        return engine if isinstance(engine, Engine) and OBSERVED.isdisjoint(vars(transport)) else None

    @property
    def stats(self) -> object:
        return getattr(self._transport, "stats", None)


class ForeignTransport(_Foreign, httpx.BaseTransport):
    """An httpx2 transport for synchronous calls."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._translated:
            received = self._transport.handle_request(request_for(HTTPX2, request, HTTPX))
            response: httpx.Response = response_for(HTTPX, received, HTTPX2)
            return response

    def close(self) -> None:
        self._transport.close()


class AsyncForeignTransport(_Foreign, httpx.AsyncBaseTransport):
    """An httpx2 transport for asynchronous calls."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with self._translated:
            received = await self._transport.handle_async_request(request_for(HTTPX2, request, HTTPX))
            response: httpx.Response = response_for(HTTPX, received, HTTPX2)
            return response

    async def aclose(self) -> None:
        await self._transport.aclose()


WRAPPERS: dict[type, Any] = {httpx.BaseTransport: ForeignTransport, httpx.AsyncBaseTransport: AsyncForeignTransport}
