"""Dialling: from a host's name to a connected socket, the same for all runtimes.

There is no other place where the library opens a connection.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

import httpcore

from .allowance import Allowance, seconds_left
from .resolver import Address
from .runtimes import Runtime

_PENDING = {errno.EINPROGRESS, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)}

MAX_ATTEMPTS = 4
"""Addresses of one host that are tried."""


@dataclass(frozen=True, slots=True)
class Options:
    """How sockets are made: the local address to bind to, and options as ``setsockopt`` takes them."""

    local_address: str | None = None
    socket_options: tuple[httpcore.SOCKET_OPTION, ...] = ()


async def dial(runtime: Runtime, host: str, port: int, allowance: Allowance, options: Options) -> socket.socket:
    """Resolve the host and connect to the first of its addresses that answers.

    Raises:
        httpcore.ConnectError: no address, or none that answers; the OSError is its cause.
        httpcore.ConnectTimeout: the allowance is used up.
    """
    found = _literal(host, port) or await _resolve(runtime, host, port, allowance)
    # Between the one resolution and the first packet: whatever decides about addresses decides about `found`.
    return await _connect_any(runtime, f"{host} port {port}", interleaved(found), allowance, options)


async def dial_unix(runtime: Runtime, path: str, allowance: Allowance, options: Options) -> socket.socket:
    """Connect to a Unix socket; errors as in :func:`dial`."""
    if not hasattr(socket, "AF_UNIX"):
        raise httpcore.ConnectError("This system has no Unix sockets")
    return await _connect_any(runtime, path, [Address(socket.AF_UNIX, path)], allowance, options)


def as_allowance(timeout: float | None) -> Allowance:
    """One clock for all steps of a dial."""
    return timeout if isinstance(timeout, Allowance) else Allowance(timeout)


def _literal(host: str, port: int) -> list[Address]:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return []
    return [Address(socket.AF_INET6 if version == 6 else socket.AF_INET, (host, port))]


async def _resolve(runtime: Runtime, host: str, port: int, allowance: Allowance) -> list[Address]:
    try:
        found = await runtime.resolve(host, port, seconds_left(allowance))
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
    except (OSError, ValueError) as error:
        raise httpcore.ConnectError(f"{host} could not be resolved: {_reason(error)}") from error
    if not found:
        raise httpcore.ConnectError(f"{host} has no address")
    return found


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """The resolver's order, but with the families in turn (RFC 8305 section 4)."""
    first = [address for address in addresses if address.family == addresses[0].family]
    other = [address for address in addresses if address.family != addresses[0].family]
    return [address for address in chain.from_iterable(zip_longest(first, other)) if address][:MAX_ATTEMPTS]


async def _connect_any(
    runtime: Runtime, peer: str, addresses: Sequence[Address], allowance: Allowance, options: Options
) -> socket.socket:
    remaining = len(addresses)
    while True:
        try:
            seconds = _share(seconds_left(allowance), remaining)
            return await _connect(runtime, addresses[-remaining], seconds, options)
        except (OSError, ValueError) as error:
            remaining -= 1
            if not remaining:
                raise _unconnected(peer, error) from error


def _unconnected(peer: str, error: Exception) -> Exception:
    if isinstance(error, TimeoutError):
        return httpcore.ConnectTimeout(f"{peer} did not answer in time")
    return httpcore.ConnectError(f"No connection to {peer}: {_reason(error)}")


def _share(seconds: float | None, remaining: int) -> float | None:
    """An address that swallows packets costs at most half of the time, as long as there is another one."""
    return seconds if seconds is None or remaining == 1 else seconds / 2


async def _connect(runtime: Runtime, address: Address, seconds: float | None, options: Options) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        _prepare(sock, options)
        await _reach(runtime, sock, address, seconds)
    except BaseException:
        sock.close()
        raise
    return sock


async def _reach(runtime: Runtime, sock: socket.socket, address: Address, seconds: float | None) -> None:
    sock.setblocking(False)
    code = sock.connect_ex(address.name)
    if code in _PENDING:
        await runtime.writable(sock, seconds)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _prepare(sock: socket.socket, options: Options) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _apply(sock, options.socket_options)
    if options.local_address is not None:
        sock.bind((options.local_address, 0))


def _apply(sock: socket.socket, socket_options: Iterable[httpcore.SOCKET_OPTION]) -> None:
    for option in socket_options:
        sock.setsockopt(*option)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
