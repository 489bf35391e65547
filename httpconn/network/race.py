"""Several addresses of one host: the first that answers is taken (RFC 8305)."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest

from ..runtime.resolver import Address
from ..runtime.runtimes import Runtime
from ..runtime.timeouts import seconds_left

ATTEMPT_DELAY = 0.25
"""Seconds that an address has to itself before the next one is tried as well (RFC 8305 section 5)."""

MAX_PARALLEL = 4
"""Addresses of one host that are tried at the same time."""

MAX_SILENCE = 10.0
"""Seconds for which ``MAX_PARALLEL`` silent addresses keep the next one waiting, however long the timeout is."""

BROKEN = (OSError, ValueError)
"""What an attempt raises that fails. ValueError: Python's, for a name that is none."""

_PENDING = {0, errno.EINPROGRESS, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)}

Begin = Callable[[Address], socket.socket]


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """Return all addresses in the resolver's order, but with the families in turn (RFC 8305 section 4)."""
    first = [address for address in addresses if address.family == addresses[0].family]
    other = [address for address in addresses if address.family != addresses[0].family]
    return [address for address in chain.from_iterable(zip_longest(first, other)) if address]


def begin(address: Address, prepare: Callable[[socket.socket], None]) -> socket.socket:
    """A socket that connects; raises what is in BROKEN."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        prepare(sock)
        sock.setblocking(False)
        code = sock.connect_ex(address.name)
        if code not in _PENDING:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


async def race(
    runtime: Runtime, addresses: Iterable[Address], end: float, begin: Begin
) -> tuple[Address, socket.socket]:
    """Connect to the first address that accepts; close the sockets of all others, whatever happens.

    All addresses are tried within the time left, at most ``MAX_PARALLEL`` of them at the same time. Where that many
    stay silent and another address waits, the attempt that has had the longest time makes room for it.

    Args:
        runtime: waits.
        addresses: in the order in which they are tried.
        end: the moment at which all of them are given up.
        begin: makes a socket that connects, and becomes writable once it has or cannot.

    Raises:
        TimeoutError: the end has come.
        OSError: none answers; why the last one does not.
        ValueError: the same.
    """
    runners = _Runners(addresses, begin)
    try:
        while True:
            left = seconds_left(end)
            runners.start(left)
            ready = await runtime.any_writable(runners.sockets, runners.patience(left))
            winner = runners.winner(ready)
            if winner is not None:
                return winner
    finally:
        runners.close()


class _Runners:
    """Attempts that are under way, oldest first, and addresses that have not been tried."""

    def __init__(self, addresses: Iterable[Address], begin: Begin) -> None:
        self._waiting = deque(addresses)
        self._begin = begin
        self._running: dict[socket.socket, Address] = {}
        self._next_start = 0.0
        self._failure: Exception = OSError("no address")

    @property
    def sockets(self) -> list[socket.socket]:
        """Those that connect."""
        return list(self._running)

    def start(self, left: float | None) -> None:
        """Try the addresses that are due, and the next one at once if no attempt runs.

        Raises:
            OSError: every address has failed; the error of the last one.
            ValueError: the same.
        """
        while self._waiting and (not self._running or time.monotonic() >= self._next_start):
            address = self._waiting.popleft()
            self._make_room()
            try:
                self._running[self._begin(address)] = address
            except BROKEN as error:
                self._failure = error
            else:
                self._next_start = time.monotonic() + self._interval(left)
        if not self._running:
            raise self._failure

    def _interval(self, left: float | None) -> float:
        """Return the seconds until the next address is tried: short while fewer than ``MAX_PARALLEL`` are.

        Every address that has not been tried gets an equal share of the time left.
        """
        longest = ATTEMPT_DELAY if len(self._running) < MAX_PARALLEL else MAX_SILENCE
        return longest if left is None else min(longest, left / (len(self._waiting) + 1))

    def _make_room(self) -> None:
        """Close the oldest attempt if as many run as may."""
        if len(self._running) == MAX_PARALLEL:
            oldest = next(iter(self._running))
            del self._running[oldest]
            oldest.close()

    def patience(self, left: float | None) -> float | None:
        """Seconds until something is due."""
        if not self._waiting:
            return left
        due = max(0.0, self._next_start - time.monotonic())
        return due if left is None else min(left, due)

    def winner(self, ready: Iterable[socket.socket]) -> tuple[Address, socket.socket] | None:
        """The first that is connected; one that is not makes way for the next one at once."""
        for sock in ready:
            address = self._running[sock]
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            del self._running[sock]
            if not code:
                return address, sock
            sock.close()
            self._failure = OSError(code, os.strerror(code))
            self._next_start = 0.0
        return None

    def close(self) -> None:
        """Nobody is waited for any more."""
        for sock in self._running:
            sock.close()
