"""The errors of httpconn. They form one tree, and the library raises no other exceptions.

::

    HTTPConnError
    ├── InvalidRequest          (ValueError)              a request that is not sent
    │   ├── InvalidURL          (httpx.InvalidURL)
    │   ├── MalformedRequest    (httpx.LocalProtocolError)  not valid as HTTP
    │   └── AccessDenied
    ├── TransportError          (httpx.TransportError)    the connection to the server
    │   ├── ConnectFailed       (httpx.ConnectError)
    │   │   └── TLSFailed                                 certificate or handshake failed
    │   ├── ReadFailed          (httpx.ReadError)
    │   │   └── Disconnected    (httpx.RemoteProtocolError)  the connection ended before a response
    │   ├── WriteFailed         (httpx.WriteError)
    │   ├── ProxyFailed         (httpx.ProxyError)
    │   └── TimedOut            (httpx.TimeoutException, TimeoutError)
    │       ├── ConnectTimedOut (httpx.ConnectTimeout)
    │       ├── ReadTimedOut    (httpx.ReadTimeout)
    │       ├── WriteTimedOut   (httpx.WriteTimeout)
    │       ├── PoolTimedOut    (httpx.PoolTimeout)
    │       │   └── QueueFull                             too many calls are waiting
    │       ├── TooSlow                                   a body below the minimum speed
    │       └── DeadlineExceeded                          the time limit of the whole call
    ├── ResponseError                                     an unusable response
    │   ├── StatusError         (httpx.HTTPStatusError)
    │   ├── TooManyRedirects    (httpx.TooManyRedirects)
    │   ├── RedirectRefused
    │   ├── ProtocolError       (httpx.RemoteProtocolError)
    │   │   ├── StreamReset
    │   │   └── TruncatedBody
    │   ├── RangesRefused                             a server without range requests
    │   ├── UnexpectedContent                         a body that is not the file, as from a captive portal
    │   ├── DecodingError       (httpx.DecodingError)
    │   └── InvalidJSON         (ValueError)
    ├── LimitExceeded           (ValueError)              a response larger than allowed
    │   └── HeaderTooLarge      (httpx.RemoteProtocolError)
    ├── IntegrityError                                    the content is not the expected one
    │   └── FileChanged                                   the file changed between two reads
    └── StorageError            (OSError)                 the local disk
        └── DiskFull

The exception in brackets is a second base class. Code that catches the exception of httpx or of the standard library
therefore catches the error of httpconn too. Every error can be pickled, and rebuilt with ``type(error)(*error.args)``.
It keeps the underlying exception as ``__cause__``. It names the URL without credentials and without the values of the
query.
"""

import errno as errnos
from typing import Any, ClassVar, Literal

import httpx

from .errorbase import PROXY_ADVICE as PROXY_ADVICE
from .errorbase import Fault, HTTPConnError
from .errorbase import install as install

__all__ = [
    "AccessDenied",
    "ConnectFailed",
    "ConnectTimedOut",
    "DeadlineExceeded",
    "DecodingError",
    "Disconnected",
    "DiskFull",
    "FileChanged",
    "HTTPConnError",
    "HeaderTooLarge",
    "IntegrityError",
    "InvalidJSON",
    "InvalidRequest",
    "InvalidURL",
    "LimitExceeded",
    "MalformedRequest",
    "PoolTimedOut",
    "ProtocolError",
    "ProxyFailed",
    "QueueFull",
    "RangesRefused",
    "ReadFailed",
    "ReadTimedOut",
    "RedirectRefused",
    "ResponseError",
    "StatusError",
    "StorageError",
    "StreamReset",
    "TLSFailed",
    "TimedOut",
    "TooManyRedirects",
    "TooSlow",
    "TransportError",
    "TruncatedBody",
    "UnexpectedContent",
    "WriteFailed",
    "WriteTimedOut",
]

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 528)})
"""Statuses after which a retry can succeed. A CDN sends 520 to 527 if it cannot reach the origin server."""

LimitKind = Literal["size", "budget", "ratio"]

_PHRASE = 60


def printable(text: str, max_length: int) -> str:
    """Return untrusted text for use in a message: shortened, and with ``?`` in place of control characters."""
    safe = text[: max_length + 1]
    if not safe.isprintable():
        safe = "".join(char if char.isprintable() else "?" for char in safe)
    return safe if len(safe) <= max_length else f"{safe[: max_length - 3]}..."


