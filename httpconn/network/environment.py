"""The proxies of the environment variables."""

import logging
from collections.abc import Mapping

from ..core.messages import Origin
from ..core.proxychoice import choose
from ..core.urls import redact
from .proxies import Proxy, proxy_of
from .routes import Routing

logger: logging.Logger = logging.getLogger("httpconn.proxies")


def environment_routing(environ: Mapping[str, str], warned: dict[tuple[str, ...], object]) -> Routing:
    """Return a routing by a copy of the environment. Each proxy is checked at its first use.

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
