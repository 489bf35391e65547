"""The methods that send one request: GET, or any method with a body. They run flows of :mod:`httpconn.exchange`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

import httpconn

from ..core.auth import Auth
from ..core.bodycounter import ByteBudget
from ..core.headers import TOKEN
from ..core.lazymodules import LazyModule
from ..core.urls import URL, VettedURL
from ..errors import InvalidRequest
from ..exchange.rules import Call
from .arguments import ExpectType, Headers, Params, Retries, Timeout, require
from .runner import Runner, fetch, like, reject_unknown, response

if TYPE_CHECKING:
    from ..adapters import encoding
    from ..progress import Meter
else:
    encoding = LazyModule("adapters.encoding")


class Requesting(Runner):
    """The methods of HTTPConnection that send one request."""

    def get_response(
        self,
        url: URL,
        *,
        stream: bool = False,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        allow_redirects: bool = True,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        accept: ExpectType = None,
    ) -> response.Response:
        """GET a URL and return the response, regardless of its status.

        Args:
            url: an http or https URL. Its path and query reach the server unchanged.
            stream: return the response before its body is read. Read the body from the response, then close it.
            timeout: seconds for the whole call, or :class:`Timeouts`. None means the timeouts of the connection.
            extra_headers: header fields for this call. A redirect to another origin does not get them.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.
            allow_redirects: follow redirects.
            max_bytes: maximum size of the body in bytes, as received and as decoded. None means the connection's limit.
            budget: a :class:`ByteBudget`, a limit that several calls share.
            retries: number of retries, or :class:`RetryPolicy`. None means the retries of the connection.
            accept: accepted media types, such as ``{"image/*"}``. The first 1,445 bytes of a successful response
                determine its type; a body of another type is not read.

        Returns:
            The response. With ``stream=False``, its body has been read and its connection released.

        Raises:
            UnexpectedContent: the type of the body is not accepted. The error names the declared and the real type.
            HTTPConnError: see :mod:`httpconn.errors`. No status raises an error.
        """
        options = timeout, extra_headers, auth, allow_redirects, max_bytes, budget, retries, accept
        return self._respond(self._calls.fetch(url, *options), stream)

    @like(get_response)
    async def get_async_response(self, url: URL, *, stream: bool = False, **options: Any) -> response.Response:
        """Do the same as :meth:`get_response` in asyncio or trio."""
        if options:
            reject_unknown(Requesting.get_async_response, options)
        return await self._await_response(self._calls.fetch(url, **options), stream)

    def get_bytes(
        self,
        url: URL,
        *,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        accept: ExpectType = None,
    ) -> bytes:
        """GET a URL and return its decoded body. The arguments are the same as in :meth:`get_response`.

        Raises:
            StatusError: the status is not 2xx. This includes a redirect that was not followed.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        return self._run(
            fetch.fetch_bytes,
            self._calls.fetch(url, timeout, extra_headers, auth, allow_redirects, max_bytes, budget, retries, accept),
        )

    @like(get_bytes)
    async def async_get_bytes(self, url: URL, **options: Any) -> bytes:
        """Do the same as :meth:`get_bytes` in asyncio or trio."""
        if options:
            reject_unknown(Requesting.async_get_bytes, options)
        return await self._await(fetch.fetch_bytes, self._calls.fetch(url, **options))

    @like(get_bytes)
    def get_text(self, url: URL, **options: Any) -> str:
        """GET a URL and return its body as text. The arguments and errors are the same as in :meth:`get_bytes`.

        The encoding comes from the byte order mark or else from the charset of the Content-Type. The default is UTF-8.
        Bytes that cannot be decoded become U+FFFD.
        """
        if options:
            reject_unknown(Requesting.get_text, options)
        return self._run(fetch.fetch_text, self._calls.fetch(url, **options))

    @like(get_bytes)
    async def async_get_text(self, url: URL, **options: Any) -> str:
        """Do the same as :meth:`get_text` in asyncio or trio."""
        if options:
            reject_unknown(Requesting.async_get_text, options)
        return await self._await(fetch.fetch_text, self._calls.fetch(url, **options))

    @like(get_bytes)
    def get_json(self, url: URL, **options: Any) -> Any:
        """GET a URL and return its parsed JSON (RFC 8259). The arguments are the same as in :meth:`get_bytes`.

        The encoding may be UTF-8, UTF-16 or UTF-32.

        Raises:
            InvalidJSON: the body is not JSON.
            StatusError: the status is not 2xx.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        if options:
            reject_unknown(Requesting.get_json, options)
        return self._run(fetch.fetch_json, self._calls.fetch(url, **options))

    @like(get_bytes)
    async def async_get_json(self, url: URL, **options: Any) -> Any:
        """Do the same as :meth:`get_json` in asyncio or trio."""
        if options:
            reject_unknown(Requesting.async_get_json, options)
        return await self._await(fetch.fetch_json, self._calls.fetch(url, **options))

    def request(
        self,
        method: str,
        url: URL,
        *,
        content: encoding.Content | None = None,
        data: encoding.Data | None = None,
        files: encoding.Files | None = None,
        json: Any = None,
        params: Params = None,
        headers: Headers = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        stream: bool = False,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        progress: httpconn.ProgressCallback | None = None,
    ) -> response.Response:
        """Send a request with any method and a body, and return the response, regardless of its status.

        The body is one of ``content``, ``json``, and ``data`` with or without ``files``. It is encoded as in httpx.

        A redirect with the status 307 or 308 repeats the request. After any other redirect, the next request is a GET
        without a body, or a HEAD after a HEAD. A failed request is sent again if its method is idempotent, or if it has
        the header field ``Idempotency-Key``, and if its body can be sent again. A body from an iterator, or from a file
        that cannot seek, can be sent only once.

        Args:
            method: the method, such as "POST".
            url: an http or https URL.
            content: the body: bytes, text, a file in binary mode, or an iterable of bytes. A file is sent from its
                current position on. ``async_request`` also takes asynchronous iterables. It reads files and iterables
                in a worker thread.
            data: the fields of a form, a mapping.
            files: the files of a multipart form: a mapping of names to files, or to (file name, file, media type).
            json: a value to send as JSON.
            params: parameters to add to the query of the URL: a mapping, or pairs of names and values.
            headers: header fields for this call. A redirect to another origin does not get them, except those that
                describe the body.
            extra_headers: another name of ``headers``, as in the other methods.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.
            stream: return the response before its body is read. Read the body from the response, then close it.
            timeout: seconds for the whole call, or :class:`Timeouts`. None means the timeouts of the connection.
            allow_redirects: follow redirects.
            max_bytes: maximum size of the response body in bytes. None means the limit of the connection.
            budget: a :class:`ByteBudget`, a limit that several calls share.
            retries: number of retries, or :class:`RetryPolicy`. None means the retries of the connection.
            progress: a function that gets :class:`httpconn.Progress` events while the body is sent.

        Returns:
            The response. With ``stream=False``, its body has been read and its connection released.

        Raises:
            InvalidRequest: the body cannot be encoded. No connection was made.
            MalformedRequest: a file has changed while it was sent.
            HTTPConnError: see :mod:`httpconn.errors`. No status raises an error.
        """
        wanted = content, data, files, json, params, headers, extra_headers, progress
        options: dict[str, Any] = {"timeout": timeout, "auth": auth, "allow_redirects": allow_redirects}
        options |= {"max_bytes": max_bytes, "budget": budget, "retries": retries}
        with self._sending(False, method, url, *wanted, **options) as call:
            return self._respond(call, stream)

    @like(request)
    async def async_request(self, method: str, url: URL, *, stream: bool = False, **options: Any) -> response.Response:
        """Do the same as :meth:`request` in asyncio or trio."""
        if options:
            reject_unknown(Requesting.async_request, options)
        with self._sending(True, method, url, **options) as call:
            return await self._await_response(call, stream)

    @contextmanager
    def _sending(
        self,
        in_loop: bool,
        method: str,
        url: URL,
        content: encoding.Content | None = None,
        data: encoding.Data | None = None,
        files: encoding.Files | None = None,
        json: Any = None,
        params: Params = None,
        headers: Headers = None,
        extra_headers: Headers = None,
        progress: httpconn.ProgressCallback | None = None,
        **options: Any,
    ) -> Iterator[Call]:
        """Provide the call for a request. Its progress ends with the block."""
        require(progress=(progress, Callable | None))
        if not isinstance(method, str) or not TOKEN.fullmatch(method := method.upper()) or method == "CONNECT":
            raise InvalidRequest("method must be a method of HTTP other than CONNECT, such as POST")
        if headers is not None and extra_headers is not None:
            raise InvalidRequest("headers= and extra_headers= are the same option; give only one of them")
        fields = headers if extra_headers is None else extra_headers
        call = self._calls.fetch(url, extra_headers=fields, **options)
        spec = call.spec if params is None else replace(call.spec, url=call.spec.url.with_query(_query_of(params)))
        self._calls.rules.builder.admit_method(method, spec.url)
        body = encoding.GivenBody(content, data, files, json)
        watch = None if progress is None else Watch(progress, spec.url, content)
        call = replace(call, spec=encoding.with_body(spec, method, body, in_loop=in_loop, observer=watch))
        try:
            if watch is not None:
                watch.body = call.spec.body
            yield call
        except BaseException:
            if watch is not None:
                watch.fail()
            raise


def _query_of(params: Any) -> bytes:
    try:
        return str(httpx.QueryParams(params)).encode("ascii")
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidRequest("params must be a mapping or pairs of names and values") from error


class Watch:
    """The progress of the body of one call, as events for a callback. See :class:`httpconn.runtime.uploads.Observer`.

    Attributes:
        body: the body as it is sent.
    """

    body: Any = None
    _meter: Meter

    def __init__(self, callback: httpconn.ProgressCallback, url: VettedURL, content: encoding.Content | None) -> None:
        self._callback = callback
        self._attempt = 0
        self._url = url.redacted
        named = getattr(content, "name", None)
        path = Path(named if isinstance(named, str) else url.target.decode("ascii").partition("?")[0])
        self._path = path if path.name else Path("upload")

    def begin(self) -> None:
        """Start an attempt."""
        from ..progress import Meter

        self._attempt += 1
        self._meter = Meter(
            self._callback,
            total=getattr(self.body, "length", None),
            url=self._url,
            path=self._path,
            attempt=self._attempt,
            started_at=time.monotonic(),
            is_upload=True,
        )

    def advance(self, count: int) -> None:
        """Count sent bytes."""
        self._meter.advance(count, time.monotonic())

    def finish(self) -> None:
        """Report that the body was sent."""
        self._meter.finish(time.monotonic())

    def fail(self) -> None:
        """Report that the call has failed."""
        if hasattr(self, "_meter"):
            self._meter.fail(time.monotonic())
