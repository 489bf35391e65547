"""The choice of a proxy by the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_network
from typing import NamedTuple

from ..errors import InvalidURL
from .addresses import Network, network_of
from .hosts import check_host
from .messages import Origin
from .regexes import regex

_SEPARATORS = regex(r"[,\s]+")
_BRACKETED = regex(r"\[([^\[\]]+)\](/[0-9]+)?")
_PORT = regex(r"[0-9]{1,5}")
_SCHEMES = {"": None, "all": None, "http": "http", "https": "https"}


class Variable(NamedTuple):
    """A variable of the environment. The name keeps its case."""

    name: str
    value: str


class Choice(NamedTuple):
    """The proxy for an origin."""

    proxy: Variable | None  # the variable that names the proxy, or None for a direct connection
    skipped: tuple[str, ...] = ()  # the invalid entries of NO_PROXY; empty if no variable names a proxy


def choose(origin: Origin, environ: Mapping[str, str]) -> Choice:
    """Return the proxy for an origin.

    The variable for the scheme takes precedence over ALL_PROXY. A name in lower case takes precedence over other
    spellings, even if its value is empty. HTTP_PROXY in upper case is ignored in a CGI script, because a client can set
    it there by a header field named "Proxy". The value is not checked.
    """
    proxy = _variable(environ, origin.scheme) or _variable(environ, "all")
    if proxy is None:
        return Choice(None)
    exceptions = _variable(environ, "no")
    rules, skipped = _rules(exceptions.value if exceptions else "")
    return Choice(None if any(rule.covers(origin) for rule in rules) else proxy, skipped)


def _variable(environ: Mapping[str, str], kind: str) -> Variable | None:
    names = sorted(name for name in environ if name.lower() == f"{kind}_proxy")  # upper case sorts first
    lower = [name for name in names if name.endswith("_proxy")]
    if not lower and kind == "http" and "REQUEST_METHOD" in environ:
        return None
    found = (Variable(name, environ[name].strip()) for name in lower[-1:] or names)
    return next((variable for variable in found if variable.value), None)


class _Rule(NamedTuple):
    """A valid entry of NO_PROXY."""

    # A network, or a name. A name covers itself and all its subdomains. The empty name covers every host.
    hosts: Network | str
    below_only: bool = False  # whether the name does not cover itself
    scheme: str | None = None
    port: int | None = None

    def covers(self, origin: Origin) -> bool:
        """Return whether the entry excludes an origin from the proxy."""
        if self.scheme not in (None, origin.scheme) or self.port not in (None, origin.port):
            return False
        if isinstance(self.hosts, str):
            host, name = origin.host.removesuffix("."), self.hosts
            return not name or host.endswith(f".{name}") or (host == name and not self.below_only)
        network = _network(origin.host)
        return network is not None and network.version == self.hosts.version and network[0] in self.hosts


@lru_cache(maxsize=16)
def _rules(text: str) -> tuple[tuple[_Rule, ...], tuple[str, ...]]:
    """Return the rules of NO_PROXY, and its invalid entries."""
    entries = [entry for entry in _SEPARATORS.split(text) if entry]
    rules = {entry: _rule(entry) for entry in entries}
    return tuple(rule for rule in rules.values() if rule), tuple(entry for entry, rule in rules.items() if not rule)


def _rule(entry: str) -> _Rule | None:
    scheme, _, authority = entry.lower().rpartition("://")
    try:
        host, port = _split(authority.removesuffix("/"))
        return _Rule(_hosts(host), host.startswith("*."), _SCHEMES[scheme], port)
    except (KeyError, InvalidURL, ValueError):
        return None


def _split(text: str) -> tuple[str, int | None]:
    """Split an entry into host and port. Raise ValueError if the port is invalid."""
    host, colon, port = text.rpartition(":")
    if not colon or _network(text) is not None:
        return text, None
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65_536:
        raise ValueError("not a port")
    return host, int(port)


def _hosts(text: str) -> Network | str:
    """Return the network or the name of an entry. Raise InvalidURL if it is neither."""
    if text == "*":
        return ""
    network = _network(text)
    if network is not None:
        return network
    name = text.removeprefix("*.") if text.startswith("*.") else text.removeprefix(".")
    return check_host(name.removesuffix("."))


def _network(text: str) -> Network | None:
    """Return an address, with or without brackets, or a network in CIDR notation. IPv4-mapped addresses become IPv4."""
    bracketed = _BRACKETED.fullmatch(text)
    try:
        return network_of(ip_network("".join(bracketed.groups("")) if bracketed else text, strict=False))
    except ValueError:
        return None
