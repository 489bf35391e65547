"""The proxies of the environment variables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from ..core.messages import Origin
from ..core.proxychoice import Variable, choose
from ..core.urls import redact
from .proxies import Proxy, proxy_of
from .routes import Routing

logger: logging.Logger = logging.getLogger("httpconn.proxies")

ProxyChoice = Callable[[Origin], Variable | None]
"""The variable that names the proxy of an origin, or None for a direct connection."""


class EnvironmentRouting(Routing):
    """The proxies of the environment at the time of creation. Each is checked at its first use."""

    def __init__(self, choice: ProxyChoice) -> None:
        super().__init__(self._proxy_for)
        self._choice = choice
        self._made: dict[str, Proxy] = {}

    def _proxy_for(self, origin: Origin) -> Proxy | None:
        variable = self._choice(origin)
        if variable is None:
            return None
        known = self._made.get(variable.value)
        # setdefault: if several threads create a proxy, all use the same one.
        return self._made.setdefault(variable.value, proxy_of(variable)) if known is None else known


class EnvironmentProxies:
    """A reader of the environment for new clients. It logs each list of invalid NO_PROXY entries once."""

    def __init__(self) -> None:
        self._warned: dict[tuple[str, ...], object] = {}

    def read(self, environ: Mapping[str, str]) -> ProxyChoice:
        """Return a choice that uses a copy of the environment."""
        known = dict(environ)

        def proxy_for(origin: Origin) -> Variable | None:
            choice = choose(origin, known)
            self._warn(choice.skipped)
            return choice.proxy

        return proxy_for

    def _warn(self, skipped: tuple[str, ...]) -> None:
        mine = object()
        if skipped and self._warned.setdefault(skipped, mine) is mine:  # only one of several threads logs it
            entries = " ".join(map(redact, skipped))
            logger.warning("NO_PROXY: ignored entries that are not a host, an address or a network: %s", entries)
