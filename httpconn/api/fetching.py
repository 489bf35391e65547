"""The methods that return responses, bytes, text and JSON. Each method runs a flow of :mod:`httpconn.exchange`."""

from __future__ import annotations

from typing import Any

from ..core.auth import Auth
from ..core.bodycounter import ByteBudget
from ..core.urls import URL
from .arguments import ExpectType, Headers, Retries, Timeout
from .runner import Runner, fetch, like, reject_unknown, response


class Fetching(Runner):
    """The methods of HTTPConnection that return responses, bytes, text and JSON."""

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
            reject_unknown(Fetching.get_async_response, options)
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
            reject_unknown(Fetching.async_get_bytes, options)
        return await self._await(fetch.fetch_bytes, self._calls.fetch(url, **options))

    @like(get_bytes)
    def get_text(self, url: URL, **options: Any) -> str:
        """GET a URL and return its body as text. The arguments and errors are the same as in :meth:`get_bytes`.

        The encoding comes from the byte order mark or else from the charset of the Content-Type. The default is UTF-8.
        Bytes that cannot be decoded become U+FFFD.
        """
        if options:
            reject_unknown(Fetching.get_text, options)
        return self._run(fetch.fetch_text, self._calls.fetch(url, **options))

    @like(get_bytes)
    async def async_get_text(self, url: URL, **options: Any) -> str:
        """Do the same as :meth:`get_text` in asyncio or trio."""
        if options:
            reject_unknown(Fetching.async_get_text, options)
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
            reject_unknown(Fetching.get_json, options)
        return self._run(fetch.fetch_json, self._calls.fetch(url, **options))

    @like(get_bytes)
    async def async_get_json(self, url: URL, **options: Any) -> Any:
        """Do the same as :meth:`get_json` in asyncio or trio."""
        if options:
            reject_unknown(Fetching.async_get_json, options)
        return await self._await(fetch.fetch_json, self._calls.fetch(url, **options))
