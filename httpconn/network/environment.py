"""The proxies of the environment variables."""

import logging
from collections.abc import Mapping

from ..core.messages import Origin
from ..core.proxychoice import choose
from ..core.urls import redact
from .proxies import Proxy, proxy_of
from .routes import Routing

logger: logging.Logger = logging.getLogger("httpconn.proxies")


class EnvironmentProxies:
    """A reader of the environment for new clients.

    Args:
        warned: the lists of invalid NO_PROXY entries that were logged. Each list is logged once.
    """

    def __init__(self, warned: dict[tuple[str, ...], object]) -> None:
        self._warned = warned

    def read(self, environ: Mapping[str, str]) -> Routing:
        """Return a routing by a copy of the environment. Each proxy is checked at its first use."""
        known, made = dict(environ), dict[str, Proxy]()

        def proxy_for(origin: Origin) -> Proxy | None:
            choice = choose(origin, known)
            self._warn(choice.skipped)
            variable = choice.proxy
            if variable is None:
                return None
            # setdefault: if several threads create a proxy, all use the same one.
            return made.get(variable.value) or made.setdefault(variable.value, proxy_of(variable))

        return Routing(proxy_for)

    def _warn(self, skipped: tuple[str, ...]) -> None:
        mine = object()
        if skipped and self._warned.setdefault(skipped, mine) is mine:  # only one of several threads logs it
            entries = " ".join(map(redact, skipped))
            logger.warning("NO_PROXY: ignored entries that are not a host, an address or a network: %s", entries)
