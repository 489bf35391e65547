"""Dialling: from a host's name to a connected socket, the same for all runtimes.

There is no other place where the library opens a connection.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..access import AccessPolicy
from ..errors import ConnectFailed, ConnectTimedOut, MalformedRequest, TransportError
from ..runtime.resolver import Address
from ..runtime.runtimes import Runtime
from .dns import CachingResolver
from .guard import Guard
from .race import BROKEN, begin, interleaved, race


def _unguarded() -> Guard:
    return Guard(AccessPolicy.anywhere(), CachingResolver())


@dataclass(frozen=True, slots=True)
class Options:
    """How sockets are made, and to where.

    Attributes:
        local_address: to bind to.
        socket_options: as ``setsockopt`` takes them.
        guard: resolves names, and judges what they lead to.
    """

    local_address: str | None = None
    socket_options: tuple[Any, ...] = ()
    guard: Guard = field(default_factory=_unguarded)


async def dial(runtime: Runtime, host: str, port: int, end: float, options: Options) -> socket.socket:
    """Resolve the host once, judge its addresses, and connect to the first of them that answers.

    Raises:
        AccessDenied: one of the addresses is forbidden; none is dialled.
        MalformedRequest: the port is not from 1 to 65535; some resolvers would take it modulo 65536.
        ConnectFailed: no address, or none that answers; the OSError is its cause.
        ConnectTimedOut: the end has come.
    """
    if not 0 < port < 65_536:
        raise MalformedRequest(f"The port {port} of {host} is not from 1 to 65535")
    guard = options.guard
    vetted = interleaved(await guard.addresses(runtime, host, port, end))
    try:
        address, sock = await _connect(runtime, f"{host} port {port}", vetted, end, options)
    except TransportError:
        guard.forget(host, port)
        raise
    try:
        guard.judge_peer(host, address, sock)
    except BaseException:
        sock.close()
        raise
    return sock


async def dial_unix(runtime: Runtime, path: str, end: float, options: Options) -> socket.socket:
    """Connect to a Unix socket; errors as in :func:`dial`."""
    options.guard.judge_socket(path)
    if not hasattr(socket, "AF_UNIX"):
        raise ConnectFailed("This system has no Unix sockets")
    _, sock = await _connect(runtime, path, [Address(socket.AF_UNIX, path)], end, options)
    return sock


async def _connect(
    runtime: Runtime, peer: str, addresses: Sequence[Address], end: float, options: Options
) -> tuple[Address, socket.socket]:
    try:
        return await race(runtime, addresses, end, partial(begin, prepare=partial(_prepare, options=options)))
    except TimeoutError as error:
        raise ConnectTimedOut(f"{peer} did not answer in time") from error
    except BROKEN as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConnectFailed(f"No connection to {peer}: {reason}") from error


def _prepare(sock: socket.socket, options: Options) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in options.socket_options:
        sock.setsockopt(*option)
    if options.local_address is not None:
        sock.bind((options.local_address, 0))
