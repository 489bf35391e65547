"""Dialling: from a host's name to a connected socket, the same for all runtimes.

There is no other place where the library opens a connection.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import httpcore

from ..access import AccessPolicy
from .allowance import Allowance
from .faults import LocalProtocolError
from .guard import Guard
from .names import Names
from .race import BROKEN, begin, interleaved, race
from .resolver import Address
from .runtimes import Runtime


def _unguarded() -> Guard:
    return Guard(AccessPolicy.anywhere(), Names())


@dataclass(frozen=True, slots=True)
class Options:
    """How sockets are made, and to where.

    Attributes:
        local_address: to bind to.
        socket_options: as ``setsockopt`` takes them.
        guard: resolves names, and judges what they lead to.
    """

    local_address: str | None = None
    socket_options: tuple[httpcore.SOCKET_OPTION, ...] = ()
    guard: Guard = field(default_factory=_unguarded)


async def dial(runtime: Runtime, host: str, port: int, allowance: Allowance, options: Options) -> socket.socket:
    """Resolve the host once, judge its addresses, and connect to the first of them that answers.

    Raises:
        AccessDenied: one of the addresses is forbidden; none is dialled.
        LocalProtocolError: the port is not from 1 to 65535; some resolvers would take it modulo 65536.
        httpcore.ConnectError: no address, or none that answers; the OSError is its cause.
        httpcore.ConnectTimeout: the allowance is used up.
    """
    if not 0 < port < 65_536:
        raise LocalProtocolError(f"The port {port} of {host} is not from 1 to 65535")
    guard = options.guard
    vetted = interleaved(await guard.addresses(runtime, host, port, allowance))
    try:
        address, sock = await _connect(runtime, f"{host} port {port}", vetted, allowance, options)
    except (httpcore.NetworkError, httpcore.TimeoutException):
        guard.forget(host, port)
        raise
    try:
        guard.judge_peer(host, address, sock)
    except BaseException:
        sock.close()
        raise
    return sock


async def dial_unix(runtime: Runtime, path: str, allowance: Allowance, options: Options) -> socket.socket:
    """Connect to a Unix socket; errors as in :func:`dial`."""
    options.guard.judge_socket(path)
    if not hasattr(socket, "AF_UNIX"):
        raise httpcore.ConnectError("This system has no Unix sockets")
    _, sock = await _connect(runtime, path, [Address(socket.AF_UNIX, path)], allowance, options)
    return sock


def as_allowance(timeout: float | None) -> Allowance:
    """One clock for all steps of a dial."""
    return timeout if isinstance(timeout, Allowance) else Allowance(timeout)


async def _connect(
    runtime: Runtime, peer: str, addresses: Sequence[Address], allowance: Allowance, options: Options
) -> tuple[Address, socket.socket]:
    try:
        return await race(runtime, addresses, allowance, partial(begin, prepare=partial(_prepare, options=options)))
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(f"{peer} did not answer in time") from error
    except BROKEN as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise httpcore.ConnectError(f"No connection to {peer}: {reason}") from error


def _prepare(sock: socket.socket, options: Options) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in options.socket_options:
        sock.setsockopt(*option)
    if options.local_address is not None:
        sock.bind((options.local_address, 0))
