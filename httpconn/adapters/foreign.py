"""The transports of ``HTTPConnection(transport=..., async_transport=...)``."""

from typing import TYPE_CHECKING, Any, TypeVar

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

T = TypeVar("T")


def as_httpx_transport(option: str, transport: Any, kind: type[T]) -> T | None:
    """Return the value of an option as an httpx transport; raises InvalidRequest for any other type."""
    if transport is None or isinstance(transport, kind):
        return transport
    if is_of_httpx2(transport, kind.__name__):
        from . import httpx2

        made: T = httpx2.WRAPPERS[kind](transport)
        return made
    raise InvalidRequest(f"{option} does not accept a value of type {type(transport).__name__}")
