"""The errors of httpconn: one tree, and no other exception leaves the library.

::

    HTTPConnError
    ├── InvalidRequest          (ValueError)              yours, before any I/O
    │   ├── InvalidURL          (httpx.InvalidURL)
    │   ├── MalformedRequest    (httpx.LocalProtocolError)  it cannot be sent as HTTP
    │   └── AccessDenied
    ├── TransportError          (httpx.TransportError)    the way there or back
    │   ├── ConnectFailed       (httpx.ConnectError)
    │   │   └── TLSFailed                                 certificate or handshake refused
    │   ├── ReadFailed          (httpx.ReadError)
    │   │   └── Disconnected    (httpx.RemoteProtocolError)  the connection ended before a response
    │   ├── WriteFailed         (httpx.WriteError)
    │   ├── ProxyFailed         (httpx.ProxyError)
    │   └── TimedOut            (httpx.TimeoutException, TimeoutError)
    │       ├── ConnectTimedOut (httpx.ConnectTimeout)
    │       ├── ReadTimedOut    (httpx.ReadTimeout)
    │       ├── WriteTimedOut   (httpx.WriteTimeout)
    │       ├── PoolTimedOut    (httpx.PoolTimeout)
    │       │   └── QueueFull                             too many wait already
    │       ├── TooSlow                                   a body below the speed floor
    │       └── DeadlineExceeded                          the whole call's time is over
    ├── ResponseError                                     theirs: an answer that is no success
    │   ├── StatusError         (httpx.HTTPStatusError)
    │   ├── TooManyRedirects    (httpx.TooManyRedirects)
    │   ├── RedirectRefused
    │   ├── ProtocolError       (httpx.RemoteProtocolError)
    │   │   ├── StreamReset
    │   │   └── TruncatedBody
    │   ├── RangesRefused                             a file that cannot be read in parts
    │   ├── DecodingError       (httpx.DecodingError)
    │   └── InvalidJSON         (ValueError)
    ├── LimitExceeded           (ValueError)              an answer larger than allowed
    │   └── HeaderTooLarge      (httpx.RemoteProtocolError)
    ├── IntegrityError                                    bytes that are not the promised ones
    │   └── FileChanged                                   another version, while it was read in parts
    └── StorageError            (OSError)                 the local disk
        └── DiskFull

The exception in brackets is a second base, so that code which catches httpx's, or the standard library's,
exception catches ours too. Every error can be pickled, keeps the exception below it as ``__cause__``, and names
the URL without credentials and without the values of its query.
"""

from __future__ import annotations

import errno as errnos
from typing import Any, ClassVar, Literal

import httpx

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
    "WriteFailed",
    "WriteTimedOut",
]

Fault = Literal["caller", "upstream"]

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 528)})
"""Statuses that a later try could turn into success; from 520 on those of a CDN that did not reach its origin."""

_PHRASE = 60


def printable(text: str, most: int) -> str:
    """What a stranger wrote, fit for a message: at most so many characters, and ``?`` for those of control."""
    shown = text[: most + 1]
    if not shown.isprintable():
        shown = "".join(char if char.isprintable() else "?" for char in shown)
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


class HTTPConnError(Exception):
    """The root of every error that httpconn raises.

    Attributes:
        message: what happened, for the operator; it may name hosts and addresses.
        url: the URL concerned, redacted, or None.
        retryable: whether the same call could succeed later.
        attempts: how many attempts were made; 0 when nothing was sent.
        elapsed: seconds from the start of the call to the error.
        fault: whose it is: "caller" (an API answers 4xx) or "upstream" (it answers 502 or 504).
        public_message: safe to show to a stranger: no address, no query, nothing of a body.
    """

    fault: Fault = "upstream"
    retryable: bool = False
    public_message: str = "The URL could not be fetched."
    _request: Any  # httpx.Request, or what makes one

    def __init__(self, message: str, *, url: str | None = None, retryable: bool | None = None) -> None:
        # Called by name: the second bases (httpx's, OSError) want other arguments than ours.
        Exception.__init__(self, message)
        self.message = message
        self.url = url
        self.attempts = 0
        self.elapsed: float = 0.0
        self._request = None
        if retryable is not None:
            self.retryable = retryable

    @property
    def request(self) -> httpx.Request:
        """The request that failed; as in httpx, a RuntimeError where none was made."""
        if self._request is None:
            raise RuntimeError("The .request property has not been set.")
        return self._request if isinstance(self._request, httpx.Request) else self._request.as_httpx()

    @request.setter
    def request(self, request: httpx.Request) -> None:
        self._request = request

    def __str__(self) -> str:
        where = f" [{self.url}]" if self.url else ""
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        how = f" ({tries}, {self.elapsed:.2f} s)" if self.attempts else ""
        return f"{self.message}{where}{how}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self._state())

    def _state(self) -> dict[str, Any]:
        """What survives pickling: never headers or a URL's secrets, which a request holds."""
        return {key: value for key, value in self.__dict__.items() if key not in ("_request", "_response")}


