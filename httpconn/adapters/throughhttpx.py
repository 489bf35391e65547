"""A switch that sends the requests of all connection objects through clients of httpx.

Libraries that record, replace or trace requests patch httpx: its transports (respx, pytest-httpx, vcrpy, OpenTelemetry)
or its clients (Sentry). They see the requests of httpconn while the switch is on.
"""

from collections.abc import Callable
from typing import Any

import httpx

from ..core.locks import Lock
from ..network.proxies import Proxy
from ..network.routes import Routing
from .messages import origin_of


class through_httpx:  # noqa: N801 - read as a statement
    """A context in which every connection object sends its requests through plain clients of httpx.

    This includes objects that exist already, and ``global_http_connection``. Libraries that patch httpx therefore see
    each attempt and each redirect as a request. ``start`` does the same without a block.

    Redirects, retries, limits, deadlines and the URL checks of an access policy work as usual. httpx makes the
    connections: the access policy checks no resolved addresses, so do not use this for untrusted URLs in production.
    ``resolver=``, ``http2=``, pinned keys and proxy authentication other than Basic have no effect. An object with
    ``transport=`` or ``async_transport=`` keeps its transport.
    """

    depth: int = 0
    _lock = Lock()

    def start(self) -> None:
        """Begin to send requests through httpx."""
        with through_httpx._lock:
            through_httpx.depth += 1

    def stop(self) -> None:
        """Undo one call of ``start``."""
        with through_httpx._lock:
            through_httpx.depth = max(0, through_httpx.depth - 1)

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


class _PlainTransport:
    """The transport of a connection object while ``through_httpx`` is active. It has a client for each proxy."""

    def __init__(self, options: Callable[[Proxy | None], dict[str, Any]], proxy: Proxy | Routing | None) -> None:
        self._options = options
        self._proxy_for = Routing.of(proxy).proxy_for
        self.clients: dict[Proxy | None, Any] = {}
        self._opening = Lock()

    def _client(self, kind: Callable[..., Any], request: httpx.Request) -> Any:
        proxy = self._proxy_for(origin_of(request.url))
        with self._opening:
            if proxy not in self.clients:
                self.clients[proxy] = kind(**self._options(proxy))
        return self.clients[proxy]


# ``auth`` keeps httpx from making credentials of its own from the URL.
_SENDING = {"stream": True, "follow_redirects": False, "auth": httpx.Auth()}


def _forwardable(request: httpx.Request) -> httpx.Request:
    """Remove the extension ``target`` if it equals the target of the URL. httpcore would send it instead of the URL."""
    if request.extensions.get("target") == request.url.raw_path:
        request.extensions = {name: value for name, value in request.extensions.items() if name != "target"}
    return request


class PlainTransport(_PlainTransport, httpx.BaseTransport):
    """The transport for threads."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = self._client(httpx.Client, request).send(_forwardable(request), **_SENDING)
        return response

    def close(self) -> None:
        for client in [*self.clients.values()]:  # another thread may add one
            client.close()


class AsyncPlainTransport(_PlainTransport, httpx.AsyncBaseTransport):
    """The transport for the tasks of one event loop."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = await self._client(httpx.AsyncClient, request).send(
            _forwardable(request), **_SENDING
        )
        return response

    async def aclose(self) -> None:
        for client in [*self.clients.values()]:  # another task may add one
            await client.aclose()
