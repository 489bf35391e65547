"""Host names and addresses of URLs, in the one form in which they are compared, resolved and sent."""

from ipaddress import AddressValueError, IPv6Address

import idna

from ..errors import InvalidURL
from .regexes import regex

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_QUAD = regex(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_LABEL = regex(r"[a-z0-9_-]{1,63}")
_NUMBER = regex(r"[0-9]+|0x[0-9a-f]*")
_OTHER_DOTS = regex("[\u3002\uff0e\uff61]")  # RFC 3490 section 3.1
_MAX_NAME = 253  # RFC 1035 section 2.3.4, without the trailing dot


def check_host(host: str) -> str:
    """Return a host as A-labels in lower case, as a dotted quad, or as an IPv6 address without brackets.

    A name has letters, digits, hyphens and underscores after IDNA 2008 (RFC 5891). IDNA 2008 maps only the case; the
    mappings of UTS 46, which turn some characters into digits or dots, are rejected. An IPv4 address must have its
    usual form. Other forms that some resolvers accept (``127.1``, ``0x7f.1``, ``017700000001``) are rejected.
    """
    if host.startswith("["):
        return _ipv6(host)
    name = _a_labels(host)
    labels = name.removesuffix(".").split(".")
    if not all(map(_LABEL.fullmatch, labels)) or len(name.removesuffix(".")) > _MAX_NAME:
        raise InvalidURL("The host of the URL has a label that is empty, too long, or not of letters and digits")
    if _NUMBER.fullmatch(labels[-1]) and not _QUAD.fullmatch(name):
        raise InvalidURL("The host of the URL ends in a number but is not an IPv4 address in its usual form")
    return name


def is_literal(host: str) -> bool:
    """Return whether a checked host is an address."""
    return ":" in host or _QUAD.fullmatch(host) is not None


def _ipv6(host: str) -> str:
    if not host.endswith("]") or "%" in host:
        raise InvalidURL("The host of the URL is not an IPv6 address without a zone")
    try:
        return IPv6Address(host[1:-1]).compressed
    except AddressValueError:
        raise InvalidURL("The host of the URL is not an IPv6 address") from None


def _a_labels(host: str) -> str:
    name = host.lower()
    if name.isascii() and "xn--" not in name:
        return name
    if len(name) > _MAX_NAME + 1 or _OTHER_DOTS.search(name):
        raise InvalidURL("The host of the URL is too long, or contains a character that looks like a dot")
    try:
        encoded = name if name.isascii() else idna.encode(name).decode("ascii")
        idna.decode(encoded)  # the whole name, because httpx decodes it for ``url.host``
    except UnicodeError:  # the base class of idna's errors
        raise InvalidURL("The host of the URL is not valid by IDNA 2008") from None
    return encoded
