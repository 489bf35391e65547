"""The engine's and httpcore's exceptions become httpx's, as in httpx's own transports."""

from __future__ import annotations

import httpcore
import httpx

from ..errors import HeaderTooLarge
from . import faults

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
_BY_PACKAGE: dict[str, type[httpx.TransportError]] = {
    "h2": httpx.RemoteProtocolError,
    "hpack": httpx.RemoteProtocolError,
    "hyperframe": httpx.RemoteProtocolError,
    "socksio": httpx.ProxyError,
}


# h11's words, which users of httpx know.
_NO_ANSWER = "Server disconnected without sending a response."
_CUT = "peer closed connection without sending complete message"


class httpx_errors:  # noqa: N801 - read as a statement; a class, since a generator costs three times as much
    """Raise the httpx exception of the same name, with the one below as its cause."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or not isinstance(error, Exception):
            return
        translated = _translated(error)
        if translated is not None:
            # The pool raises "from None", which cuts off what happened below, such as a refused certificate.
            error.__cause__ = error.__cause__ or error.__context__
            raise translated from error


def _translated(error: Exception) -> Exception | None:
    match error:
        case faults.Truncated():
            return httpx.RemoteProtocolError(_CUT if error.answered else _NO_ANSWER)
        case faults.TooLarge():
            return HeaderTooLarge(f"The answer's framing exceeds its limits: {error}")
        case faults.RemoteProtocolError():
            return httpx.RemoteProtocolError(str(error))
        case faults.LocalProtocolError():
            return httpx.LocalProtocolError(str(error))
    kind = _kind(type(error))
    return None if kind is None else kind(str(error))


def _kind(error: type) -> type[httpx.TransportError] | None:
    by_type = next((_BY_TYPE[base] for base in error.__mro__ if base in _BY_TYPE), None)
    return by_type or _BY_PACKAGE.get(error.__module__.partition(".")[0])
