"""Hosts: one form in which they are resolved, compared and sent, or none at all."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

import idna

from ..errors import InvalidURL

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_QUAD = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")  # RFC 3490 section 3.1
_MAX_NAME = 253  # RFC 1035 section 2.3.4, without the trailing dot


def check_host(host: str) -> str:
    """A host of a URL as A-labels in lower case, as a dotted quad, or as an IPv6 address without its brackets.

    Names are of letters, digits, hyphens and underscores after IDNA 2008 (RFC 5891), which maps nothing but case: what
    UTS 46 would turn into a digit or a dot is refused with the rest of its mappings. What some resolvers read as an
    IPv4 address (``127.1``, ``0x7f.1``, ``017700000001``) is refused unless it is a canonical one.

    Raises:
        InvalidURL: it is none of them.
    """
    if host.startswith("["):
        return _ipv6(host)
    name = _a_labels(host)
    labels = name.removesuffix(".").split(".")
    if not all(map(_LABEL.fullmatch, labels)) or len(name.removesuffix(".")) > _MAX_NAME:
        raise InvalidURL("The host of the URL has a label that is empty, too long, or not of letters and digits")
    if _NUMBER.fullmatch(labels[-1]) and not _QUAD.fullmatch(name):
        raise InvalidURL("The host of the URL ends in a number and is no IPv4 address in its usual form")
    return name


def is_literal(host: str) -> bool:
    """Whether a host that was checked is an address."""
    return ":" in host or _QUAD.fullmatch(host) is not None


def _ipv6(host: str) -> str:
    if not host.endswith("]") or "%" in host:
        raise InvalidURL("The host of the URL is no IPv6 address without a zone")
    try:
        return IPv6Address(host[1:-1]).compressed
    except AddressValueError:
        raise InvalidURL("The host of the URL is no IPv6 address") from None


def _a_labels(host: str) -> str:
    name = host.lower()
    if name.isascii() and "xn--" not in name:
        return name
    if len(name) > _MAX_NAME + 1 or _OTHER_DOTS.search(name):
        raise InvalidURL("The host of the URL is too long, or has dots that are none")
    try:
        encoded = name if name.isascii() else idna.encode(name).decode("ascii")
        idna.decode(encoded)  # whole, as httpx does when somebody reads ``url.host``
    except UnicodeError:  # idna's errors are
        raise InvalidURL("The host of the URL is not valid by IDNA 2008") from None
    return encoded
