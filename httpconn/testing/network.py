"""No network but loopback, by the audit events of Python's own sockets (PEP 578)."""

from __future__ import annotations

import functools
import ipaddress
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_INTERNET = (socket.AF_INET, socket.AF_INET6)


class NetworkRefused(RuntimeError):
    """Something would have reached beyond this machine.

    It is no ``OSError``, so that the code under test neither takes it for a network that is down nor tries again.
    """


@contextmanager
def no_network() -> Iterator[None]:
    """Refuse to connect, to send and to resolve names, but on loopback, in all threads, until the block is left.

    It holds for all that goes through Python's sockets, whatever holds a reference to their functions. Libraries that
    open sockets of their own, such as pycurl, uvloop or a driver written in C, are out of its reach.

    Raises:
        NetworkRefused: where it happens, not here.
    """
    _install()
    block = object()
    _blocks.append(block)
    try:
        yield
    finally:
        _blocks.remove(block)


_blocks: list[object] = []  # one for each that is entered, in whatever thread


@functools.cache
def _install() -> None:
    # Once: an audit hook stays for the life of the process. Between blocks it does nothing.
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _blocks and event in _PEERS:
        host = _PEERS[event](*arguments)
        if host is not None and not _is_local(host):
            raise NetworkRefused(f"{event} to {host}: this test has no network but loopback")


def _of_socket(sock: socket.socket, address: Any) -> str | None:
    return _text(address[0]) if sock.family in _INTERNET and isinstance(address, tuple) else None


def _of_name(name: Any, *_: Any) -> str | None:
    return _text(name)


def _of_address(address: Any, *_: Any) -> str | None:
    return _text(address[0])


_PEERS: dict[str, Callable[..., str | None]] = {
    "socket.connect": _of_socket,
    "socket.sendto": _of_socket,
    "socket.sendmsg": _of_socket,
    "socket.getaddrinfo": _of_name,
    "socket.gethostbyname": _of_name,
    "socket.gethostbyaddr": _of_name,
    "socket.getnameinfo": _of_address,
}


def _text(name: Any) -> str | None:
    return bytes(name).decode("latin-1") if isinstance(name, (bytes, bytearray)) else name


def _is_local(host: str) -> bool:
    """RFC 6761 section 6.3 keeps ``localhost`` and all below it for loopback; no name at all is this machine."""
    name = host.rstrip(".").lower()
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
