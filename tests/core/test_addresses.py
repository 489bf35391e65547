"""The address table: every row, and the longest prefix for any address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.addresses import IPV4_TABLE, IPV6_TABLE, Address, AddressClass, PrefixTable, classify, network_of
from tests.corpora.addresses import ADDRESSES

TABLES = {4: IPV4_TABLE, 6: IPV6_TABLE}
ROWS = [*IPV4_TABLE, *IPV6_TABLE]
WIDTHS = {4: 32, 6: 128}
STANDS_FOR_IPV4 = {"::ffff:0:0/96", "64:ff9b::/96"}


def bits(address: Address) -> str:
    return f"{int(address):0{WIDTHS[address.version]}b}"


def by_hand(address: Address) -> AddressClass:
    """Classify an address by comparing the bits of each row. It shares no code with the library."""
    if isinstance(address, IPv6Address) and bits(address)[:96] in (
        "0" * 80 + "1" * 16,
        f"{0x64:016b}{0xFF9B:016b}" + "0" * 64,
    ):
        return by_hand(IPv4Address(int(bits(address)[96:], 2)))
    best: tuple[int, AddressClass] | None = None
    for row in TABLES[address.version]:
        start, _, length = row.network.partition("/")
        prefix = bits(ip_address(start))[: int(length)]
        if bits(address).startswith(prefix) and (best is None or len(prefix) > best[0]):
            best = len(prefix), row
    assert best is not None
    return best[1]


def edges(row: AddressClass) -> list[Address]:
    """Return the first and last address of a row, their neighbours, and an address inside."""
    network = ip_network(row.network)
    first, last = int(network[0]), int(network[-1])
    numbers = {first - 1, first, (first + last) // 2, last, last + 1}
    kind = type(network[0])
    return [kind(number) for number in sorted(numbers) if 0 <= number < 1 << WIDTHS[network.version]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.network)
def test_a_row_covers_its_first_to_its_last_address(row: AddressClass) -> None:
    for address in edges(row):
        assert classify(address) == by_hand(address), address
        assert classify(str(address)) == by_hand(address), address


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.network)
def test_a_row_decides_the_class_of_its_addresses(row: AddressClass) -> None:
    own = [address for address in edges(row) if address in ip_network(row.network) and by_hand(address) is row]
    assert own or row.network in STANDS_FOR_IPV4 or row.network == "0.0.0.0/0"


@pytest.mark.parametrize("table", TABLES.values())
def test_no_network_is_listed_twice(table: tuple[AddressClass, ...]) -> None:
    networks = [ip_network(row.network) for row in table]
    assert len(set(networks)) == len(networks)
    assert all(row.reason and row.source for row in table)


@pytest.mark.parametrize(("text", "reason"), ADDRESSES.items())
def test_the_corpus(text: str, reason: str | None) -> None:
    verdict = classify(text)
    assert verdict.public == (reason is None)
    assert verdict.reason == (reason or "public internet")


def test_a_rule_names_the_purpose_and_the_source_of_a_network() -> None:
    assert classify("10.1.2.3").rule == "private network 10.0.0.0/8 (RFC 1918)"
    assert classify("::ffff:10.1.2.3").rule == "private network 10.0.0.0/8 (RFC 1918)"


def any_address() -> st.SearchStrategy[Address]:
    """Generate any addresses, and addresses near the rows of the table."""
    near = st.tuples(st.sampled_from(ROWS), st.integers(-3, 3), st.booleans()).map(lambda drawn: _near(*drawn))
    inside = st.sampled_from(ROWS).flatmap(lambda row: st.ip_addresses(network=row.network))
    mapped = st.ip_addresses(v=4).map(lambda inner: ip_address(f"::ffff:{inner}"))
    nat64 = st.ip_addresses(v=4).map(lambda inner: ip_address(f"64:ff9b::{inner}"))
    return st.one_of(st.ip_addresses(), near, inside, mapped, nat64)


def _near(row: AddressClass, distance: int, at_end: bool) -> Address:
    network = ip_network(row.network)
    number = int(network[-1 if at_end else 0]) + distance
    return type(network[0])(number % (1 << WIDTHS[network.version]))


@given(any_address())
def test_the_longest_prefix_decides_for_any_address(address: Address) -> None:
    assert classify(address) == classify(str(address)) == by_hand(address)


@given(st.ip_addresses(v=4))
def test_an_address_that_embeds_an_ipv4_address_has_its_class(address: IPv4Address) -> None:
    assert classify(f"::ffff:{address}") == classify(f"64:ff9b::{address}") == classify(address)


@given(any_address())
def test_addresses_that_python_calls_not_global_are_not_public(address: Address) -> None:
    """The standard library's list is shorter, except for addresses that embed an IPv4 address."""
    if classify(address).public and getattr(address, "ipv4_mapped", None) is None:
        assert address.is_global


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_not_public(text: str) -> None:
    if classify(text).public:
        assert ip_address(text)


@given(st.lists(st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), max_size=8), st.ip_addresses(v=4))
def test_a_prefix_table_finds_the_longest_prefix_of_any_networks(
    rows: list[tuple[IPv4Address, int]], address: IPv4Address
) -> None:
    networks = [ip_network(f"{start}/{length}", strict=False) for start, length in rows]
    around = [each for each in networks if address in each]
    expected = max(around, key=lambda each: each.prefixlen, default=None)
    assert PrefixTable((each, each) for each in networks).find(int(address)) == expected


def test_a_network_of_mapped_addresses_is_one_of_ipv4() -> None:
    assert network_of("::ffff:10.0.0.0/104") == ip_network("10.0.0.0/8")
    assert network_of("::fffe:0:0/95") == ip_network("::fffe:0:0/95")