def _rebuild(kind: type[HTTPConnError], message: str, state: dict[str, Any]) -> HTTPConnError:
    error = kind.__new__(kind, message)
    HTTPConnError.__init__(error, message)
    for name, value in state.items():  # errno is no entry of the dict, so that updating it is not enough
        setattr(error, name, value)
    return error


class InvalidRequest(HTTPConnError, ValueError):
    """A header, an option or a path is not valid. Raised before the request is sent."""

    fault: Fault = "caller"
    public_message = "The request is not valid."


class InvalidURL(InvalidRequest, httpx.InvalidURL):
    """The URL is not one that can be fetched."""

    public_message = "The URL is not a valid http or https URL."


class MalformedRequest(InvalidRequest, httpx.LocalProtocolError):
    """The method, the target, the header or the body of the request cannot be sent as HTTP. Nothing of it was sent."""


class AccessDenied(InvalidRequest):
    """The access policy forbids this URL, or the address that it leads to.

    Attributes:
        reason: what kind of rule forbids it, in a few words: "private network", "port".
        rule: the rule itself: "private network 10.0.0.0/8 (RFC 1918)", "port 22".
    """

    public_message = "The URL may not be fetched."

    def __init__(self, message: str, *, reason: str = "", rule: str = "", url: str | None = None) -> None:
        super().__init__(message, url=url)
        self.reason = reason
        self.rule = rule


class TransportError(HTTPConnError, httpx.TransportError):
    """The way to the server or back broke."""

    retryable = True
    public_message = "The server of the URL could not be reached."


class ConnectFailed(TransportError, httpx.ConnectError):
    """No connection: the name did not resolve, or no address answered."""


class TLSFailed(ConnectFailed):
    """The TLS handshake failed, or the certificate was refused. Nothing was sent."""

    retryable = False
    public_message = "No secure connection to the server of the URL could be made."


class ReadFailed(TransportError, httpx.ReadError):
    """The connection broke while the answer was read, or before it began."""


class Disconnected(ReadFailed, httpx.RemoteProtocolError):
    """The server ended the connection before it sent any of a response."""


class WriteFailed(TransportError, httpx.WriteError):
    """The connection broke while the request was written."""


class ProxyFailed(TransportError, httpx.ProxyError):
    """The proxy refused, or could not be used.

    Attributes:
        status_code: the status with which an HTTP proxy refused a tunnel, or None.
    """

    status_code: int | None = None

    def __init__(self, message: str, *, status: int | None = None, retryable: bool | None = None) -> None:
        if retryable is None and status is not None:
            retryable = status in TRANSIENT_STATUSES
        super().__init__(message, retryable=retryable)
        self.status_code = status


class TimedOut(TransportError, httpx.TimeoutException, TimeoutError):
    """Something took longer than it may."""

    public_message = "The server of the URL did not answer in time."


class ConnectTimedOut(TimedOut, httpx.ConnectTimeout):
    """Resolving, connecting and the TLS handshake took longer than ``Timeouts.connect``."""


class ReadTimedOut(TimedOut, httpx.ReadTimeout):
    """The header, or the next bytes of a body, did not come within ``Timeouts.read``."""


class WriteTimedOut(TimedOut, httpx.WriteTimeout):
    """The request could not be written within ``Timeouts.write``."""


class PoolTimedOut(TimedOut, httpx.PoolTimeout):
    """No connection came free within ``Timeouts.pool``."""


class QueueFull(PoolTimedOut):
    """``Limits.max_waiting`` calls wait for a connection already; this one was not queued."""

    retryable = False


