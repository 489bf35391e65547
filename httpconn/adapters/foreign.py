"""The transports of ``HTTPConnection(transport=..., async_transport=...)``."""

from typing import TYPE_CHECKING, Any

import httpx

from ..core.urls import is_of_httpx2
from ..errors import InvalidRequest

if TYPE_CHECKING:
    import httpx2

    SyncLike = httpx.BaseTransport | httpx2.BaseTransport
    AsyncLike = httpx.AsyncBaseTransport | httpx2.AsyncBaseTransport
else:
    SyncLike = httpx.BaseTransport
    AsyncLike = httpx.AsyncBaseTransport


def as_sync_transport(transport: Any) -> httpx.BaseTransport | None:
    """Return the ``transport`` option as an httpx transport; raises InvalidRequest for any other type."""
    if transport is None or isinstance(transport, httpx.BaseTransport):
        return transport
    if is_of_httpx2(transport, "BaseTransport"):
        from .wrapped import ForeignTransport

        return ForeignTransport(transport)
    raise InvalidRequest(f"transport does not accept a value of type {type(transport).__name__}")


def as_async_transport(transport: Any) -> httpx.AsyncBaseTransport | None:
    """Return the ``async_transport`` option as an httpx transport; raises InvalidRequest for any other type."""
    if transport is None or isinstance(transport, httpx.AsyncBaseTransport):
        return transport
    if is_of_httpx2(transport, "AsyncBaseTransport"):
        from .wrapped import AsyncForeignTransport

        return AsyncForeignTransport(transport)
    raise InvalidRequest(f"async_transport does not accept a value of type {type(transport).__name__}")
