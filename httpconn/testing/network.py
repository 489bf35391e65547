"""A block without network access except loopback, based on the audit events of Python sockets (PEP 578)."""

import functools
import ipaddress
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_INTERNET = (socket.AF_INET, socket.AF_INET6)
_TO_PEER = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_OF_DNS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})


class NetworkRefused(RuntimeError):
    """A test tried to use the network beyond loopback.

    It is not an ``OSError``, so that the code under test does not handle it as a network failure or retry.
    """


@contextmanager
def no_network() -> Iterator[None]:
    """Block connections, datagrams and DNS during a block, in all threads. Loopback stays usable.

    This applies to all uses of Python's sockets, also by code that imported their functions before. It does not apply
    to libraries that open sockets in C, such as pycurl and uvloop.

    Raises:
        NetworkRefused: raised in the code that uses the network.
    """
    _install()
    block = object()
    _blocks.append(block)
    try:
        yield
    finally:
        _blocks.remove(block)


_blocks: list[object] = []  # one object for each entered block of any thread


@functools.cache
def _install() -> None:
    # Once per process, because an audit hook cannot be removed. Outside of blocks it does nothing.
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _blocks and (event in _TO_PEER or event in _OF_DNS):
        host = _host(event, *arguments)
        if host is not None and not _is_local(host):
            raise NetworkRefused(f"{event} to {host}: no_network allows only loopback")


def _host(event: str, subject: Any, address: Any = None, *_: Any) -> str | None:
    """Return the host of an event, or None if there is none, as for a Unix socket."""
    if event in _TO_PEER:
        name = address[0] if subject.family in _INTERNET and isinstance(address, tuple) else None
    else:
        name = subject[0] if isinstance(subject, tuple) else subject
    return bytes(name).decode("latin-1") if isinstance(name, (bytes, bytearray)) else name


def _is_local(host: str) -> bool:
    """Return whether a host is this machine. ``localhost`` and its subdomains are loopback (RFC 6761 section 6.3)."""
    name = host.rstrip(".").lower()
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
