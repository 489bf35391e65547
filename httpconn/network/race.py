"""Parallel connection attempts to the addresses of one host (RFC 8305)."""

import errno
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest

from ..runtime.forking import close_in_child
from ..runtime.resolver import Address
from ..runtime.runtimes import Runtime
from ..runtime.timeouts import seconds_left

ATTEMPT_DELAY = 0.25  # seconds between the starts of two attempts (RFC 8305 section 5)
MAX_TRIED = 32  # limit of the addresses: the owner of a name could otherwise cause hundreds of attempts
MAX_PARALLEL = 4  # limit of the simultaneous attempts for one host
MAX_SILENCE = 10.0  # longest time, in seconds, for which ``MAX_PARALLEL`` attempts delay the next one
BROKEN = (OSError, ValueError)  # Exceptions of a failed attempt. Python raises ValueError for an invalid address.

_PENDING = {0, errno.EINPROGRESS, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)}

Begin = Callable[[Address], socket.socket]


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses to try, in the order of the resolver, with alternating families (RFC 8305 section 4)."""
    first = [address for address in addresses if address.family == addresses[0].family]
    other = [address for address in addresses if address.family != addresses[0].family]
    return [address for address in chain.from_iterable(zip_longest(first, other)) if address][:MAX_TRIED]


def begin(address: Address, prepare: Callable[[socket.socket], None]) -> socket.socket:
    """Return a socket whose connection attempt has started; raises an exception of ``BROKEN``."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        close_in_child(sock)
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
    """Connect to the first address that accepts, and close all other sockets.

    All addresses are tried within the time left, at most ``MAX_PARALLEL`` at the same time. If that many attempts get
    no response and another address is due, the oldest attempt is closed.
    """
    attempts = _Attempts(addresses, begin)
    try:
        while True:
            left = seconds_left(end)
            attempts.start(left)
            ready = await runtime.any_writable(list(attempts.running), attempts.wait_time(left))
            winner = attempts.winner(ready)
            if winner is not None:
                return winner
    finally:
        attempts.close()


class _Attempts:
    """The running attempts, oldest first, and the addresses that have not been tried."""

    def __init__(self, addresses: Iterable[Address], begin: Begin) -> None:
        self._waiting = deque(addresses)
        self._begin = begin
        self.running: dict[socket.socket, Address] = {}
        self._next_start = 0.0
        self._failure: Exception = OSError("no address")

    def start(self, left: float | None) -> None:
        """Start the attempts that are due, and the next one at once if no attempt runs."""
        while self._waiting and (not self.running or time.monotonic() >= self._next_start):
            address = self._waiting.popleft()
            if len(self.running) == MAX_PARALLEL:
                oldest = next(iter(self.running))
                del self.running[oldest]
                oldest.close()
            try:
                self.running[self._begin(address)] = address
            except BROKEN as error:
                self._failure = error
            else:
                self._next_start = time.monotonic() + self._interval(left)
        if not self.running:
            raise self._failure

    def _interval(self, left: float | None) -> float:
        """Return the seconds until the next attempt: 0.25 while fewer than ``MAX_PARALLEL`` run, else up to 10."""
        # Each untried address gets at least an equal share of the time left.
        longest = ATTEMPT_DELAY if len(self.running) < MAX_PARALLEL else MAX_SILENCE
        return longest if left is None else min(longest, left / (len(self._waiting) + 1))

    def wait_time(self, left: float | None) -> float | None:
        """Return the seconds until the next attempt is due, or until the end."""
        if not self._waiting:
            return left
        due = max(0.0, self._next_start - time.monotonic())
        return due if left is None else min(left, due)

    def winner(self, ready: Iterable[socket.socket]) -> tuple[Address, socket.socket] | None:
        """Return the first connected socket, or None. After a failed attempt, the next one is due at once."""
        for sock in ready:
            address = self.running[sock]
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            del self.running[sock]
            if not code:
                return address, sock
            sock.close()
            self._failure = OSError(code, os.strerror(code))
            self._next_start = 0.0
        return None

    def close(self) -> None:
        for sock in self.running:
            sock.close()