class TooSlow(TimedOut):
    """The body came slower than ``Limits.min_speed``."""


class DeadlineExceeded(TimedOut):
    """The whole call took longer than ``Timeouts.total``."""

    retryable = False


class ResponseError(HTTPConnError):
    """The server answered, and the answer is of no use."""

    public_message = "The server of the URL gave no usable answer."


class StatusError(ResponseError, httpx.HTTPStatusError):
    """A status that is no success, a redirect that is not followed among them.

    Attributes:
        status_code: the status of the answer.
        response: the answer; its body is there only when the caller had read it.
    """

    _response: Any = None  # httpx.Response, or what makes one

    def __init__(self, response: Any, *, url: str | None = None) -> None:
        status = response.status_code
        answer = f"{status} {printable(response.reason_phrase, _PHRASE)}".rstrip()
        super().__init__(f"The server answered {answer}", url=url, retryable=status in TRANSIENT_STATUSES)
        self._response = response
        self.status_code: int = status
        self._request = response._request if isinstance(response, httpx.Response) else response.request

    @property
    def response(self) -> httpx.Response:
        """The response, made at the first look. After unpickling it has no header, which may be secret."""
        if not isinstance(self._response, httpx.Response):
            made = self._response
            self._response = httpx.Response(self.status_code) if made is None else made.as_httpx()
        return self._response

    @response.setter
    def response(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def fault(self) -> Fault:  # type: ignore[override]
        """4xx says that the URL is wrong, so its giver is at fault, unless a later try could succeed."""
        return "caller" if 400 <= self.status_code < 500 and not self.retryable else "upstream"

    @property
    def public_message(self) -> str:  # type: ignore[override]
        """The status alone."""
        return f"The server of the URL answered with status {self.status_code}."


class TooManyRedirects(ResponseError, httpx.TooManyRedirects):
    """More redirects than ``RedirectPolicy.max_hops``, as in a loop."""

    fault: Fault = "caller"


class RedirectRefused(ResponseError):
    """A redirect that is not followed: from https to http, to an unusable URL, or with two different Locations."""

    fault: Fault = "caller"


class ProtocolError(ResponseError, httpx.RemoteProtocolError):
    """The answer breaks HTTP."""


class StreamReset(ProtocolError):
    """The server ended an HTTP/2 stream before its response; the message names the error code (RFC 9113 section 7)."""

    retryable = True


class TruncatedBody(ProtocolError):
    """The body ended before its declared end."""

    retryable = True


class RangesRefused(ResponseError):
    """The server gives no parts of the file (RFC 9110 section 14.2), and it is too large to be held as a whole."""


class DecodingError(ResponseError, httpx.DecodingError):
    """The body's content coding cannot be decoded here, was not asked for, or is broken."""


class InvalidJSON(ResponseError, ValueError):
    """The body is not JSON. The message holds at most a short excerpt of it."""

    public_message = "The URL does not hold valid JSON."


class LimitExceeded(HTTPConnError, ValueError):
    """The answer is larger than allowed: its body, its header or what it unpacks to."""

    fault: Fault = "caller"
    public_message = "The content of the URL is too large."


class HeaderTooLarge(LimitExceeded, httpx.RemoteProtocolError):
    """The header of the answer has more fields, or more bytes, than ``Limits`` allow."""


class IntegrityError(HTTPConnError):
    """The bytes are complete, but not the ones that were promised.

    Attributes:
        expected: the digest that was promised, as ``algorithm:hex``.
        actual: the one that the bytes have.
    """

    public_message = "The content of the URL is not what it should be."

    def __init__(self, message: str, *, expected: str | None = None, actual: str | None = None) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual


class FileChanged(IntegrityError):
    """A file that is read in parts is another version than it was; open it anew."""


class StorageError(HTTPConnError, OSError):
    """The file could not be written. ``errno`` is the operating system's number."""

    fault: Fault = "upstream"
    public_message = "The content of the URL could not be stored."

    def __init__(self, message: str, *, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "errno": self.errno}


class DiskFull(StorageError):
    """No space is left for the file, or the quota is used up."""

    NUMBERS: ClassVar = frozenset({errnos.ENOSPC, errnos.EDQUOT, errnos.EFBIG})
