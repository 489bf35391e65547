"""Conversion between the requests and responses of httpx or httpx2 and those of the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from ..core.messages import DEFAULT_PORTS, BodyStream, Origin, Request
from ..errors import HTTPConnError, MalformedRequest
from ..http.http1body import Incoming
from ..http.tracing import traced_request
from ..runtime.runtimes import Runtime
from ..runtime.stepping import run_sync
from .library import HTTPX, Library, stream_type

_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


def request_of(request: Any, library: Library = HTTPX) -> Request:
    extensions, fields = request.extensions, request.headers.raw
    framing = _FRAMING.intersection([name.lower() for name, _ in fields])
    if framing == _FRAMING:  # httpx adds a Content-Length to a Transfer-Encoding, which RFC 9112 section 6.2 forbids
        fields = [field for field in fields if field[0].lower() != b"content-length"]
    origin = origin_of(request.url)
    target, name, trace = (extensions.get(key) for key in ("target", "sni_hostname", "trace"))
    name = None if name is None else _text("sni_hostname", name)
    if trace is not None and not callable(trace):
        raise MalformedRequest("The extension trace must be a function")
    return Request(
        origin,
        _text("target", target).encode("ascii") if target else request.url.raw_path,
        fields,
        method=_text("method", request.method),
        body=_body_of(request, library, declared=bool(framing)),
        server_name=None if name == origin.host else name,
        trace=trace,
    )


def _text(name: str, value: object) -> str:
    """Return a str or ASCII bytes as text. httpcore also accepts both types."""
    if isinstance(value, bytes | str) and value.isascii():
        return value if isinstance(value, str) else value.decode("ascii")
    raise MalformedRequest(f"The {name} of a request must be bytes or str, in ASCII")


def _body_of(request: Any, library: Library, *, declared: bool) -> object:
    """Return the body, or None if it is empty and not ``declared`` by the header."""
    if isinstance(request.stream, BodyStream):
        return request.stream.body
    if not isinstance(request.stream, library.module.ByteStream):
        return request.stream
    content = b"".join(request.stream)
    return content if content or declared else None


def origin_of(url: Any) -> Origin:
    """Return the origin of a URL that the library parsed; raises httpx.UnsupportedProtocol."""
    scheme, host = url.scheme, url.raw_host.decode("ascii")
    if scheme not in DEFAULT_PORTS or not host:
        raise httpx.UnsupportedProtocol(f"Request URL has an unsupported protocol '{scheme}://'.")
    return Origin(scheme, host, DEFAULT_PORTS[scheme] if url.port is None else url.port)


def response_of(incoming: Incoming, library: Library, runtime: Runtime, request: Request) -> Any:
    head = incoming.head
    if request.trace is None:
        body = stream_type(library, DirectBody)(incoming, library)
    else:
        body = stream_type(library, TracedBody)(incoming, library, runtime, request)
    return library.module.Response(head.status, headers=head.fields, stream=body, extensions=incoming.extensions)


class Body:
    """The body of a response for threads and tasks.

    It is an iterator, because a loop that ends early would leave a generator open. After the last bytes, the body
    closes itself. Closing never waits.
    """

    def __init__(self, incoming: Incoming, library: Library) -> None:
        self.incoming: Incoming = incoming
        self._library = library

    def __iter__(self) -> Iterator[bytes]:
        while data := run_sync(self._receive()):
            yield data

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await self._receive()
        if not data:
            raise StopAsyncIteration
        return data

    async def _receive(self) -> bytes:
        if self.incoming.closed and not self.incoming.complete:
            raise self._library.module.StreamClosed
        try:
            return await self.incoming.receive()
        except HTTPConnError as error:
            self._library.raise_own(error, HTTPX)
            raise


class DirectBody(Body):
    """A body without a trace callback."""

    def close(self) -> None:
        self.incoming.abandon()

    async def aclose(self) -> None:
        self.incoming.abandon()


class TracedBody(Body):
    """A body with a trace callback, which gets each event once. An exception of the callback closes the body."""

    def __init__(self, incoming: Incoming, library: Library, runtime: Runtime, request: Request) -> None:
        super().__init__(incoming, library)
        self._runtime = runtime
        self._request = request
        self._prefix = "http2" if incoming.head.version == b"HTTP/2" else "http11"
        self._reported: set[str] = set()

    async def _report(self, event: str, info: dict[str, Any]) -> None:
        if event not in self._reported:
            self._reported.add(event)
            await self._runtime.trace(self._request.trace, f"{self._prefix}.{event}", info)

    async def _receive(self) -> bytes:
        try:
            await self._report("receive_response_body.started", {"request": traced_request(self._request)})
            data = await self._received()
            if not data:
                await self._report("receive_response_body.complete", {"return_value": None})
        except BaseException:
            self.incoming.abandon()
            raise
        return data

    async def _received(self) -> bytes:
        try:
            return await super()._receive()
        except Exception as error:
            await self._report("receive_response_body.failed", {"exception": error})
            raise

    async def aclose(self) -> None:
        try:
            await self._report("response_closed.started", {})
        finally:
            self.incoming.abandon()
        await self._report("response_closed.complete", {"return_value": None})

    def close(self) -> None:
        run_sync(self.aclose())
