"""Results of resolvers, and the decision of the public policy about each.

One denied address denies the whole name. A case lists the results of several lookups of its name: a client that
resolves twice gets another address.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A name, the addresses of each lookup in turn, and the reason to deny the first ones, or None."""

    host: str
    lookups: tuple[tuple[str, ...], ...]
    reason: str | None


def _once(host: str, reason: str | None, *addresses: str) -> Case:
    return Case(host, (addresses,), reason)


CASES = (
    _once("one.example", None, "93.184.215.14"),
    _once("six.example", None, "2606:4700::1111"),
    _once("both.example", None, "2606:4700::1111", "93.184.215.14"),
    _once("many.example", None, *(f"93.184.215.{last}" for last in range(1, 9))),
    _once("synthesised.example", None, "64:ff9b::93.184.215.14"),
    _once("mapped.example", None, "::ffff:93.184.215.14"),
    _once("loopback.example", "loopback", "127.0.0.1"),
    _once("loopback6.example", "loopback", "::1"),
    _once("any.example", "this network", "0.0.0.0"),
    _once("any6.example", "unspecified address", "::"),
    _once("private.example", "private network", "10.0.0.1"),
    _once("unique-local.example", "unique local network", "fd12::1"),
    _once("metadata.example", "cloud metadata", "169.254.169.254"),
    _once("metadata6.example", "cloud metadata", "fd00:ec2::254"),
    _once("wire-server.example", "cloud metadata", "168.63.129.16"),
    _once("carrier.example", "shared address space", "100.64.0.1"),
    _once("mapped-loopback.example", "loopback", "::ffff:127.0.0.1"),
    _once("mapped-metadata.example", "cloud metadata", "::ffff:169.254.169.254"),
    _once("nat64-loopback.example", "loopback", "64:ff9b::127.0.0.1"),
    _once("nat64-metadata.example", "cloud metadata", "64:ff9b::a9fe:a9fe"),
    _once("6to4.example", "6to4", "2002:7f00:1::1"),
    _once("teredo.example", "Teredo", "2001::1"),
    _once("compatible.example", "IPv4-compatible address", "::127.0.0.1"),
    _once("scoped.example", "scoped address", "fe80::1%1"),
    _once("multicast.example", "multicast", "224.0.0.251"),
    _once("broadcast.example", "limited broadcast", "255.255.255.255"),
    _once("last-is-private.example", "private network", "93.184.215.14", "10.0.0.1"),
    _once("first-is-private.example", "private network", "10.0.0.1", "93.184.215.14"),
    _once("fifth-is-private.example", "private network", *("93.184.215.14",) * 4, "192.168.0.1"),
    _once("other-family-is-private.example", "unique local network", "93.184.215.14", "fd12::1"),
    _once("mixed-mapped.example", "loopback", "2606:4700::1111", "::ffff:127.0.0.1"),
    _once("localhost.localdomain", "loopback", "127.0.0.1"),
    _once("127.0.0.1.rebind.example", "loopback", "127.0.0.1"),
    _once("xn--bcher-kva.example", "private network", "172.16.0.1"),
    _once("dotted.example.", "private network", "10.0.0.1"),
    Case("rebinds.example", (("93.184.215.14",), ("127.0.0.1",)), None),
    Case("rebinds-back.example", (("127.0.0.1",), ("93.184.215.14",)), "loopback"),
    Case("rebinds-family.example", (("93.184.215.14",), ("::1",)), None),
    Case("rebinds-to-metadata.example", (("93.184.215.14",), ("169.254.169.254",)), None),
    Case("alternates.example", (("93.184.215.14",), ("10.0.0.1",), ("93.184.215.14",), ("10.0.0.1",)), None),
)
