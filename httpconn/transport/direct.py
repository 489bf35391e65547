"""The engine in the words of httpx: requests in, responses out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx

from ..core.messages import DEFAULT_PORTS, Origin, Request
from ..stepping import run_sync
from .incoming import Incoming


def request_of(request: httpx.Request) -> Request:
    """Return an httpx.Request as a plain one.

    Raises:
        httpx.UnsupportedProtocol: its URL is none of http or https.
    """
    extensions = request.extensions
    origin = origin_of(request.url)
    name = extensions.get("sni_hostname")
    return Request(
        origin,
        extensions.get("target") or request.url.raw_path,
        request.headers.raw,
        method=request.method,
        body=_body_of(request),
        server_name=None if name == origin.host else name,
        trace=extensions.get("trace"),
        made=request,
    )


def _body_of(request: httpx.Request) -> object:
    """None where the header declares no body and there is none."""
    if not isinstance(request.stream, httpx.ByteStream):
        return request.stream
    content = b"".join(request.stream)
    declared = "content-length" in request.headers or "transfer-encoding" in request.headers
    return content if content or declared else None


def origin_of(url: httpx.URL) -> Origin:
    """Return the origin of a URL that httpx parsed; raises httpx.UnsupportedProtocol."""
    scheme, host = url.scheme, url.raw_host.decode("ascii")
    if scheme not in DEFAULT_PORTS or not host:
        raise httpx.UnsupportedProtocol(f"Request URL has an unsupported protocol '{scheme}://'.")
    return Origin(scheme, host, DEFAULT_PORTS[scheme] if url.port is None else url.port)


def response_of(incoming: Incoming) -> httpx.Response:
    """Return a response as httpx's, its body still to come."""
    head = incoming.head
    body = DirectBody(incoming)
    return httpx.Response(head.status, headers=head.fields, stream=body, extensions=incoming.extensions)


class DirectBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body for both faces: an iterator, so that leaving a loop over it leaves no generator behind.

    It closes itself at its end; closing never waits.

    Attributes:
        incoming: what it comes from.
    """

    def __init__(self, incoming: Incoming) -> None:
        self.incoming: Incoming = incoming

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
            raise httpx.StreamClosed
        return await self.incoming.receive()

    def close(self) -> None:
        """Give the connection back."""
        self.incoming.abandon()

    async def aclose(self) -> None:
        """Give the connection back."""
        self.incoming.abandon()
