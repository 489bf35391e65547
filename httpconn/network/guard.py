"""The access policy where requests are sent and addresses are dialled."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address

from ..access import AccessPolicy
from ..core.addresses import Address as IPAddress
from ..core.addresses import network_of, normalized, parse
from ..core.hosts import check_host
from ..core.messages import Origin, Request
from ..core.urls import redact
from ..errors import AccessDenied, ConnectFailed, ConnectTimedOut
from ..runtime.resolver import Address
from ..runtime.runtimes import Runtime
from ..runtime.timeouts import seconds_left
from .dns import CachingResolver, literal

_MAX_ORIGINS = 1024
_DISCARD = 9  # the port of a datagram that is never sent
_NOBODYS: dict[int, IPAddress] = {4: IPv4Address("192.0.2.1"), 6: IPv6Address("2001:db8::1")}  # RFC 5737, RFC 3849


class Guard:
    """Judges requests, resolves names once, and judges what they lead to.

    Args:
        access: the policy.
        names: the resolver.

    Attributes:
        judges_requests: whether any request could be forbidden.
    """

    def __init__(self, access: AccessPolicy, resolver: CachingResolver) -> None:
        self._access = access
        self._resolver = resolver
        self.judges_requests: bool = access != AccessPolicy.anywhere()
        self._own_loopback = [network for network in map(network_of, access.allowed_networks) if network.is_loopback]
        self._admitted: set[tuple[str, Origin]] = set()

    def admit(self, request: Request) -> None:
        """Judge the method and the origin of a request, which are all that a request of the builder says.

        Raises:
            AccessDenied: it is forbidden; ``url`` names it.
            InvalidURL: its host is none that could be judged.
        """
        place = request.method, request.origin
        if place not in self._admitted:
            self._judge(request, userinfo=False)
            if len(self._admitted) >= _MAX_ORIGINS:
                self._admitted.clear()
            self._admitted.add(place)

    def admit_foreign(self, request: Request, *, userinfo: bool) -> None:
        """The same for a request of anybody, and whatever else in it names a server."""
        if not self.judges_requests:
            return
        self._judge(request, userinfo=userinfo)
        try:
            _judge_names(request)
        except AccessDenied as error:
            error.url = redact(request.url)
            raise

    def _judge(self, request: Request, *, userinfo: bool) -> None:
        origin = request.origin
        host = check_host(f"[{origin.host}]" if ":" in origin.host else origin.host)
        try:
            self._access.judge_method(request.method)
            self._access.judge_url(origin.scheme, host, origin.port, userinfo=userinfo)
        except AccessDenied as error:
            error.url = redact(request.url)
            raise

    async def addresses(self, runtime: Runtime, host: str, port: int, end: float) -> list[Address]:
        """What may be dialled for a host; one address that may not refuses them all.

        Raises:
            AccessDenied: an address is forbidden.
            ConnectFailed: there is none.
            ConnectTimedOut: the end has come.
        """
        found = await self.found(runtime, host, port, end)
        if self._access.judges_addresses:
            for each in found:
                self.judge(host, str(each.name[0]))
        return found

    async def found(self, runtime: Runtime, host: str, port: int, end: float) -> list[Address]:
        """What a host leads to, unjudged, each address once; errors as in :meth:`addresses`."""
        own = literal(host, port)
        found = [own] if own else await self._resolved(runtime, host, port, end)
        return list(dict.fromkeys(found))

    def _question(self, host: str) -> str:
        """Where it matters what a name leads to, no search domain is tried with it: the dot says that it is whole.

        "localhost" stands in the system's file of hosts, which holds names without it.
        """
        whole = not self._resolver.is_systems or not self._access.judges_addresses or host == "localhost"
        return host if whole or host.endswith(".") else f"{host}."

    async def _resolved(self, runtime: Runtime, host: str, port: int, end: float) -> list[Address]:
        try:
            found = await self._resolver.addresses(runtime, self._question(host), port, seconds_left(end))
        except TimeoutError as error:
            raise ConnectTimedOut(f"{host} was not resolved in time") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConnectFailed(f"{host} could not be resolved: {reason}") from error
        if not found:
            raise ConnectFailed(f"{host} has no address")
        return found

    def forget(self, host: str, port: int) -> None:
        """None of its addresses could be reached: the next connection asks again."""
        self._resolver.forget(self._question(host), port)

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
        inner = normalized(address)
        return is_own(inner) and not any(inner in network for network in self._own_loopback)

    def judge_peer(self, host: str, vetted: Address, sock: socket.socket) -> None:
        """Judge where a connection ended.

        Raises:
            AccessDenied: not at the address that was vetted, or at one that is forbidden.
            ConnectFailed: it is gone already.
        """
        if not self._access.judges_addresses:
            return
        try:
            peer = str(sock.getpeername()[0])
        except OSError as error:
            raise ConnectFailed(f"No connection to {host}: {error.strerror}") from error
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


def _judge_names(request: Request) -> None:
    """What a server, a proxy or TLS goes by besides the URL names the same server (RFC 9112 section 3.2)."""
    origin = request.origin
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    named = [value.decode("latin-1").lower() for name, value in request.fields if name.lower() == b"host"]
    if len(named) != 1 or named[0] not in (origin.netloc, f"{host}:{origin.port}"):
        raise _other_name("the header Host")
    # A proxy would read the URL's authority on into any other target.
    if request.target != b"*" and request.target[:1] != b"/":
        raise _other_name("the request target")
    if request.server_name is not None:
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
