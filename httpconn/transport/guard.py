"""The access policy where requests are sent and addresses are dialled."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address

import httpcore
import httpx

from ..access import AccessPolicy
from ..core.addresses import Address as IPAddress
from ..core.addresses import network_of, parse, unwrapped
from ..core.hosts import check_host
from ..core.urls import DEFAULT_PORTS, redact
from ..errors import AccessDenied
from ..lazy import Origin, is_untouched
from .allowance import Allowance, seconds_left
from .names import Names, literal
from .resolver import Address
from .runtimes import Runtime

_MAX_ORIGINS = 1024
_DISCARD = 9  # the port of a datagram that is never sent
_NOBODYS: dict[int, IPAddress] = {4: IPv4Address("192.0.2.1"), 6: IPv6Address("2001:db8::1")}  # RFC 5737, RFC 3849


class Guard:
    """Judges requests, resolves names once, and judges what they lead to.

    Args:
        access: the policy.
        names: the resolver.
    """

    def __init__(self, access: AccessPolicy, names: Names) -> None:
        self._access = access
        self._names = names
        self._judges_requests = access != AccessPolicy.anywhere()
        self._own_loopback = [network for network in map(network_of, access.allowed_networks) if network.is_loopback]
        self._admitted: set[Origin] = set()

    def admit(self, request: httpx.Request) -> None:
        """Judge what a request itself says: its method, its URL, and whatever else names a server.

        Raises:
            AccessDenied: it is forbidden; ``url`` names it.
            InvalidURL: its host is none that could be judged.
        """
        if not self._judges_requests:
            return
        if not is_untouched(request):
            self._judge(request, origin_of(request.url), userinfo=bool(request.url.userinfo))
        elif request.origin not in self._admitted:
            self._judge(request, request.origin, userinfo=False)
            if len(self._admitted) >= _MAX_ORIGINS:
                self._admitted.clear()
            self._admitted.add(request.origin)

    def _judge(self, request: httpx.Request, origin: Origin, *, userinfo: bool) -> None:
        host = check_host(f"[{origin.host}]" if ":" in origin.host else origin.host)
        try:
            self._access.judge_method(request.method)
            self._access.judge_url(origin.scheme, host, origin.port, userinfo=userinfo)
            if not is_untouched(request):
                _judge_names(request, origin)
        except AccessDenied as error:
            error.url = redact(request.url)
            raise

    async def addresses(self, runtime: Runtime, host: str, port: int, allowance: Allowance) -> list[Address]:
        """What may be dialled for a host; one address that may not refuses them all.

        Raises:
            AccessDenied: an address is forbidden.
            httpcore.ConnectError: there is none.
            httpcore.ConnectTimeout: the allowance is used up.
        """
        found = await self.found(runtime, host, port, allowance)
        if self._access.judges_addresses:
            for each in found:
                self.judge(host, str(each.name[0]))
        return found

    async def found(self, runtime: Runtime, host: str, port: int, allowance: Allowance) -> list[Address]:
        """What a host leads to, unjudged, each address once; errors as in :meth:`addresses`."""
        own = literal(host, port)
        found = [own] if own else await self._resolved(runtime, host, port, allowance)
        return list(dict.fromkeys(found))

    def _question(self, host: str) -> str:
        """Where it matters what a name leads to, no search domain is tried with it: the dot says that it is whole.

        "localhost" stands in the system's file of hosts, which holds names without it.
        """
        whole = not self._names.is_systems or not self._access.judges_addresses or host == "localhost"
        return host if whole or host.endswith(".") else f"{host}."

    async def _resolved(self, runtime: Runtime, host: str, port: int, allowance: Allowance) -> list[Address]:
        try:
            found = await self._names.addresses(runtime, self._question(host), port, seconds_left(allowance))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise httpcore.ConnectError(f"{host} could not be resolved: {reason}") from error
        if not found:
            raise httpcore.ConnectError(f"{host} has no address")
        return found

    def forget(self, host: str, port: int) -> None:
        """None of its addresses could be reached: the next connection asks again."""
        self._names.forget(self._question(host), port)

    def judge(self, host: str, address: str) -> None:
        """Judge one address that a host leads to.

        Raises:
            AccessDenied: it is forbidden, or one of this machine's.
        """
        self._access.judge_address(host, address)
        if not self._access.own_interfaces and self._is_own(address):
            raise AccessDenied(
                f"{host} leads to {address}, forbidden: an address of this machine",
                reason="own interface",
                rule="own interfaces",
            )

    def _is_own(self, text: str) -> bool:
        """Loopback that the policy opens as such is none of the machine's interfaces."""
        address = parse(text)
        if address is None:
            return True
        inner = unwrapped(address)
        return is_own(inner) and not any(inner in network for network in self._own_loopback)

    def judge_peer(self, host: str, vetted: Address, sock: socket.socket) -> None:
        """Judge where a connection ended.

        Raises:
            AccessDenied: not at the address that was vetted, or at one that is forbidden.
            httpcore.ConnectError: it is gone already.
        """
        if not self._access.judges_addresses:
            return
        try:
            peer = str(sock.getpeername()[0])
        except OSError as error:
            raise httpcore.ConnectError(f"No connection to {host}: {error.strerror}") from error
        self._access.judge_address(host, peer)
        if _number(peer) != _number(str(vetted.name[0])):
            raise AccessDenied(
                f"The connection to {host} ended at {peer}, not at {vetted.name[0]}", reason="peer", rule="vetted peer"
            )

    def judge_socket(self, path: str) -> None:
        """Judge a Unix socket, behind which there is no address.

        Raises:
            AccessDenied: addresses are judged.
        """
        if self._access.judges_addresses:
            raise AccessDenied(f"The Unix socket {path} is forbidden", reason="Unix socket", rule="Unix sockets")


