"""httpcore's exceptions become httpx's, as in httpx's own transports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import httpx

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


@contextmanager
def httpx_errors() -> Iterator[None]:
    """Raise the httpx exception of the same name, with httpcore's as its cause."""
    try:
        yield
    except Exception as error:
        kind = _kind(type(error))
        if kind is None:
            raise
        # The pool raises "from None", which cuts off what happened below, such as a refused certificate.
        error.__cause__ = error.__cause__ or error.__context__
        raise kind(str(error)) from error


def _kind(error: type) -> type[httpx.TransportError] | None:
    by_type = next((_BY_TYPE[base] for base in error.__mro__ if base in _BY_TYPE), None)
    return by_type or _BY_PACKAGE.get(error.__module__.partition(".")[0])
