"""HTTPConnection: every method of the public face is one line over a flow."""

from __future__ import annotations

import atexit
import os
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from ._version import __version__
from .access import AccessPolicy
from .calls import URL, Calls, Headers, Timeout, require
from .core.decoding import offered
from .core.intake import ByteBudget
from .core.rates import RateLimiter
from .core.requests import RequestBuilder
from .flows import fetch
from .flows.download import fetch_file
from .flows.exchange import Call, Rules
from .options import Limits, RateLimit, RedirectPolicy, RetryPolicy, Timeouts, without_total
from .ports.aio import AsyncPort
from .ports.base import Port
from .ports.clients import ClientOptions, Clients
from .ports.sync import SyncPort
from .progress import ProgressCallback
from .response import AsyncStream, Response, SyncStream
from .stepping import run_sync
from .transport.tls import Certificate

T = TypeVar("T")
P = ParamSpec("P")

DEFAULT_TIMEOUTS = Timeouts()


class HTTPConnection:
    """Fetches bytes, text, JSON and files over HTTP, from synchronous code, asyncio and trio.

    One object serves any number of threads, event loops and forked processes at once. It opens nothing until it is
    used. Close it with ``close`` or ``aclose``, or use it in a ``with`` or ``async with`` block; a closed one opens
    anew when it is used again.

    Args:
        reuse_client: keep connections between calls; False makes and closes a client for each call.
        user_agent: the User-Agent; by default ``httpconn/VERSION``.
        headers: sent with every request; those of a call win. On a redirect they stay on their origin.
        timeout: a number of seconds for the whole of each call, or :class:`Timeouts`.
        limits: see :class:`Limits`.
        retries: a number of retries, or :class:`RetryPolicy`.
        access: which URLs may be fetched; see :class:`AccessPolicy`.
        redirects: see :class:`RedirectPolicy`.
        rate_limit: how often requests to one host may start; see :class:`RateLimit`.
        verify: True (certifi's authorities, or those of SSL_CERT_FILE or SSL_CERT_DIR), False, the path of a PEM
            file or a folder, "system" (the operating system's store), or an ``ssl.SSLContext``.
        cert: a client certificate: a path, (certificate, key) or (certificate, key, password).
        proxy: the URL of a proxy for everything.
        trust_env: honour HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR, SSLKEYLOGFILE.
        http2: speak HTTP/2 where the server does; needs the extra ``http2``.
        event_hooks: as in httpx: ``{"request": [...], "response": [...]}``.
        transport: any httpx transport, for the synchronous methods.
        async_transport: any asynchronous httpx transport, for the asynchronous ones.

    Raises:
        InvalidRequest: an option is not valid.
    """

    def __init__(
        self,
        *,
        reuse_client: bool = True,
        user_agent: str | None = None,
        headers: Headers = None,
        timeout: Timeout = DEFAULT_TIMEOUTS,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        retries: RetryPolicy | int = RetryPolicy(),  # noqa: B008 - frozen
        access: AccessPolicy = AccessPolicy.anywhere(),  # noqa: B008 - frozen
        redirects: RedirectPolicy = RedirectPolicy(),  # noqa: B008 - frozen
        rate_limit: RateLimit | None = None,
        verify: ssl.SSLContext | str | bool = True,
        cert: Certificate | None = None,
        proxy: str | httpx.URL | httpx.Proxy | None = None,
        trust_env: bool = True,
        http2: bool = False,
        event_hooks: Mapping[str, Sequence[Callable[..., Any]]] | None = None,
        transport: httpx.BaseTransport | None = None,
        async_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        require(limits=(limits, Limits), access=(access, AccessPolicy), redirects=(redirects, RedirectPolicy))
        require(rate_limit=(rate_limit, RateLimit | None), event_hooks=(event_hooks, Mapping | None))
        require(reuse_client=(reuse_client, bool), trust_env=(trust_env, bool), http2=(http2, bool))
        require(transport=(transport, httpx.BaseTransport | None))
        require(async_transport=(async_transport, httpx.AsyncBaseTransport | None))
        builder = RequestBuilder(
            user_agent=f"httpconn/{__version__}" if user_agent is None else user_agent,
            accept_encoding=offered(),
            headers_given=headers,
            access=access,
        )
        rates = None if rate_limit is None else RateLimiter(rate_limit)
        timeouts = Timeouts(total=None) if timeout is None else Timeouts.of(timeout)
        self._calls = Calls(
            Rules(builder, limits, RetryPolicy.of(retries), redirects, rates),
            timeouts,
            # A file takes as long as it takes, unless somebody said otherwise.
            file_timeouts=without_total(timeouts) if timeout is DEFAULT_TIMEOUTS else timeouts,
        )
        self._clients = Clients(
            ClientOptions(
                fields=builder.fields,
                timeouts=timeouts,
                limits=limits,
                verify=verify,
                cert=cert,
                proxy=proxy,
                trust_env=trust_env,
                http2=http2,
                event_hooks=event_hooks or {},
                transport=transport,
                async_transport=async_transport,
            ),
            reuse=reuse_client,
        )

    @property
    def reuse_client(self) -> bool:
        """Whether clients are kept between calls."""
        return self._clients.reuse

    def get_sync_client(self) -> httpx.Client:
        """The ``httpx.Client`` of the synchronous methods; with ``reuse_client=False`` a new one, yours to close."""
        return self._clients.sync_client()

    async def get_async_client(self) -> httpx.AsyncClient:
        """The ``httpx.AsyncClient`` of this event loop; with ``reuse_client=False`` a new one, yours to close."""
        return await self._clients.async_client()

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

        Raises:
            HTTPConnError: see :mod:`httpconn.errors`; never for a status.
        """
        call = self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget, floor=not stream)
        port = self._sync_port()
        if stream:
            answer = run_sync(fetch.open_answer(port, call))
            return Response(answer, port, SyncStream(answer, port))
        answer, content = run_sync(fetch.finished(port, fetch.fetch_answer(port, call)))
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
    ) -> Response:
        """The same as :meth:`get_response`, awaited."""
        call = self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget, floor=not stream)
        port = await self._async_port()
        if stream:
            answer = await fetch.open_answer(port, call)
            return Response(answer, port, AsyncStream(answer, port))
        answer, content = await fetch.finished(port, fetch.fetch_answer(port, call))
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
    ) -> bytes:
        """GET a URL and return its decoded body. The arguments are those of :meth:`get_response`.

        Raises:
            StatusError: the status is no success; a redirect that is not followed is none.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        return self._run(
            fetch.fetch_bytes, self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget)
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
    ) -> bytes:
        """The same as :meth:`get_bytes`, awaited."""
        call = self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget)
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
    ) -> str:
        """GET a URL and return its body as text, by its byte order mark, its charset, or as UTF-8.

        What cannot be decoded becomes U+FFFD. Otherwise as :meth:`get_bytes`.
        """
        return self._run(
            fetch.fetch_text, self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget)
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
    ) -> str:
        """The same as :meth:`get_text`, awaited."""
        call = self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget)
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
    ) -> Any:
        """GET a URL and return its parsed JSON (RFC 8259; UTF-8, UTF-16 or UTF-32).

        Raises:
            InvalidJSON: the body is not JSON. Otherwise as :meth:`get_bytes`.
        """
        return self._run(
            fetch.fetch_json, self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget)
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
    ) -> Any:
        """The same as :meth:`get_json`, awaited."""
        call = self._calls.fetch(url, timeout, extra_headers, allow_redirects, max_bytes, budget)
        return await self._await(fetch.fetch_json, call)

    def download_file(
        self,
        url: URL,
        save_path: str | os.PathLike[str],
        *,
        timeout: Timeout = None,
        chunk_size: int | None = None,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        progress: ProgressCallback | None = None,
    ) -> Path:
        """Download a URL to a file and return its path.

        The bytes go to a partial file beside the target, which replaces the target once it is complete and on disk;
        what stood there before survives every failure.

        Args:
            url: an http or https URL.
            save_path: the file; its folder must exist.
            timeout: seconds for the whole call, or :class:`Timeouts`. None means the connection's; the default has
                no total for files, which are bounded by ``Limits.min_speed`` instead.
            chunk_size: accepted for old callers; the size of a block on disk is httpconn's own.
            extra_headers: headers for this call; on a redirect they stay on their origin.
            max_bytes: bytes that the file may have; None means no limit.
            budget: bytes that several calls may fetch together.
            progress: called with a :class:`Progress` at most about ten times a second.

        Raises:
            StorageError: the file cannot be written; DiskFull where there is no space.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        return self._run(
            fetch_file, self._calls.file(url, timeout, extra_headers, max_bytes, budget), save_path, progress
        )

    async def async_download_file(
        self,
        url: URL,
        save_path: str | os.PathLike[str],
        *,
        timeout: Timeout = None,
        chunk_size: int | None = None,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        progress: ProgressCallback | None = None,
    ) -> Path:
        """The same as :meth:`download_file`, awaited; the file is written off the event loop."""
        call = self._calls.file(url, timeout, extra_headers, max_bytes, budget)
        return await self._await(fetch_file, call, save_path, progress)

    def close(self) -> None:
        """Close what the synchronous methods opened; what event loops hold is closed by them."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close what the methods awaited in this event loop opened, and what ``close`` does."""
        await self._clients.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def _sync_port(self) -> SyncPort:
        return SyncPort(self._clients.sync_client(), owned=not self.reuse_client)

    async def _async_port(self) -> AsyncPort:
        return AsyncPort(await self._clients.async_client(), owned=not self.reuse_client)

    def _run(
        self,
        flow: Callable[Concatenate[Port, Call, P], Coroutine[Any, Any, T]],
        call: Call,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        port = self._sync_port()
        return run_sync(fetch.finished(port, flow(port, call, *args, **kwargs)))

    async def _await(
        self,
        flow: Callable[Concatenate[Port, Call, P], Coroutine[Any, Any, T]],
        call: Call,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        port = await self._async_port()
        return await fetch.finished(port, flow(port, call, *args, **kwargs))


global_http_connection: HTTPConnection = HTTPConnection()
"""The connection that programs share; it opens nothing until it is used."""

atexit.register(global_http_connection.close)
