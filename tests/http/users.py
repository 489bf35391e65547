"""The two clients of httpx with the transports of httpconn, behind one asynchronous interface."""

from __future__ import annotations

from typing import Any

import httpx

from httpconn.transport import AsyncHTTPTransport, HTTPTransport


class SyncUser:
    """A user of ``httpx.Client``. No method suspends."""

    def __init__(self, **options: Any) -> None:
        self.transport = HTTPTransport(**options)
        self._client = httpx.Client(transport=self.transport, trust_env=False)

    async def get(self, url: str, **options: Any) -> httpx.Response:
        return self._client.get(url, **options)

    async def post(self, url: str, content: bytes, **options: Any) -> httpx.Response:
        return self._client.post(url, content=content, **options)

    async def open(self, url: str, **options: Any) -> httpx.Response:
        """Return a response with an unread body."""
        return self._client.send(self._client.build_request("GET", url, **options), stream=True)

    async def first_bytes(self, response: httpx.Response) -> bytes:
        """Return the first part of the body."""
        return next(iter(response.stream))

    async def rest(self, response: httpx.Response) -> bytes:
        """Read the remaining stream of a response, even if the response is closed."""
        return b"".join(response.stream)

    async def read(self, response: httpx.Response) -> bytes:
        return response.read()

    async def close(self, response: httpx.Response) -> None:
        response.close()

    async def shut(self) -> None:
        """Close the transport without closing the client."""
        self.transport.close()

    async def leave(self) -> None:
        self._client.close()


class AsyncUser:
    """A user of ``httpx.AsyncClient``."""

    def __init__(self, **options: Any) -> None:
        self.transport = AsyncHTTPTransport(**options)
        self._client = httpx.AsyncClient(transport=self.transport, trust_env=False)

    async def get(self, url: str, **options: Any) -> httpx.Response:
        return await self._client.get(url, **options)

    async def post(self, url: str, content: bytes, **options: Any) -> httpx.Response:
        return await self._client.post(url, content=content, **options)

    async def open(self, url: str, **options: Any) -> httpx.Response:
        """Return a response with an unread body."""
        return await self._client.send(self._client.build_request("GET", url, **options), stream=True)

    async def first_bytes(self, response: httpx.Response) -> bytes:
        """Return the first part of the body."""
        parts = aiter(response.stream)
        try:
            return await anext(parts)
        finally:
            await parts.aclose()

    async def rest(self, response: httpx.Response) -> bytes:
        """Read the remaining stream of a response, even if the response is closed."""
        return b"".join([part async for part in response.stream])

    async def read(self, response: httpx.Response) -> bytes:
        return await response.aread()

    async def close(self, response: httpx.Response) -> None:
        await response.aclose()

    async def shut(self) -> None:
        """Close the transport without closing the client."""
        await self.transport.aclose()

    async def leave(self) -> None:
        await self._client.aclose()


User = SyncUser | AsyncUser
