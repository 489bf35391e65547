"""Enforcement of the access policy on requests and addresses."""

import socket
from ipaddress import IPv4Address, IPv6Address

from ..access import AccessPolicy
from ..core.accesschecks import Checked
from ..core.addresses import Address as IPAddress
from ..core.addresses import network_of, normalized, parse
from ..core.hosts import check_host
from ..core.messages import Origin, Request
from ..core.remembered import Remembered
from ..core.urls import redact
from ..errors import AccessDenied, ConnectFailed, ConnectTimedOut
from ..runtime.resolver import Address
from ..runtime.runtimes import BlockingRuntime, Runtime
from ..runtime.stepping import run_sync
from ..runtime.timeouts import seconds_left, until
from .dns import CachingResolver, NameResolver, literal

_DISCARD = 9  # the port of a probe that is never sent
# Addresses for documentation, which no machine has (RFC 5737, RFC 3849).
_UNUSED_ADDRESSES: dict[int, IPAddress] = {4: IPv4Address("192.0.2.1"), 6: IPv6Address("2001:db8::1")}


class Guard:
    """The check of requests, of resolved addresses and of connected peers."""

    def __init__(self, access: AccessPolicy, resolver: CachingResolver) -> None:
        self._access = access
        self._resolver = resolver
        self.judges_requests: bool = access != AccessPolicy.anywhere()  # whether the policy can deny a request
        self._own_loopback = [network for network in map(network_of, access.allowed_networks) if network.is_loopback]
        self._admitted: Remembered[tuple[str, Origin], bool] = Remembered()

    def admit(self, request: Request) -> None:
        """Check the method and the origin of a request that httpconn built. Nothing else in it names a server."""
        place = request.method, request.origin
        if place not in self._admitted:
            self._judge(request, userinfo=False, is_foreign=False)
            self._admitted[place] = True

    def admit_foreign(self, request: Request, *, userinfo: bool) -> None:
        """Check a request of an httpx client: method, origin, and every other part that names a server."""
        if self.judges_requests:
            self._judge(request, userinfo=userinfo, is_foreign=True)

    def _judge(self, request: Request, *, userinfo: bool, is_foreign: bool) -> None:
        origin = request.origin
        host = check_host(origin.authority_host)
        try:
            self._access.judge_method(request.method)
            self._access.judge_url(origin.scheme, host, origin.port, userinfo=userinfo)
            if is_foreign:
                _judge_names(request)
        except AccessDenied as error:
            error.url = redact(request.url)
            raise

    async def addresses(self, runtime: Runtime, host: str, port: int, end: float) -> list[Address]:
        """Return the addresses of a host. One denied address denies the host."""
        found = await self.found(runtime, host, port, end)
        if self._access.judges_addresses:
            for each in found:
                self.judge(host, str(each.name[0]))
        return found

    async def found(self, runtime: Runtime, host: str, port: int, end: float) -> list[Address]:
        """Return the addresses of a host without a check and without duplicates; errors as in :meth:`addresses`."""
        own = literal(host, port)
        if own:
            return [own]
        try:
            found = await self._resolver.addresses(runtime, self._full_name(host), port, seconds_left(end))
        except TimeoutError as error:
            raise ConnectTimedOut(f"{host} was not resolved in time") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConnectFailed(f"{host} could not be resolved: {reason}") from error
        if not found:
            raise ConnectFailed(f"{host} has no address")
        return list(dict.fromkeys(found))

    def _full_name(self, host: str) -> str:
        """Return the name to resolve. If addresses are checked, a trailing dot excludes search domains."""
        # "localhost" has no dot, because the hosts file lists names without one.
        whole = not self._resolver.is_systems or not self._access.judges_addresses or host == "localhost"
        return host if whole or host.endswith(".") else f"{host}."

    def forget(self, host: str, port: int) -> None:
        """Remove a host from the cache of the resolver, because none of its addresses accepted a connection."""
        self._resolver.forget(self._full_name(host), port)

    def judge(self, host: str, address: str) -> None:
        """Check one address of a host. Raises AccessDenied: the address is denied, or belongs to this machine."""
        self._access.judge_address(host, address)
        if not self._access.own_interfaces and self._is_own(address):
            raise AccessDenied(
                f"{host} leads to {address}, which is denied: an address of this machine",
                reason="own interface",
                rule="own interfaces",
            )

    def _is_own(self, text: str) -> bool:
        """Return whether an address belongs to this machine. Loopback networks that the policy allows do not count."""
        address = parse(text)
        if address is None:
            return True
        inner = normalized(address)
        return is_own(inner) and not any(inner in network for network in self._own_loopback)

    def judge_peer(self, host: str, checked: Address, sock: socket.socket) -> None:
        if not self._access.judges_addresses:
            return
        try:
            peer = str(sock.getpeername()[0])
        except OSError as error:
            raise ConnectFailed(f"No connection to {host}: {error.strerror}") from error
        self._access.judge_address(host, peer)
        if _number(peer) != _number(str(checked.name[0])):
            raise AccessDenied(
                f"The connection to {host} ended at {peer}, not at {checked.name[0]}",
                reason="peer",
                rule="checked peer",
            )

    def judge_socket(self, path: str) -> None:
        """Check a connection to a Unix socket, which has no address that the policy could check."""
        if self._access.judges_addresses:
            raise AccessDenied(f"The Unix socket {path} is denied", reason="Unix socket", rule="Unix sockets")


