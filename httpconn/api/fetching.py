"""The methods that fetch what is held in memory, or streamed: each is a line over a flow."""

from __future__ import annotations

from typing import Any

from ..core.bodycounter import ByteBudget
from ..core.urls import URL
from ..exchange import fetch
from ..response import AsyncStream, Response, SyncStream
from ..runtime.stepping import run_sync
from .arguments import Headers, Retries, Timeout
from .runner import Face


class Fetching(Face):
    """Responses, bytes, text and JSON."""

    def get_response(
        self,
        url: URL,
        *,
        stream: bool = False,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        allow_redirects: bool = True,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> Response:
        """GET a URL and return the answer, whatever its status.

        Args:
            url: an http or https URL; its target reaches the server byte for byte.
            stream: leave the body to be read from the response, which must then be closed.
            timeout: seconds for the whole call, or :class:`Timeouts`; None means the connection's.
            extra_headers: headers for this call; on a redirect they stay on their origin.
            allow_redirects: follow redirects.
            max_bytes: bytes that the body may have, on the wire and decoded alike; None means the connection's limit.
            budget: bytes that several calls may fetch together.
            retries: a number of retries, or :class:`RetryPolicy`; None means the connection's.

        Raises:
            HTTPConnError: see :mod:`httpconn.errors`; never for a status.
        """
        call = self._calls.fetch(
            url, timeout, extra_headers, allow_redirects, max_bytes, budget, retries, min_speed=not stream
        )
        port = self._sync_port()
        if stream:
            answer = run_sync(fetch.open_response(port, call))
            return Response(answer, port, SyncStream(answer, port))
        answer, content = run_sync(fetch.run_call(port, call, fetch.fetch_response(port, call)))
        return Response(answer, port, SyncStream(answer, port), content)

    async def get_async_response(
        self,
        url: URL,
        *,
        stream: bool = False,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        allow_redirects: bool = True,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> Response:
        """The same as :meth:`get_response`, awaited."""
        call = self._calls.fetch(
            url, timeout, extra_headers, allow_redirects, max_bytes, budget, retries, min_speed=not stream
        )
        port = await self._async_port()
        if stream:
            answer = await fetch.open_response(port, call)
            return Response(answer, port, AsyncStream(answer, port))
        answer, content = await fetch.run_call(port, call, fetch.fetch_response(port, call))
        return Response(answer, port, AsyncStream(answer, port), content)

    def get_bytes(
        self,
        url: URL,
        *,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> bytes:
        """GET a URL and return its decoded body. The arguments are those of :meth:`get_response`.

        Raises:
            StatusError: the status is no success; a redirect that is not followed is none.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        return self._run(
            fetch.fetch_bytes,
            self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget, retries),
        )

    async def async_get_bytes(
        self,
        url: URL,
        *,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> bytes:
        """The same as :meth:`get_bytes`, awaited."""
        call = self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget, retries)
        return await self._await(fetch.fetch_bytes, call)

    def get_text(
        self,
        url: URL,
        *,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> str:
        """GET a URL and return its body as text, by its byte order mark, its charset, or as UTF-8.

        What cannot be decoded becomes U+FFFD. Otherwise as :meth:`get_bytes`.
        """
        return self._run(
            fetch.fetch_text,
            self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget, retries),
        )

    async def async_get_text(
        self,
        url: URL,
        *,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> str:
        """The same as :meth:`get_text`, awaited."""
        call = self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget, retries)
        return await self._await(fetch.fetch_text, call)

    def get_json(
        self,
        url: URL,
        *,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> Any:
        """GET a URL and return its parsed JSON (RFC 8259; UTF-8, UTF-16 or UTF-32).

        Raises:
            InvalidJSON: the body is not JSON. Otherwise as :meth:`get_bytes`.
        """
        return self._run(
            fetch.fetch_json,
            self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget, retries),
        )

    async def async_get_json(
        self,
        url: URL,
        *,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
    ) -> Any:
        """The same as :meth:`get_json`, awaited."""
        call = self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget, retries)
        return await self._await(fetch.fetch_json, call)
