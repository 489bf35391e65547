"""Routes to origins: direct, forwarded by a proxy, or through a tunnel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from ..core.messages import Origin
from ..core.proxychoice import choose
from ..core.remembered import Remembered
from ..core.urls import redact
from .proxies import Proxy, ProxyLike, checked_proxy, proxy_of

logger: logging.Logger = logging.getLogger("httpconn.proxies")

ProxyFor = Callable[[Origin], Proxy | None]


class Route(NamedTuple):
    """The route to an origin."""

    origin: Origin
    proxy: Proxy | None
    forwarder: Proxy | None  # the proxy if it receives the requests themselves, or None
    place: Hashable  # the key of its connections in the pool
    limit: int | None = None  # maximum number of connections to the origin, or None for the limit of the pool

    @property
    def dialled(self) -> Origin:
        """The origin that the connections of the route connect to: the proxy or the server."""
        return self.origin if self.proxy is None else self.proxy.origin


class Routing(NamedTuple):
    """The choice of a proxy and of a limit of connections for each origin."""

    proxy_for: ProxyFor
    limit_for: Callable[[Origin], int | None] | None = None

    @classmethod
    def of(cls, proxy: ProxyLike | Routing | None) -> Routing:
        if isinstance(proxy, Routing):
            return proxy
        checked = None if proxy is None else checked_proxy(proxy)
        return cls(lambda _: checked)


def environment_routing(environ: Mapping[str, str], warned: dict[tuple[str, ...], object]) -> Routing:
    """Return a routing from a copy of the environment. Each proxy is checked at its first use.

    ``warned`` has the lists of invalid NO_PROXY entries that were logged. Each list is logged once.
    """
    known, made = dict(environ), dict[str, Proxy]()

    def proxy_for(origin: Origin) -> Proxy | None:
        variable, skipped = choose(origin, known)
        mine = object()
        if skipped and warned.setdefault(skipped, mine) is mine:  # only one of several threads logs it
            entries = " ".join(map(redact, skipped))
            logger.warning("NO_PROXY: ignored entries that are not a host, an address or a network: %s", entries)
        if variable is None:
            return None
        # setdefault: if several threads create a proxy, all use the same one.
        return made.get(variable.value) or made.setdefault(variable.value, proxy_of(variable))

    return Routing(proxy_for)


class Routes:
    """The cached routes of one transport.

    If connections are limited ``by_host``, a connection to a forwarding proxy serves one origin.
    """

    def __init__(self, routing: Routing, *, by_host: bool) -> None:
        self._routing = routing
        self._by_host = by_host or routing.limit_for is not None
        self.known: Remembered[Origin, Route] = Remembered()

    def add(self, origin: Origin) -> Route:
        """Choose the route to an origin, cache it and return it. Raises InvalidRequest: the proxy's URL is invalid."""
        proxy, limit_for = self._routing.proxy_for(origin), self._routing.limit_for
        forwarder = None if proxy is None or proxy.is_socks or origin.scheme == "https" else proxy
        place: Hashable = origin if proxy is None else (origin, proxy)
        if forwarder is not None and not self._by_host:
            place = proxy  # a connection to a forwarding proxy can serve all origins
        limit = None if limit_for is None else limit_for(origin)
        route = self.known[origin] = Route(origin, proxy, forwarder, place, limit)
        return route
