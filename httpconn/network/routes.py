"""The way to an origin: direct, forwarded by a proxy, or through a tunnel."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from ..core.messages import Origin
from .proxies import Proxy, ProxyLike, checked_proxy

_MAX_ORIGINS = 1024

ProxyFor = Callable[[Origin], Proxy | None]


class Route(NamedTuple):
    """The way to an origin.

    Attributes:
        origin: where it leads.
        proxy: the proxy, or None for a direct connection.
        forwarder: the proxy if it is sent the requests themselves, or None.
        place: what the pool tells connections apart by.
    """

    origin: Origin
    proxy: Proxy | None
    forwarder: Proxy | None
    place: Hashable

    @property
    def dialled(self) -> Origin:
        """Where its connections are dialled to."""
        return self.origin if self.proxy is None else self.proxy.origin


class Routing:
    """Chooses the proxy of each origin.

    Args:
        proxy_for: the choice.
    """

    def __init__(self, proxy_for: ProxyFor) -> None:
        self.proxy_for: ProxyFor = proxy_for

    @classmethod
    def of(cls, proxy: ProxyLike | Routing | None) -> Routing:
        """Itself, or one that uses the same proxy, or none, for all origins."""
        if isinstance(proxy, Routing):
            return proxy
        checked = None if proxy is None else checked_proxy(proxy)
        return cls(lambda _: checked)


class Routes:
    """The routes of one transport, each made once.

    Args:
        routing: chooses the proxies.
        by_host: whether connections are limited by host. Those to a forwarding proxy then serve one origin each.
    """

    def __init__(self, routing: Routing, *, by_host: bool) -> None:
        self._proxy_for = routing.proxy_for
        self._by_host = by_host
        self.known: dict[Origin, Route] = {}

    def find(self, origin: Origin) -> Route:
        """Return the route to an origin; raises InvalidRequest if its proxy is not one."""
        known = self.known.get(origin)
        if known is not None:
            return known
        if len(self.known) >= _MAX_ORIGINS:
            self.known.clear()
        route = self.known[origin] = self._made(origin)
        return route

    def _made(self, origin: Origin) -> Route:
        proxy = self._proxy_for(origin)
        if proxy is None:
            return Route(origin, None, None, origin)
        forwarder = None if proxy.is_socks or origin.scheme == "https" else proxy
        # A connection to a proxy that forwards serves all origins.
        is_shared = forwarder is not None and not self._by_host
        return Route(origin, proxy, forwarder, proxy if is_shared else (origin, proxy))
