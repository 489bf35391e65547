"""Access policies: the URLs and addresses that a connection object may reach."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, NamedTuple, Self

import httpconn

from .core.addresses import (
    CLOUD_METADATA,
    Address,
    AddressClass,
    Network,
    PrefixTable,
    classify,
    network_of,
    normalized,
    parse,
)
from .core.dataurls import data_url, is_data
from .core.hostpatterns import match, pattern_of
from .core.hosts import is_literal
from .core.urls import is_url, redact, vet
from .errors import AccessDenied, InvalidRequest, InvalidURL
from .options import MIB, Limits, RedirectPolicy, Timeouts, items_of

SCHEMES = frozenset({"http", "https"})
_ALL_SCHEMES = SCHEMES | {"data"}
_FLAGS = ("public", "userinfo", "own_interfaces", "trusted_proxy")


class Defaults(NamedTuple):
    """The options that a connection object has by default."""

    timeouts: Timeouts
    limits: Limits
    redirects: RedirectPolicy


_ANYWHERE = Defaults(Timeouts(), Limits(), RedirectPolicy())
_PUBLIC = Defaults(Timeouts(total=30.0), Limits(max_bytes=64 * MIB), RedirectPolicy(max_hops=5))


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The URLs that a connection object may fetch, and the addresses that it may connect to.

    httpconn checks each URL before it sends the request, including each redirect. A host is resolved once, and each
    address is checked before httpconn connects to it. For untrusted URLs::

        connection = HTTPConnection(access=AccessPolicy.public_internet(denied_hosts=["*.internal.example"]))

    A policy is a value: ``dataclasses.replace(policy, ports={443})`` makes a stricter policy from another one.

    A host is a name, an address, or ``*.example.com`` for each name below ``example.com``, but not ``example.com``
    itself. Hosts are compared as A-labels (RFC 5890) in lower case, without the trailing dot. An IPv6 address that
    embeds an IPv4 address is compared as that IPv4 address. Hosts and networks are checked separately: an allowed host
    must also have an allowed address.

    Attributes:
        schemes: the allowed URL schemes (default: "http" and "https"). With "data", the get methods also accept
            ``data:`` URLs, under the same limits. No other rule applies to them. A redirect never leads to one.
        allowed_hosts: the only allowed hosts; None (the default) allows all hosts, and an empty collection none.
        denied_hosts: the denied hosts. They take precedence over ``allowed_hosts``.
        ports: the only allowed ports; None (the default) allows all ports.
        allowed_networks: networks to allow although they are not public, such as an internal network. An address of
            cloud metadata is allowed only if it is listed itself; a network that contains it is not enough.
        denied_networks: the denied networks. They take precedence over ``allowed_networks``. List the NAT64 prefix of
            your own network here, and public addresses that reach internal hosts.
        public: whether to allow only addresses of the public internet, by the table of ``httpconn.core.addresses``,
            only the methods GET and HEAD, and only trusted proxies (default False).
        userinfo: whether a URL may contain a user and a password (default True).
        own_interfaces: whether the addresses of this machine's network interfaces are allowed (default True).
        trusted_proxy: whether proxies are allowed under a policy that checks addresses (default False). The proxy
            resolves the names, so httpconn cannot check the addresses.

    Raises:
        InvalidRequest: a field has a value that it does not accept.
    """

    schemes: Collection[str] = SCHEMES
    allowed_hosts: Collection[str] | None = None
    denied_hosts: Collection[str] = frozenset()
    ports: Collection[int] | None = None
    allowed_networks: Collection[str | Network] = frozenset()
    denied_networks: Collection[str | Network] = frozenset()
    public: bool = False
    userinfo: bool = True
    own_interfaces: bool = True
    trusted_proxy: bool = False

    def __post_init__(self) -> None:
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise InvalidRequest(f"AccessPolicy.{name} must be True or False")
        self._set("schemes", self._checked_schemes())
        self._set("ports", self._checked_ports())
        for name in ("allowed_hosts", "denied_hosts"):
            if getattr(self, name) is not None or name == "denied_hosts":
                self._set(name, frozenset(pattern_of(each, "AccessPolicy") for each in items_of(self, name, str)))
        for name in ("allowed_networks", "denied_networks"):
            self._set(name, frozenset(_networks(name, getattr(self, name))))
        if self.allowed_networks and not self.public:
            raise InvalidRequest(
                "AccessPolicy.allowed_networks needs public=True: without it, all networks are allowed"
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _checked_schemes(self) -> frozenset[str]:
        schemes = items_of(self, "schemes", str)
        if not schemes <= _ALL_SCHEMES:
            raise InvalidRequest("AccessPolicy.schemes can contain only 'http', 'https' and 'data'")
        return schemes

    def _checked_ports(self) -> frozenset[int] | None:
        if self.ports is None:
            return None
        ports = items_of(self, "ports", int)
        if not all(0 < port < 65_536 for port in ports):
            raise InvalidRequest("AccessPolicy.ports can contain only numbers from 1 to 65535")
        return ports

    @classmethod
    def anywhere(cls, **changes: Any) -> Self:
        """Return a policy that allows any http or https URL.

        Args:
            changes: attributes of this class that differ.
        """
        return cls(**changes)

    @classmethod
    def public_internet(cls, **changes: Any) -> Self:
        """Return a policy for untrusted URLs.

        It allows public addresses, except those of this machine, and no userinfo. A connection object with this policy
        has other defaults, also for downloads: 30 seconds for each call, bodies of up to 64 MiB, and 5 redirects. A
        ``Timeouts``, ``Limits`` or ``RedirectPolicy`` of the caller replaces all defaults of its class.

        Args:
            changes: attributes of this class that differ.
        """
        return cls(**{"public": True, "userinfo": False, "own_interfaces": False, **changes})

    @classmethod
    def from_environment(cls, value: str | None) -> Self:
        """Return the policy for a value of ``HTTPCONN_ACCESS``: "public" or "anywhere". None means "anywhere".

        Raises:
            InvalidRequest: the value is any other text. A misspelt value must not allow all URLs.
        """
        name = (value or "anywhere").strip().lower()
        if name == "public":
            return cls.public_internet()
        if name != "anywhere":
            raise InvalidRequest("HTTPCONN_ACCESS must be 'public' or 'anywhere'")
        return cls.anywhere()

    @property
    def defaults(self) -> Defaults:
        """The timeouts, limits and redirect rules that apply if the caller gives none."""
        return _PUBLIC if self.public else _ANYWHERE

    @property
    def judges_addresses(self) -> bool:
        """Whether the policy can deny an address."""
        return self.public or bool(self.denied_networks) or not self.own_interfaces

    def judge_method(self, method: str) -> None:
        """Check the method of a request. A ``public`` policy allows only GET and HEAD.

        Raises:
            AccessDenied: the method is not allowed.
        """
        if self.public and method not in ("GET", "HEAD"):
            raise AccessDenied("Only GET and HEAD are allowed", reason="method", rule="methods GET and HEAD")

    def judge_url(self, scheme: str, host: str, port: int, *, userinfo: bool = False, backslash: bool = False) -> None:
        """Check the parts of a URL. If the host is an address, check the address too.

        Args:
            scheme: the scheme in lower case.
            host: the host as A-labels in lower case, or an address without brackets.
            port: the port, even if it is the default of the scheme.
            userinfo: whether the URL contains a user or a password.
            backslash: whether the URL comes from a redirect with a backslash. ``public`` denies such URLs, because
                some parsers end the host at a backslash and others do not.

        Raises:
            AccessDenied: a rule denies the URL. ``rule`` names the rule.
        """
        if scheme not in self.schemes:
            raise AccessDenied(f"The scheme {scheme} is not allowed", reason="scheme", rule=f"scheme {scheme}")
        if scheme == "data":
            return
        if userinfo and not self.userinfo:
            raise AccessDenied("A URL with a user or password is not allowed", reason="userinfo", rule="userinfo")
        if backslash and self.public:
            raise AccessDenied("A redirect with a backslash is not allowed", reason="backslash", rule="backslash")
        if self.ports is not None and port not in self.ports:
            raise AccessDenied(f"The port {port} is not allowed", reason="port", rule=f"port {port}")
        if self.allowed_hosts is not None or self.denied_hosts:
            self._judge_host(host.removesuffix("."))
        if self.judges_addresses and is_literal(host):
            self.judge_address(host, host)

    def _judge_host(self, host: str) -> None:
        denied = match(self.denied_hosts, host)
        if denied is not None:
            raise AccessDenied(f"The host {host} is denied", reason="denied host", rule=f"denied host {denied}")
        if self.allowed_hosts is not None and match(self.allowed_hosts, host) is None:
            raise AccessDenied(f"The host {host} is not allowed", reason="host not allowed", rule="allowed hosts")

    def judge_address(self, host: str, address: str) -> None:
        """Check an address that a host resolves to, or the peer address of a connection.

        Args:
            host: the host, for the message.
            address: the address as text, as ``getaddrinfo`` and ``getpeername`` return it, with its zone if any.

        Raises:
            AccessDenied: a rule denies the address, or the text is not an address. ``rule`` names the rule.
        """
        found = self._classify(address)
        if not found.public:
            where = f"{host} is" if host == address else f"{host} leads to {address}, which is"
            raise AccessDenied(f"{where} denied: {found.rule}", reason=found.reason, rule=found.rule)

    def check(self, url: str, addresses: Iterable[str] = ()) -> "httpconn.Checked":
        """Explain whether the policy allows a URL. No name is resolved and no connection is made.

        Args:
            url: the URL; it may be invalid.
            addresses: the addresses of the host. One denied address denies the URL.

        Raises:
            InvalidRequest: ``addresses`` is not a collection of str.
        """
        from .core.accesschecks import Checked

        given = _texts(addresses)
        try:
            vetted = data_url(url) if is_data(url) else vet(url)
        except InvalidURL as error:
            return Checked(redact(url) if is_url(url) else "", False, "invalid URL", error.message)
        redacted, host, port = vetted.redacted, vetted.origin.host, vetted.origin.port
        try:
            self.judge_url(*vetted.origin, userinfo=vetted.has_userinfo)
        except AccessDenied as error:
            return Checked(redacted, False, error.reason, error.rule, host, port)
        return Checked(redacted, True, "", "", host, port).with_addresses(self.judge_address, given)

    def _classify(self, text: str) -> AddressClass:
        """Classify an address. Denied networks take precedence over allowed networks, which precede the table."""
        address = parse(text)
        if address is None:
            return classify(text)
        inner = normalized(address)
        forms = (inner, address, _LOOPBACK[inner.version]) if inner.is_unspecified else (inner, address)
        denied = next(filter(None, (_network_around(self.denied_networks, each) for each in forms)), None)
        if denied is not None:
            return AddressClass(False, "denied network", str(denied), "access policy")
        if not self.public:
            return _ALLOWED
        found = classify(address)
        return _ALLOWED if _allows(_network_around(self.allowed_networks, inner), found) else found


class _Invalid(AccessPolicy):
    """The policy for an invalid setting. It denies every request with an error that names the setting."""

    message: str

    def __init__(self, message: str) -> None:
        super().__init__(public=True)
        self._set("message", message)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Invalid, (self.message,)

    def judge_method(self, method: str) -> None:
        raise InvalidRequest(self.message)

    def judge_url(self, scheme: str, host: str, port: int, *, userinfo: bool = False, backslash: bool = False) -> None:
        raise InvalidRequest(self.message)


def access_of(environ: Mapping[str, str]) -> AccessPolicy:
    """Return the policy that HTTPCONN_ACCESS names.

    An invalid value raises an error at each request, and not here: this function runs when httpconn is imported.
    """
    try:
        return AccessPolicy.from_environment(environ.get("HTTPCONN_ACCESS"))
    except InvalidRequest as error:
        return _Invalid(error.message)


_ALLOWED = AddressClass(True, "allowed", "", "access policy")
_LOOPBACK: dict[int, Address] = {4: IPv4Address("127.0.0.1"), 6: IPv6Address("::1")}
"""The addresses that systems connect to in place of the unspecified one (RFC 1122 3.2.1.3, RFC 4291 2.5.2)."""


def _texts(addresses: object) -> list[str]:
    if isinstance(addresses, Iterable) and not isinstance(addresses, (str, bytes)):
        texts = list(addresses)
        if all(isinstance(each, str) for each in texts):
            return texts
    raise InvalidRequest("addresses must be a collection of str")


def _networks(name: str, given: object) -> Iterator[Network]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Collection):
        raise InvalidRequest(f"AccessPolicy.{name} must be a collection of networks")
    for each in given:
        if not isinstance(each, (str, IPv4Network, IPv6Network)):
            raise InvalidRequest(f"AccessPolicy.{name} must be a collection of networks")
        try:
            yield network_of(each)
        except ValueError:
            raise InvalidRequest(
                f"AccessPolicy.{name} contains a value that is not a network, or has bits set after its prefix"
            ) from None


@lru_cache(maxsize=64)
def _ranges(networks: frozenset[str | Network], version: int) -> PrefixTable[Network]:
    return PrefixTable((each, each) for each in map(network_of, networks) if each.version == version)


def _network_around(networks: Collection[str | Network], address: Address) -> Network | None:
    """Return the smallest of the networks that contains an address."""
    return _ranges(frozenset(networks), address.version).find(int(address)) if networks else None


def _allows(network: Network | None, found: AddressClass) -> bool:
    """Return whether an allowed network allows an address.

    An internal network can contain the cloud metadata service, which gives out the machine's credentials. The address
    of this service is allowed only if it is listed itself.
    """
    if network is None:
        return False
    return found.reason != CLOUD_METADATA or network.prefixlen == network.max_prefixlen
