"""Connections: from a host name to a connected socket, for all runtimes.

The library opens all its connections in this module.
"""

import socket
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from ..errors import ConnectFailed, ConnectTimedOut, MalformedRequest, TransportError
from ..runtime.resolver import Address
from ..runtime.runtimes import Runtime
from .guard import Guard
from .race import BROKEN, begin, interleaved, race


class Options(NamedTuple):
    """Options of new sockets."""

    guard: Guard  # resolves names and checks their addresses
    local_address: str | None = None
    socket_options: tuple[Any, ...] = ()  # the arguments of one ``setsockopt`` call each


async def dial(runtime: Runtime, host: str, port: int, end: float, options: Options) -> socket.socket:
    """Resolve the host once, check its addresses, and connect to the first address that accepts.

    One denied address denies the host: no connection is made then.
    """
    if not 0 < port < 65_536:
        raise MalformedRequest(f"The port {port} of {host} is not from 1 to 65535")
    guard = options.guard
    checked = interleaved(await guard.addresses(runtime, host, port, end))
    try:
        address, sock = await _connect(runtime, f"{host} port {port}", checked, end, options)
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
    """Connect to a Unix socket. See :func:`dial` for the errors."""
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
        raise ConnectTimedOut(f"{peer} did not accept a connection in time") from error
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
