"""httpcore's exceptions become httpx's, as in httpx's own transports, and ours where the wire raised one of ours."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import httpcore
import httpx

from ..errors import HTTPConnError, TransportError

_NAMES = (
    "TimeoutException",
    "ConnectTimeout",
    "ReadTimeout",
    "WriteTimeout",
    "PoolTimeout",
    "NetworkError",
    "ConnectError",
    "ReadError",
    "WriteError",
    "ProxyError",
    "UnsupportedProtocol",
    "ProtocolError",
    "LocalProtocolError",
    "RemoteProtocolError",
)
_BY_TYPE: dict[type, type[httpx.TransportError]] = {getattr(httpcore, name): getattr(httpx, name) for name in _NAMES}

# Errors of the packages that httpcore parses answers with, where it lets them pass.
_BY_PACKAGE: dict[str, type[httpx.TransportError]] = {"socksio": httpx.ProxyError}
_HTTP2 = frozenset({"h2", "hpack", "hyperframe"})


# Where a peer's nonsense makes Python's own errors of these kinds: h2 does not check the header of an answer.
_NONSENSE = (ValueError, KeyError, TypeError, AttributeError)
_PARSERS = (f"{httpcore.__name__}._sync.", f"{httpcore.__name__}._async.", "h2.", "hpack.", "hyperframe.")
# h2 refuses with these the header of a request; that of an answer is not given to them.
_REQUEST_CHECKS = "h2.utilities"

MAX_TEXT = 200
"""Characters of a message, which may quote the peer."""

_GOING_AWAY = "Server disconnected: it takes no more requests on this connection"


class httpx_errors:  # noqa: N801 - read as a statement; a class, since a generator costs three times as much
    """Raise the httpx exception of the same name, with the one below as its cause."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            _raise_as_httpx(error)


def _raise_as_httpx(error: Exception) -> None:
    """What needs no translation returns."""
    translated = _translated(error)
    try:
        if isinstance(translated, httpx.LocalProtocolError):
            raise translated from None  # what is below may quote the request
        if translated is not None:
            # The pool raises "from None", which cuts off what happened below, such as a refused certificate.
            error.__cause__ = error.__cause__ or error.__context__
            raise translated from error
    finally:
        del translated  # or the error, and the exchange with it, would stay until garbage is collected


def _translated(error: Exception) -> Exception | None:
    if isinstance(error, HTTPConnError):
        return None
    ours = error.__cause__ or error.__context__
    if isinstance(ours, TransportError) and isinstance(error, tuple(_BY_TYPE)):
        # Of the wire; one for each call, since several may meet it.
        return type(ours)(ours.message)
    if _is_farewell(error):
        return httpx.RemoteProtocolError(_GOING_AWAY)
    if _is_nonsense(error):
        return httpx.RemoteProtocolError("The server broke the protocol")
    kind = _kind(type(error))
    if kind is httpx.LocalProtocolError:
        return kind("The request cannot be sent as HTTP")
    return None if kind is None else kind(_text(error))


def _text(error: Exception) -> str:
    """What the error says, as a peer may make it say it."""
    return "".join(each if each.isprintable() else "?" for each in str(error)[:MAX_TEXT])


def _is_farewell(error: Exception) -> bool:
    """Whether an exchange over HTTP/2 ended because its connection takes no more requests.

    Mostly by a GOAWAY (RFC 9113 section 6.8), which for h2 is the end of the connection, also where answers to earlier
    requests follow it, as nginx sends them after its last ``keepalive_requests``; httpcore names it, or h2 complains of
    what follows. Or more streams are open than the server now allows (section 5.1.2), or than httpcore knows: it
    loses count of them where its first call is interrupted.
    """
    if isinstance(error, ValueError) and _origin(error).startswith(("anyio.", "trio.")):
        return True
    if isinstance(error, httpcore.RemoteProtocolError):
        return any(_package(type(each)) in _HTTP2 for each in error.args)
    broken = (each for each in _chain(error) if _package(type(each)) in _HTTP2)
    return any(
        type(each).__name__ == "TooManyStreamsError" or str(each).endswith("in state ConnectionState.CLOSED")
        for each in broken
    )


def _is_nonsense(error: Exception) -> bool:
    """Whether what the peer sent over HTTP/2 made no sense."""
    if isinstance(error, _NONSENSE):
        return _origin(error).startswith(_PARSERS)
    if not isinstance(error, httpcore.LocalProtocolError):
        return _package(type(error)) in _HTTP2
    # So httpcore calls all that h2 refuses, whoever sent it.
    return any(_package(type(each)) in _HTTP2 and not _is_of_the_request(each) for each in _chain(error))


def _is_of_the_request(error: BaseException) -> bool:
    # A window that overflows is found in the same module, and made by the peer.
    return _origin(error) == _REQUEST_CHECKS and type(error).__name__ != "FlowControlError"


def _origin(error: BaseException) -> str:
    """The module that raised it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return str(frames[-1].f_globals.get("__name__", "")) if frames else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    for _ in range(20):  # a chain may be a ring
        if each is None:
            return
        yield each
        each = each.__cause__ or each.__context__


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _kind(error: type) -> type[httpx.TransportError] | None:
    by_type = next((_BY_TYPE[base] for base in error.__mro__ if base in _BY_TYPE), None)
    return by_type or _BY_PACKAGE.get(_package(error))
