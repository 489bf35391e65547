"""A table of the networks that belong to the public internet, and of those that do not.

The table has every block of IANA's special-purpose registries. It includes the blocks that IANA calls globally
reachable: they have no content to fetch, and the nearest network, possibly an internal one, serves their anycast
addresses. The table also has special networks that the registries omit. The longest prefix decides.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Generic, NamedTuple, TypeVar

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
T = TypeVar("T")

CLOUD_METADATA = "cloud metadata"


class AddressClass(NamedTuple):
    """The class of an address: a row of the table."""

    public: bool
    reason: str  # the purpose of the network, in a few words
    network: str
    source: str  # the document that defines it

    @property
    def rule(self) -> str:
        """The rule in a few words, such as ``private network 10.0.0.0/8 (RFC 1918)``."""
        return f"{self.reason} {self.network} ({self.source})"


def _public(network: str, source: str) -> AddressClass:
    return AddressClass(True, "public internet", network, source)


def _special(network: str, reason: str, source: str) -> AddressClass:
    return AddressClass(False, reason, network, source)


IPV4_TABLE = (
    _public("0.0.0.0/0", "IANA IPv4 Address Space Registry"),
    _special("0.0.0.0/8", "this network", "RFC 791"),
    _special("10.0.0.0/8", "private network", "RFC 1918"),
    _special("100.64.0.0/10", "shared address space", "RFC 6598"),
    _special("100.100.100.200/32", CLOUD_METADATA, "Alibaba Cloud"),
    _special("127.0.0.0/8", "loopback", "RFC 1122"),
    _special("168.63.129.16/32", CLOUD_METADATA, "Azure"),
    _special("169.254.0.0/16", "link-local", "RFC 3927"),
    _special("169.254.0.23/32", CLOUD_METADATA, "Tencent Cloud"),
    _special("169.254.42.42/32", CLOUD_METADATA, "Scaleway"),
    _special("169.254.169.254/32", CLOUD_METADATA, "AWS, Azure, Google Cloud and others"),
    _special("169.254.170.2/32", CLOUD_METADATA, "AWS ECS task credentials"),
    _special("169.254.170.23/32", CLOUD_METADATA, "AWS EKS pod identity"),
    _special("172.16.0.0/12", "private network", "RFC 1918"),
    _special("192.0.0.0/24", "protocol assignments", "RFC 6890"),
    _special("192.0.0.0/29", "IPv4 service continuity", "RFC 7335"),
    _special("192.0.0.8/32", "dummy address", "RFC 7600"),
    _special("192.0.0.9/32", "Port Control Protocol anycast", "RFC 7723"),
    _special("192.0.0.10/32", "TURN anycast", "RFC 8155"),
    _special("192.0.0.170/31", "NAT64 discovery", "RFC 7050"),
    _special("192.0.0.192/32", CLOUD_METADATA, "Oracle Cloud"),
    _special("192.0.2.0/24", "documentation", "RFC 5737"),
    _special("192.31.196.0/24", "AS112", "RFC 7535"),
    _special("192.52.193.0/24", "automatic multicast tunneling", "RFC 7450"),
    _special("192.88.99.0/24", "6to4 relay anycast", "RFC 7526"),
    _special("192.88.99.2/32", "6a44 relay anycast", "RFC 6751"),
    _special("192.168.0.0/16", "private network", "RFC 1918"),
    _special("192.175.48.0/24", "AS112", "RFC 7534"),
    _special("198.18.0.0/15", "benchmarking", "RFC 2544"),
    _special("198.51.100.0/24", "documentation", "RFC 5737"),
    _special("203.0.113.0/24", "documentation", "RFC 5737"),
    _special("224.0.0.0/4", "multicast", "RFC 5771"),
    _special("240.0.0.0/4", "reserved", "RFC 1112"),
    _special("255.255.255.255/32", "limited broadcast", "RFC 8190"),
)

IPV6_TABLE = (
    _special("::/0", "outside global unicast", "IANA IPv6 Address Space Registry"),
    _special("::/96", "IPv4-compatible address", "RFC 4291"),
    _special("::/128", "unspecified address", "RFC 4291"),
    _special("::1/128", "loopback", "RFC 4291"),
    _special("::ffff:0:0/96", "IPv4-mapped address", "RFC 4291"),
    _special("::ffff:0:0:0/96", "IPv4-translated address", "RFC 2765"),
    _special("64:ff9b::/96", "NAT64", "RFC 6052"),
    _special("64:ff9b:1::/48", "local-use NAT64", "RFC 8215"),
    _special("100::/64", "discard-only", "RFC 6666"),
    _special("100:0:0:1::/64", "dummy prefix", "RFC 9780"),
    _public("2000::/3", "RFC 4291"),
    _special("2001::/23", "protocol assignments", "RFC 2928"),
    _special("2001::/32", "Teredo", "RFC 4380"),
    _special("2001:1::1/128", "Port Control Protocol anycast", "RFC 7723"),
    _special("2001:1::2/128", "TURN anycast", "RFC 8155"),
    _special("2001:1::3/128", "DNS-SD service registration anycast", "RFC 9665"),
    _special("2001:2::/48", "benchmarking", "RFC 5180"),
    _special("2001:3::/32", "automatic multicast tunneling", "RFC 7450"),
    _special("2001:4:112::/48", "AS112", "RFC 7535"),
    _special("2001:10::/28", "deprecated ORCHID", "RFC 4843"),
    _special("2001:20::/28", "ORCHIDv2", "RFC 7343"),
    _special("2001:30::/28", "drone remote identification", "RFC 9374"),
    _special("2001:db8::/32", "documentation", "RFC 3849"),
    _special("2002::/16", "6to4", "RFC 3056"),
    _special("2620:4f:8000::/48", "AS112", "RFC 7534"),
    _special("3ffe::/16", "returned 6bone", "RFC 3701"),
    _special("3fff::/20", "documentation", "RFC 9637"),
    _special("5f00::/16", "segment routing", "RFC 9602"),
    _special("fc00::/7", "unique local network", "RFC 4193"),
    _special("fd00:42::42/128", CLOUD_METADATA, "Scaleway"),
    _special("fd00:c1::a9fe:a9fe/128", CLOUD_METADATA, "Oracle Cloud"),
    _special("fd00:ec2::23/128", CLOUD_METADATA, "AWS EKS pod identity"),
    _special("fd00:ec2::254/128", CLOUD_METADATA, "AWS"),
    _special("fd20:ce::254/128", CLOUD_METADATA, "Google Cloud"),
    _special("fe80::/10", "link-local", "RFC 4291"),
    _special("fec0::/10", "site-local", "RFC 3879"),
    _special("ff00::/8", "multicast", "RFC 4291"),
)

_NO_ADDRESS = AddressClass(False, "no address", "none", "RFC 4291 section 2.2")
_SCOPED = AddressClass(False, "scoped address", "with a zone", "RFC 4007")


class PrefixTable(Generic[T]):
    """A table from networks of one family to values. One bisection finds the longest prefix."""

    __slots__ = ("_starts", "_values")

    def __init__(self, rows: Iterable[tuple[Network, T]]) -> None:
        spans = [(int(net[0]), int(net[-1]), value) for net, value in sorted(rows, key=lambda row: row[0].prefixlen)]
        self._starts = sorted({0, *(first for first, _, _ in spans), *(last + 1 for _, last, _ in spans)})
        self._values = [_longest(spans, start) for start in self._starts]

    def find(self, address: int) -> T | None:
        return self._values[bisect_right(self._starts, address) - 1]


def _longest(spans: Sequence[tuple[int, int, T]], address: int) -> T | None:
    return next((value for first, last, value in reversed(spans) if first <= address <= last), None)


@cache
def _ranges(version: int) -> PrefixTable[AddressClass]:
    table = IPV4_TABLE if version == 4 else IPV6_TABLE
    return PrefixTable((ip_network(row.network), row) for row in table)


_EMBEDDING = {0xFFFF, 0x64FF9B << 64}  # ::ffff:0:0/96 (RFC 4291 section 2.5.5.2), 64:ff9b::/96 (RFC 6052 section 2.1)


def parse(text: str) -> Address | None:
    """Return the address of a text as ``getaddrinfo`` returns it, with its zone, or None if it is invalid."""
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except AddressValueError:
        return None


def network_of(given: str | Network) -> Network:
    """Return a network, or raise ValueError. A network of IPv4-mapped addresses becomes the IPv4 network."""
    # A zone is an error, because addresses are compared without their zones.
    network = ip_network(given)
    if isinstance(network, IPv6Network) and network.network_address.scope_id is not None:
        raise ValueError("a network with a zone")
    if isinstance(network, IPv6Network) and network.prefixlen >= 96 and network[0].ipv4_mapped:
        return IPv4Network((network[0].ipv4_mapped, network.prefixlen - 96))
    return network


def normalized(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address embeds, or the address itself."""
    if address.version == 6 and int(address) >> 32 in _EMBEDDING:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def classify(address: Address | str) -> AddressClass:
    """Return the row of the table for an address. A scoped address and an invalid text are not public."""
    found = parse(address) if isinstance(address, str) else address
    if found is None:
        return _NO_ADDRESS
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        return _SCOPED
    inner = normalized(found)
    return _ranges(inner.version).find(int(inner)) or _NO_ADDRESS
