"""httpx and httpx2 as values: two libraries with the same names, neither of which takes the objects of the other."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import httpx

from ..errors import HTTPConnError, InvalidRequest

# The first class that an error belongs to decides. An error of ours can belong to several:
# Disconnected is a ReadError and a RemoteProtocolError, and the libraries themselves raise the latter.
_NAMES = (
    "ConnectTimeout",
    "ReadTimeout",
    "WriteTimeout",
    "PoolTimeout",
    "TimeoutException",
    "RemoteProtocolError",
    "LocalProtocolError",
    "ConnectError",
    "WriteError",
    "ReadError",
    "CloseError",
    "ProxyError",
    "UnsupportedProtocol",
    "DecodingError",
    "TooManyRedirects",
    "InvalidURL",
)
# These take no message.
_STREAM_NAMES = ("StreamConsumed", "StreamClosed", "RequestNotRead", "ResponseNotRead")


class Library:
    """A library of the httpx family.

    Args:
        module: httpx, or httpx2.

    Attributes:
        module: the same.
        errors: the base classes of what its transports raise.
    """

    def __init__(self, module: ModuleType) -> None:
        self.module: Any = module
        self.errors: tuple[type[Exception], ...] = (
            self.module.HTTPError,
            self.module.InvalidURL,
            self.module.StreamError,
        )

    def raise_own(self, error: Exception, source: Library) -> None:
        """Raise the exception of this library that an error of another one, or of httpconn, stands for.

        Args:
            error: it becomes the cause. If it was itself made of an error of httpconn, that is raised instead, so
                that an error survives the way through a transport of another library.
            source: the library of the error.

        Returns:
            If the error may pass as it is.
        """
        if source.module is self.module:
            return
        cause = error.__cause__
        if isinstance(cause, HTTPConnError) and self.module is httpx:
            raise cause
        raise self._made(error, source) from error

    def _made(self, error: Exception, source: Library) -> Exception:
        kinds = ((name, getattr(source.module, name)) for name in (*_STREAM_NAMES, *_NAMES))
        name = next((name for name, kind in kinds if isinstance(error, kind)), None)
        if name is None:
            name = "LocalProtocolError" if isinstance(error, InvalidRequest) else "TransportError"
        made: Exception = getattr(self.module, name)(*(() if name in _STREAM_NAMES else (str(error),)))
        return made


HTTPX = Library(httpx)
