"""httpx and httpx2 as values. The libraries have the same names, but reject each other's objects."""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType
from typing import Any

import httpx

from ..errors import HTTPConnError, InvalidRequest

# The first matching class decides. An error of httpconn can match several: Disconnected is a ReadError and a
# RemoteProtocolError. The libraries raise RemoteProtocolError in that case.
_NAMES = (
    "ConnectTimeout ReadTimeout WriteTimeout PoolTimeout TimeoutException RemoteProtocolError LocalProtocolError "
    "ConnectError WriteError ReadError CloseError ProxyError UnsupportedProtocol DecodingError "
    "TooManyRedirects InvalidURL"
)
# The constructors of these take no message.
_STREAM_NAMES = ("StreamConsumed", "StreamClosed", "RequestNotRead", "ResponseNotRead")


class Library:
    """A library of the httpx family."""

    def __init__(self, module: ModuleType) -> None:
        self.module: Any = module
        # The base classes of the exceptions of its transports.
        self.errors: tuple[type[Exception], ...] = (
            self.module.HTTPError,
            self.module.InvalidURL,
            self.module.StreamError,
        )

    def raise_own(self, error: Exception, source: Library) -> None:
        """Raise an error of another library, or of httpconn, as the equivalent exception of this library.

        The original error becomes the cause. If the cause of the error is an error of httpconn, and this library is
        httpx, the function raises the error of httpconn. If ``source`` is this library, the function returns, and the
        caller raises the error unchanged.
        """
        if source.module is self.module:
            return
        cause = error.__cause__
        if isinstance(cause, HTTPConnError) and self.module is httpx:
            raise cause
        kinds = ((name, getattr(source.module, name)) for name in (*_STREAM_NAMES, *_NAMES.split()))
        name = next((name for name, kind in kinds if isinstance(error, kind)), None)
        if name is None:
            name = "LocalProtocolError" if isinstance(error, InvalidRequest) else "TransportError"
        raise getattr(self.module, name)(*(() if name in _STREAM_NAMES else (str(error),))) from error


HTTPX = Library(httpx)


@lru_cache
def stream_type(library: Library, kind: type[Any]) -> Any:
    """Return a body class that is a stream type of the library."""
    return type(kind.__name__, (kind, library.module.SyncByteStream, library.module.AsyncByteStream), {})