def explained(
    access: AccessPolicy, url: str, *, resolver: NameResolver | None = None, seconds: float = 10.0
) -> Checked:
    """Explain the decision of an access policy on a URL. An allowed host is resolved, but not connected to."""
    checked = access.check(url)
    if not checked.allowed:
        return checked
    guard = Guard(access, CachingResolver(resolver))
    try:
        found = run_sync(guard.found(BlockingRuntime(), checked.host, checked.port, until(seconds)))
    except (ConnectFailed, ConnectTimedOut) as error:
        error.url = checked.url
        raise
    return checked.with_addresses(guard.judge, (str(address.name[0]) for address in found))


def _judge_names(request: Request) -> None:
    """Require that the Host field, the target and the TLS name match the URL (RFC 9112 section 3.2)."""
    origin = request.origin
    named = [value.decode("latin-1").lower() for name, value in request.fields if name.lower() == b"host"]
    if len(named) != 1 or named[0] not in (origin.netloc, origin.authority):
        raise _other_name("the header Host")
    # A proxy would append any other target to the authority of the URL.
    if request.target != b"*" and request.target[:1] != b"/":
        raise _other_name("the request target")
    if request.server_name is not None:
        raise _other_name("the name for TLS")


def _other_name(what: str) -> AccessDenied:
    return AccessDenied(f"The URL does not match {what}", reason="another name", rule=f"the URL matches {what}")


def is_own(address: IPAddress) -> bool:
    """Return whether an address belongs to this machine. No packet is sent."""
    if address.is_loopback or address.is_unspecified or _starts_from_itself(address):
        return True
    # Linux uses the first address of an interface as the source of packets to its other addresses.
    return can_be_bound(address) and not can_be_bound(_UNUSED_ADDRESSES[address.version])


def _starts_from_itself(address: IPAddress) -> bool:
    """Return whether packets to an address have that address as their source."""
    try:
        with _probe(address) as probe:
            probe.connect((str(address), _DISCARD))
            return _number(probe.getsockname()[0]) == int(address)
    except OSError:  # there is no route to the address
        return False


def can_be_bound(address: IPAddress) -> bool:
    """Return whether a socket can bind to an address. A system with nonlocal binding allows any address."""
    try:
        with _probe(address) as probe:
            probe.bind((str(address), 0))
            probe.connect((str(address), _DISCARD))  # fails for a broadcast address
            return not address.is_multicast
    except OSError:
        return False


def _probe(address: IPAddress) -> socket.socket:
    return socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM)


def _number(text: str) -> int | None:
    """Return an address as a number, without its zone, or None."""
    address = parse(text)
    return None if address is None else int(address)