def _judge_names(request: httpx.Request, origin: Origin) -> None:
    """What a server, a proxy or TLS goes by besides the URL names the same server (RFC 9112 section 3.2)."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    hosts = {f"{host}:{origin.port}", *([host] if origin.port == DEFAULT_PORTS[origin.scheme] else [])}
    if request.headers.get("host", "").lower() not in hosts:
        raise _other_name("the header Host")
    target = request.extensions.get("target") or b"/"
    if target != b"*" and target[:1] != b"/":  # a proxy would read the URL's authority on into it
        raise _other_name("the request target")
    if request.extensions.get("sni_hostname", origin.host) not in (origin.host, None):
        raise _other_name("the name for TLS")


def _other_name(what: str) -> AccessDenied:
    return AccessDenied(f"The URL is not what {what} says", reason="another name", rule=f"{what} is the URL's")


def is_own(address: IPAddress) -> bool:
    """Whether an address is one of this machine's. Nothing is sent."""
    if address.is_loopback or address.is_unspecified or _starts_from_itself(address):
        return True
    # Linux lets packets to a further address of an interface start from its first one.
    return can_be_bound(address) and not can_be_bound(_NOBODYS[address.version])


def _starts_from_itself(address: IPAddress) -> bool:
    """Whether packets to an address start from itself."""
    try:
        with _probe(address) as probe:
            probe.connect((str(address), _DISCARD))
            return _number(probe.getsockname()[0]) == int(address)
    except OSError:  # no way leads there from here
        return False


def can_be_bound(address: IPAddress) -> bool:
    """Whether a socket may have it: where the system was told to let any be bound, nobody's, too."""
    try:
        with _probe(address) as probe:
            probe.bind((str(address), 0))
            probe.connect((str(address), _DISCARD))  # a broadcast address refuses
            return not address.is_multicast
    except OSError:
        return False


def _probe(address: IPAddress) -> socket.socket:
    return socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM)


def _number(text: str) -> int | None:
    """An address without its zone, which has a name or a number."""
    address = parse(text)
    return None if address is None else int(address)


def origin_of(url: httpx.URL) -> Origin:
    """The origin of a URL that httpx parsed; raises httpx.UnsupportedProtocol."""
    scheme, host = url.scheme, url.raw_host.decode("ascii")
    if scheme not in DEFAULT_PORTS or not host:
        raise httpx.UnsupportedProtocol(f"Request URL has an unsupported protocol '{scheme}://'.")
    return Origin(scheme, host, DEFAULT_PORTS[scheme] if url.port is None else url.port)