class InvalidRequest(HTTPConnError, ValueError):
    """A header, an option or a path is not valid. Raised before the request is sent."""

    fault: Fault = "caller"
    public_message = "The request is not valid."


class InvalidURL(InvalidRequest, httpx.InvalidURL):
    """The URL cannot be fetched, because it is malformed or ambiguous, or not an http or https URL."""

    public_message = "The URL is not a valid http or https URL."


class MalformedRequest(InvalidRequest, httpx.LocalProtocolError):
    """The method, target, header or body of the request is not valid as HTTP, or a file changed while it was sent."""


class AccessDenied(InvalidRequest):
    """The access policy denies this URL, or an address of its host.

    Attributes:
        reason: the kind of the rule, such as "private network" or "port".
        rule: the rule, such as "private network 10.0.0.0/8 (RFC 1918)" or "port 22".
    """

    public_message = "The URL may not be fetched."

    def __init__(self, message: str, reason: str = "", rule: str = "", *, url: str | None = None) -> None:
        super().__init__(message, reason, rule, url=url)
        self.reason: str = reason
        self.rule: str = rule


class TransportError(HTTPConnError, httpx.TransportError):
    """The connection to the server or to the proxy failed."""

    retryable = True
    public_message = "The server of the URL could not be reached."


class ConnectFailed(TransportError, httpx.ConnectError):
    """No connection could be made: the name did not resolve, or no address responded."""


class TLSFailed(ConnectFailed):
    """The TLS handshake failed, or the certificate is not valid. No request was sent."""

    retryable = False
    public_message = "No secure connection to the server of the URL could be made."


class ReadFailed(TransportError, httpx.ReadError):
    """The connection broke while httpconn was reading the response or waiting for it."""


class Disconnected(ReadFailed, httpx.RemoteProtocolError):
    """The server closed the connection before it sent the first byte of a response."""


class WriteFailed(TransportError, httpx.WriteError):
    """The connection broke while httpconn was writing the request."""


class ProxyFailed(TransportError, httpx.ProxyError):
    """The proxy rejected the request, or the proxy could not be used.

    Attributes:
        status_code: the status with which an HTTP proxy rejected a tunnel, or None.
    """

    status_code: int | None = None

    def __init__(self, message: str, status: int | None = None, *, retryable: bool | None = None) -> None:
        if retryable is None and status is not None:
            retryable = status in TRANSIENT_STATUSES
        super().__init__(message, status, retryable=retryable)
        self.status_code = status
        if status == 407:
            self.advise(PROXY_ADVICE)


class TimedOut(TransportError, httpx.TimeoutException, TimeoutError):
    """A step took longer than its timeout."""

    public_message = "The server of the URL did not respond in time."


class ConnectTimedOut(TimedOut, httpx.ConnectTimeout):
    """DNS, connecting and the TLS handshake took longer than ``Timeouts.connect``."""


class ReadTimedOut(TimedOut, httpx.ReadTimeout):
    """The header, or the next bytes of the body, did not arrive within ``Timeouts.read``."""


class WriteTimedOut(TimedOut, httpx.WriteTimeout):
    """The request was not written within ``Timeouts.write``."""


class PoolTimedOut(TimedOut, httpx.PoolTimeout):
    """No connection became available within ``Timeouts.pool``."""


class QueueFull(PoolTimedOut):
    """``Limits.max_waiting`` calls are already waiting for a connection or a rate limit."""

    retryable = False


class TooSlow(TimedOut):
    """The body arrived more slowly than ``Limits.min_speed``."""


class DeadlineExceeded(TimedOut):
    """The whole call took longer than ``Timeouts.total``."""

    retryable = False


class ResponseError(HTTPConnError):
    """The server sent a response that cannot be used."""

    public_message = "The server of the URL sent no usable response."


