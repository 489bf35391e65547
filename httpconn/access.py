"""Which URLs and addresses may be reached: the public face of the guard."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, NamedTuple, Self

from .core.accesschecks import Checked, CheckedAddress
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
from .core.hosts import check_host, is_literal
from .core.urls import is_url, redact, vet
from .errors import AccessDenied, InvalidRequest, InvalidURL, printable
from .options import MIB, Limits, RedirectPolicy, Timeouts, items_of

SCHEMES = frozenset({"http", "https"})
_FLAGS = ("public", "userinfo", "own_interfaces", "trusted_proxy")


class Defaults(NamedTuple):
    """What a connection gets where its caller says nothing else."""

    timeouts: Timeouts
    limits: Limits
    redirects: RedirectPolicy


_ANYWHERE = Defaults(Timeouts(), Limits(), RedirectPolicy())
_PUBLIC = Defaults(Timeouts(total=30.0), Limits(max_bytes=64 * MIB), RedirectPolicy(max_hops=5))


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Which URLs a connection may fetch, and which addresses it may dial.

    Every URL is judged before it is sent, each hop of a redirect too; every address between its one resolution and
    its dial. For URLs from strangers::

        connection = HTTPConnection(access=AccessPolicy.public_internet(denied_hosts=["*.internal.example"]))

    A policy is a value: ``dataclasses.replace(policy, ports={443})`` makes a stricter one out of another.

    Hosts are exact names, addresses, or ``*.example.com`` for every name below ``example.com``, itself not among them.
    They are compared as A-labels (RFC 5890), in lower case, without the trailing dot, and an IPv6 address that merely
    stands for an IPv4 one as that. Host lists and networks are
    judged apart: an allowed host still has to lead to an allowed address.

    Attributes:
        schemes: URL schemes that are allowed, of "http" and "https".
        allowed_hosts: if any are given, the only hosts that are allowed.
        denied_hosts: hosts that are not, whatever ``allowed_hosts`` says.
        ports: the only ports that are allowed; None means all.
        allowed_networks: networks that may be reached although they are not public, such as an internal range. An
            address of cloud metadata is opened only by naming itself, not by a range around it.
        denied_networks: networks that may not, whatever ``allowed_networks`` says: the operator's own NAT64 prefix,
            or public addresses that lead inside.
        public: only addresses of the public internet, by the table of ``httpconn.core.addresses``; only GET and
            HEAD; and no proxy but a trusted one.
        userinfo: whether a URL may hold a user and a password.
        own_interfaces: whether the addresses of this machine's interfaces may be reached.
        trusted_proxy: whether proxies, which resolve names themselves, may be used where addresses are judged.

    Raises:
        InvalidRequest: a field does not hold what it declares.
    """

    schemes: Collection[str] = SCHEMES
    allowed_hosts: Collection[str] = frozenset()
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
        self._settle("schemes", self._checked_schemes())
        self._settle("ports", self._checked_ports())
        for name in ("allowed_hosts", "denied_hosts"):
            self._settle(name, frozenset(map(_pattern, items_of(self, name, str))))
        for name in ("allowed_networks", "denied_networks"):
            self._settle(name, frozenset(_networks(name, getattr(self, name))))
        if self.allowed_networks and not self.public:
            raise InvalidRequest("AccessPolicy.allowed_networks adds to public=True; without it all are allowed")

    def _settle(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _checked_schemes(self) -> frozenset[str]:
        schemes = items_of(self, "schemes", str)
        if not schemes <= SCHEMES:
            raise InvalidRequest("AccessPolicy.schemes can hold only 'http' and 'https'")
        return schemes

    def _checked_ports(self) -> frozenset[int] | None:
        if self.ports is None:
            return None
        ports = items_of(self, "ports", int)
        if not all(0 < port < 65_536 for port in ports):
            raise InvalidRequest("AccessPolicy.ports can hold only numbers from 1 to 65535")
        return ports

    @classmethod
    def anywhere(cls, **changes: Any) -> Self:
        """Any http or https URL, but for the changes: the attributes of this class."""
        return cls(**changes)

    @classmethod
    def public_internet(cls, **changes: Any) -> Self:
        """What is safe for URLs from strangers, but for the changes: the attributes of this class.

        Only public addresses, none of this machine's own, no userinfo. A connection under this policy defaults to
        30 seconds for each call, bodies of 64 MiB and 5 redirects, downloads included; ``Timeouts``, ``Limits`` or a
        ``RedirectPolicy`` that it is given takes the place of the default as a whole.
        """
        return cls(**{"public": True, "userinfo": False, "own_interfaces": False, **changes})

    @classmethod
    def from_environment(cls, value: str | None) -> Self:
        """The policy that ``HTTPCONN_ACCESS`` names: "public" or "anywhere"; nothing is the latter.

        Raises:
            InvalidRequest: another value, so that a misspelt one does not open what was to be closed.
        """
        name = (value or "anywhere").strip().lower()
        if name == "public":
            return cls.public_internet()
        if name != "anywhere":
            raise InvalidRequest("HTTPCONN_ACCESS must be 'public' or 'anywhere'")
        return cls.anywhere()

    @property
    def defaults(self) -> Defaults:
        """Timeouts, limits and redirects where the caller gives none."""
        return _PUBLIC if self.public else _ANYWHERE

    @property
    def judges_addresses(self) -> bool:
        """Whether any address can be refused at all."""
        return self.public or bool(self.denied_networks) or not self.own_interfaces

    def judge_method(self, method: str) -> None:
        """Under ``public``, nothing but GET and HEAD.

        Raises:
            AccessDenied: another method.
        """
        if self.public and method not in ("GET", "HEAD"):
            raise AccessDenied("Only GET and HEAD are allowed", reason="method", rule="methods GET and HEAD")

    def judge_url(self, scheme: str, host: str, port: int, *, userinfo: bool = False, backslash: bool = False) -> None:
        """Judge what a URL itself says, an address in it included.

        Args:
            scheme: in lower case.
            host: A-labels in lower case, or an address without brackets.
            port: the port, the scheme's own included.
            userinfo: whether the URL holds a user or a password.
            backslash: whether a redirect named the URL with a backslash, which ``public`` forbids: some parsers end
                the host there and others do not.

        Raises:
            AccessDenied: ``rule`` says which rule forbids it.
        """
        if scheme not in self.schemes:
            raise AccessDenied(f"The scheme {scheme} is not allowed", reason="scheme", rule=f"scheme {scheme}")
        if userinfo and not self.userinfo:
            raise AccessDenied("A URL with a user or password is not allowed", reason="userinfo", rule="userinfo")
        if backslash and self.public:
            raise AccessDenied("A redirect with a backslash is not allowed", reason="backslash", rule="backslash")
        if self.ports is not None and port not in self.ports:
            raise AccessDenied(f"The port {port} is not allowed", reason="port", rule=f"port {port}")
        if self.allowed_hosts or self.denied_hosts:
            self._judge_host(_meant(host.removesuffix(".")))
        if self.judges_addresses and is_literal(host):
            self.judge_address(host, host)

    def _judge_host(self, host: str) -> None:
        denied = _match(self.denied_hosts, host)
        if denied is not None:
            raise AccessDenied(f"The host {host} is denied", reason="denied host", rule=f"denied host {denied}")
        if self.allowed_hosts and _match(self.allowed_hosts, host) is None:
            raise AccessDenied(f"The host {host} is not allowed", reason="host not allowed", rule="allowed hosts")

    def judge_address(self, host: str, address: str) -> None:
        """Judge where a host leads, or where a connection to it ended.

        Args:
            host: for the message.
            address: as ``getaddrinfo`` and ``getpeername`` give it, with the zone of a scoped one.

        Raises:
            AccessDenied: ``rule`` says which rule forbids it; so does text that is no address.
        """
        verdict = self._verdict(address)
        if not verdict.public:
            where = f"{host} is" if host == address else f"{host} leads to {address},"
            raise AccessDenied(f"{where} forbidden: {verdict.rule}", reason=verdict.reason, rule=verdict.rule)

    def check(self, url: str, addresses: Iterable[str] = ()) -> Checked:
        """Explain what would be said of a URL, and of what its host leads to, without asking or dialling anybody.

        Args:
            url: which may be no valid URL at all.
            addresses: what the host resolves to; one that is forbidden forbids the URL.

        Raises:
            InvalidRequest: ``addresses`` is no collection of text.
        """
        given = _texts(addresses)
        try:
            vetted = vet(url)
        except InvalidURL as error:
            shown = redact(url) if is_url(url) else ""
            return Checked(shown, False, "invalid URL", error.message)
        shown, host, port = redact(vetted.text), vetted.origin.host, vetted.origin.port
        try:
            self.judge_url(*vetted.origin, userinfo=vetted.has_userinfo)
        except AccessDenied as error:
            return Checked(shown, False, error.reason, error.rule, host, port)
        return Checked(shown, True, "", "", host, port).leading_to(self._judged(host, each) for each in given)

    def _judged(self, host: str, address: str) -> CheckedAddress:
        try:
            self.judge_address(host, address)
        except AccessDenied as error:
            return CheckedAddress(address, False, error.reason, error.rule)
        return CheckedAddress(address, True)

    def _verdict(self, text: str) -> AddressClass:
        """Denied beats allowed, which beats the table; what stands for an IPv4 address is judged as that."""
        address = parse(text)
        if address is None:
            return classify(text)
        inner = normalized(address)
        meant = (inner, address, _LOOPBACK[inner.version]) if inner.is_unspecified else (inner, address)
        denied = next(filter(None, (_network_around(self.denied_networks, each) for each in meant)), None)
        if denied is not None:
            return AddressClass(False, "denied network", str(denied), "access policy")
        if not self.public:
            return _ALLOWED
        verdict = classify(address)
        return _ALLOWED if _opens(_network_around(self.allowed_networks, inner), verdict) else verdict


@dataclass(frozen=True, slots=True)
class _Closed(AccessPolicy):
    """What a setting that nobody understands stands for: every use says so, and nothing is fetched."""

    why: str = ""

    def judge_method(self, method: str) -> None:
        raise InvalidRequest(self.why)

    def judge_url(self, scheme: str, host: str, port: int, *, userinfo: bool = False, backslash: bool = False) -> None:
        raise InvalidRequest(self.why)


def access_of(environ: Mapping[str, str]) -> AccessPolicy:
    """The policy that HTTPCONN_ACCESS names; a wrong value is told at each use, since an import must not fail."""
    try:
        return AccessPolicy.from_environment(environ.get("HTTPCONN_ACCESS"))
    except InvalidRequest as error:
        return _Closed(public=True, why=error.message)


_ALLOWED = AddressClass(True, "allowed", "", "access policy")
_LOOPBACK: dict[int, Address] = {4: IPv4Address("127.0.0.1"), 6: IPv6Address("::1")}
"""Where systems connect whoever names the unspecified address (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.2)."""


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
            raise InvalidRequest(f"AccessPolicy.{name} holds what is no network, or has bits set after it") from None


@lru_cache(maxsize=64)
def _ranges(networks: frozenset[str | Network], version: int) -> PrefixTable[Network]:
    return PrefixTable((each, each) for each in map(network_of, networks) if each.version == version)


def _network_around(networks: Collection[str | Network], address: Address) -> Network | None:
    """The smallest of the networks that holds an address."""
    return _ranges(frozenset(networks), address.version).find(int(address)) if networks else None


def _opens(network: Network | None, verdict: AddressClass) -> bool:
    """Whoever opens an internal range hardly means the credentials of the machine, which may lie in it."""
    if network is None:
        return False
    return verdict.reason != CLOUD_METADATA or network.prefixlen == network.max_prefixlen


def _pattern(text: str) -> str:
    """A host, or ``*.`` and a name, in the form that hosts are compared in."""
    star, host = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        found = check_host(f"[{host}]" if ":" in host and not host.startswith("[") else host).removesuffix(".")
    except InvalidURL as error:
        raise InvalidRequest(f"AccessPolicy: {printable(text, 80)!r} is no host: {error.message}") from None
    if star and is_literal(found):
        raise InvalidRequest("AccessPolicy: there is nothing below an address")
    return star + _meant(found)


def _meant(host: str) -> str:
    """The address that one stands for; any other host itself."""
    address = parse(host) if ":" in host else None
    return host if address is None else str(normalized(address))


def _match(patterns: Collection[str], host: str) -> str | None:
    """The pattern that a host falls under."""
    if host in patterns:
        return host
    while "." in host:
        host = host.partition(".")[2]
        if f"*.{host}" in patterns:
            return f"*.{host}"
    return None
