"""Translation of exceptions of httpx and the system into errors of httpconn. No other module translates them."""

import ssl
import time

import anyio
import httpx

from .. import errors
from ..core.deadlines import Deadline

FOREIGN = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    OSError,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
)
"""Exceptions that a transport may raise. Any other exception is a programming error, and is not translated."""

# The first matching class decides, so a subclass precedes its base.
_BY_TYPE: tuple[tuple[type[BaseException], type[errors.HTTPConnError]], ...] = (
    (httpx.ConnectTimeout, errors.ConnectTimedOut),
    (httpx.ReadTimeout, errors.ReadTimedOut),
    (httpx.WriteTimeout, errors.WriteTimedOut),
    (httpx.PoolTimeout, errors.PoolTimedOut),
    (httpx.TimeoutException, errors.TimedOut),
    (httpx.ConnectError, errors.ConnectFailed),
    (httpx.WriteError, errors.WriteFailed),
    (httpx.ProxyError, errors.ProxyFailed),
    (httpx.RemoteProtocolError, errors.ProtocolError),
    (httpx.LocalProtocolError, errors.InvalidRequest),
    (httpx.UnsupportedProtocol, errors.InvalidURL),
    (httpx.InvalidURL, errors.InvalidURL),
    (httpx.TooManyRedirects, errors.TooManyRedirects),
    (httpx.DecodingError, errors.DecodingError),
    (TimeoutError, errors.TimedOut),
    (ssl.SSLError, errors.TLSFailed),
)

# Messages of h11 for a response that ended too early. A retry may receive all of it.
_NO_RESPONSE = "Server disconnected"
_CUT = ("peer closed connection", "peer unexpectedly closed connection")


def translate(error: Exception, deadline: Deadline) -> errors.HTTPConnError:
    """Return the error of httpconn for a foreign exception. Raise it from that exception."""
    if isinstance(error, errors.HTTPConnError):
        return error
    if isinstance(error, (httpx.TimeoutException, TimeoutError)) and deadline.ended(error, time.monotonic()):
        return deadline.exceeded()
    translated = _kind(error)(_text(error))
    if isinstance(translated, errors.ProxyFailed) and _text(error).startswith("4"):
        translated.retryable = False  # a 4xx status of the proxy; a retry would get it again
    return translated


def _kind(error: Exception) -> type[errors.HTTPConnError]:
    kind = next((ours for foreign, ours in _BY_TYPE if isinstance(error, foreign)), errors.ReadFailed)
    if kind is errors.ProtocolError and str(error).startswith(_NO_RESPONSE):
        return errors.ReadFailed
    if kind is errors.ProtocolError and str(error).startswith(_CUT):
        return errors.TruncatedBody
    if kind is errors.ConnectFailed and _has_tls_cause(error):
        return errors.TLSFailed
    return kind


def _has_tls_cause(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _text(error: Exception) -> str:
    return str(error) or f"The connection failed: {type(error).__name__}"