class StatusError(ResponseError, httpx.HTTPStatusError):
    """The status of the response is not a success. This includes redirects that are not followed.

    Attributes:
        status_code: the status of the response.
        response: the response. It has a body only if the body was read.
    """

    _response: Any = None  # an httpx.Response, or an object with a method as_httpx

    def __init__(self, response: Any, status: int = 0, *, url: str | None = None) -> None:
        message = response
        if not isinstance(response, str):
            status = response.status_code
            message = f"The server responded with {status} {printable(response.reason_phrase, _PHRASE)}".rstrip()
        super().__init__(message, status, url=url, retryable=status in TRANSIENT_STATUSES)
        self.status_code: int = status
        if status == 407:
            self.advise(PROXY_ADVICE)
        if not isinstance(response, str):
            self._response = response
            self._request = response._request if isinstance(response, httpx.Response) else response.request

    @property
    def response(self) -> httpx.Response:
        """The response. After unpickling it has no header, because a header can hold secrets."""
        if not isinstance(self._response, httpx.Response):
            made = self._response
            self._response = httpx.Response(self.status_code) if made is None else made.as_httpx()
        return self._response

    @response.setter
    def response(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def fault(self) -> Fault:  # type: ignore[override]
        """The party at fault: the caller for a 4xx status, except one after which a retry can succeed."""
        return "caller" if 400 <= self.status_code < 500 and not self.retryable else "upstream"

    @property
    def public_message(self) -> str:  # type: ignore[override]
        """A message with the status."""
        return f"The server of the URL responded with status {self.status_code}."


class TooManyRedirects(ResponseError, httpx.TooManyRedirects):
    """The server sent more redirects than ``RedirectPolicy.max_hops``, for example in a loop."""

    fault: Fault = "caller"


class RedirectRefused(ResponseError):
    """httpconn does not follow the redirect.

    The redirect leads from https to http, to another port or to an invalid URL, has two different Locations, or repeats
    a request with a body that can be sent only once.
    """

    fault: Fault = "caller"


class ProtocolError(ResponseError, httpx.RemoteProtocolError):
    """The response violates HTTP."""


class StreamReset(ProtocolError):
    """The server reset the HTTP/2 stream. The message names the error code (RFC 9113 section 7)."""

    retryable = True


class TruncatedBody(ProtocolError):
    """The body ended before its declared end."""

    retryable = True


class RangesRefused(ResponseError):
    """The server does not support range requests (RFC 9110 section 14.2), and the file is too large for memory."""


class UnexpectedContent(ResponseError):
    """The body is not the requested file, or not of an accepted type: an error page may have taken its place."""

    retryable = True


class DecodingError(ResponseError, httpx.DecodingError):
    """The content coding of the body is not supported here or was not requested, or its data is invalid."""


class InvalidJSON(ResponseError, ValueError):
    """The body is not JSON. The message holds at most a short excerpt of it."""

    public_message = "The content of the URL is not valid JSON."


class LimitExceeded(HTTPConnError, ValueError):
    """The response is larger than allowed: its body, its decoded body or its header.

    Attributes:
        kind: "size" for a limit of one response, such as ``max_bytes``, "budget" for a :class:`ByteBudget`, "ratio" for
            ``Limits.max_ratio``.
        limit: the limit: bytes or header fields, or for "ratio" the decoded bytes for each received byte.
        received: the number that exceeded the limit: bytes or fields that the server declared or sent, for "ratio" the
            decoded bytes. None if it is not known.
    """

    fault: Fault = "caller"
    public_message = "The content of the URL is too large."

    def __init__(
        self, message: str, kind: LimitKind = "size", limit: int | None = None, received: int | None = None
    ) -> None:
        super().__init__(message, kind, limit, received)
        self.kind: LimitKind = kind
        self.limit: int | None = limit
        self.received: int | None = received


class HeaderTooLarge(LimitExceeded, httpx.RemoteProtocolError):
    """The header of the response has more fields or more bytes than ``Limits`` allow."""


class IntegrityError(HTTPConnError):
    """The content is complete, but it is not the expected content.

    Attributes:
        expected: the expected digest, as ``algorithm:hex``.
        actual: the digest of the content, as ``algorithm:hex``.
    """

    public_message = "The content of the URL is not the expected content."

    def __init__(self, message: str, expected: str | None = None, actual: str | None = None) -> None:
        super().__init__(message, expected, actual)
        self.expected: str | None = expected
        self.actual: str | None = actual


class FileChanged(IntegrityError):
    """The file on the server changed between two reads. Open it again."""


class StorageError(HTTPConnError, OSError):
    """The file could not be read or written. ``errno`` is the error number of the operating system."""

    public_message = "The content of the URL could not be stored."

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message, errno)
        self.errno = errno

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "errno": self.errno}


class DiskFull(StorageError):
    """The disk has no space for the file, or the quota is exhausted."""

    NUMBERS: ClassVar[frozenset[int]] = frozenset({errnos.ENOSPC, errnos.EDQUOT, errnos.EFBIG})
