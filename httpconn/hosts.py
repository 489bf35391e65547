"""Options of single hosts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .core.auth import NONE, Auth, Credentials, combine, credentials_of
from .core.headers import check
from .core.hostpatterns import HostTable
from .core.lazymodules import LazyModule
from .core.messages import Origin
from .errors import InvalidRequest
from .options import RateLimit, check_scalar, rate_limits

if TYPE_CHECKING:
    from .network import netrcfile, proxies, routes
else:
    netrcfile, proxies, routes = (LazyModule(f"network.{name}") for name in ("netrcfile", "proxies", "routes"))


@dataclass(frozen=True, slots=True)
class HostOptions:
    """The options of the hosts that a pattern of ``HTTPConnection(hosts=)`` matches.

    They also apply to mirrors and to redirects that lead to such a host. They apply to every port.

    Attributes:
        headers: header fields for requests to the host. They replace fields of the connection, and fields of a call
            replace them. They never leave the host's origin.
        auth: the credentials of the host, as in :class:`HTTPConnection`.
        rate_limit: one :class:`RateLimit` or several, in place of the connection's limits with ``scope="host"``. Here,
            the scope "all" means all hosts that the pattern matches.
        proxy: the proxy for the host, or "direct" for none. The default is the proxy of the connection.
        max_connections: open connections to each matching host and port (default ``Limits.max_per_host``).

    Raises:
        InvalidRequest: an option is not valid. The message quotes no secret.
    """

    headers: Mapping[str, str] | None = field(default=None, repr=False)
    auth: Auth | None = field(default=None, repr=False)
    rate_limit: RateLimit | Sequence[RateLimit] | None = None
    proxy: proxies.ProxyLike | Literal["direct"] | None = None
    max_connections: int | None = None

    def __post_init__(self) -> None:
        check(self.headers)
        if self.headers is not None:
            object.__setattr__(self, "headers", dict(self.headers))
        if self.auth != "netrc":
            credentials_of(self.auth)
        rate_limits(self.rate_limit)
        if self.proxy is not None and self.proxy != "direct":
            object.__setattr__(self, "proxy", proxies.checked_proxy(self.proxy))
        if self.max_connections is not None:
            check_scalar("HostOptions.max_connections", self.max_connections, int, optional=True)


class Hosts:
    """The options of all hosts of one connection object, and the netrc credentials for ``auth="netrc"``."""

    def __init__(self, given: Mapping[str, HostOptions] | None, auth: Auth | None) -> None:
        self._given = dict(given) if isinstance(given, Mapping) else {}
        self._options = list(self._given.values())
        if not isinstance(given, Mapping | None) or not all(isinstance(each, HostOptions) for each in self._options):
            raise InvalidRequest("hosts must be a mapping of host patterns to HostOptions")
        self._table = HostTable(self._given)
        self._uses_netrc = auth == "netrc"
        self._netrc: HostTable[Credentials] | None = None
        if self._uses_netrc or any(each.auth == "netrc" for each in self._options):
            self.of_call("netrc", "")

    @property
    def finds_credentials(self) -> Callable[[str], Credentials] | None:
        """A function that returns the header fields and credentials of a host, or None if no host has any."""
        return self._of_host if self._options or self._uses_netrc else None

    def _of_host(self, host: str) -> Credentials:
        options = self._table.find(host) or _DEFAULTS
        auth = options.auth or ("netrc" if self._uses_netrc else None)
        return combine(Credentials(check(options.headers)), self.of_call(auth, host))

    def of_call(self, auth: Auth | None, host: str) -> Credentials:
        """Return the credentials for a value of ``auth=`` in a request to a host."""
        if auth != "netrc":
            return credentials_of(auth)
        if self._netrc is None:
            self._netrc = netrcfile.read_netrc(os.environ)
        return self._netrc.find(host) or NONE

    @property
    def rate_limits(self) -> dict[str, tuple[RateLimit, ...] | None]:
        """The rate limits by pattern; None where those of the connection apply."""
        return {name: rate_limits(each.rate_limit) or None for name, each in self._given.items()}

    @property
    def own_proxies(self) -> list[proxies.Proxy]:
        """The proxies of the options."""
        return [each.proxy for each in self._options if isinstance(each.proxy, proxies.Proxy)]

    def routing(self, base: proxies.Proxy | routes.Routing | None) -> proxies.Proxy | routes.Routing | None:
        """Return the routing of the connection, changed by the options of the hosts."""
        if all(each.proxy is None and each.max_connections is None for each in self._options):
            return base
        other = routes.Routing.of(base)

        def proxy_for(origin: Origin) -> proxies.Proxy | None:
            proxy = (self._table.find(origin.host) or _DEFAULTS).proxy
            return proxy if isinstance(proxy, proxies.Proxy) else None if proxy == "direct" else other.proxy_for(origin)

        limited = any(each.max_connections for each in self._options)
        return routes.Routing(proxy_for, self.limit_for if limited else None)

    def limit_for(self, origin: Origin) -> int | None:
        """Return the ``max_connections`` of the options for an origin."""
        return (self._table.find(origin.host) or _DEFAULTS).max_connections


_DEFAULTS = HostOptions()
