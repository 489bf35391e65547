"""Patterns of hosts: a name, an address, or ``*.example.com`` for each name below ``example.com``."""

from collections.abc import Collection, Mapping
from typing import Generic, TypeVar

from ..errors import InvalidRequest, InvalidURL, printable
from .addresses import normalized, parse
from .hosts import check_host, is_literal

T = TypeVar("T")


def pattern_of(text: str, option: str) -> str:
    """Return a pattern in the form in which hosts are compared. ``option`` is named in errors."""
    star, host = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        found = check_host(f"[{host}]" if ":" in host and not host.startswith("[") else host).removesuffix(".")
    except InvalidURL as error:
        raise InvalidRequest(f"{option}: {printable(text, 80)!r} is not a host: {error.message}") from None
    if star and is_literal(found):
        raise InvalidRequest(f"{option}: *. needs a name, not an address")
    return star + _normal_host(found)


def _normal_host(host: str) -> str:
    """Return the host, or the IPv4 address that its IPv6 address embeds."""
    address = parse(host) if ":" in host else None
    return host if address is None else str(normalized(address))


def match(patterns: Collection[str], host: str) -> str | None:
    """Return the longest pattern that matches the host of a URL, or None."""
    host = _normal_host(host.removesuffix("."))
    if host in patterns:
        return host
    while "." in host:
        host = host.partition(".")[2]
        if f"*.{host}" in patterns:
            return f"*.{host}"
    return None


class HostTable(Generic[T]):
    """Values by patterns of hosts. The longest pattern that matches a host wins."""

    def __init__(self, given: Mapping[str, T]) -> None:
        self._values: dict[str, T] = {}
        for text, value in given.items():
            if not isinstance(text, str):
                raise InvalidRequest(f"hosts: a pattern must be a str, not {type(text).__name__}")
            pattern = pattern_of(text, "hosts")
            if pattern in self._values:
                raise InvalidRequest(f"hosts: two patterns mean the same host, {pattern}")
            self._values[pattern] = value

    def find(self, host: str) -> T | None:
        pattern = match(self._values, host)
        return None if pattern is None else self._values[pattern]
