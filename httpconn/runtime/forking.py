"""Functions that run in the child process after a fork, so that the child does not use objects of its parent."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from weakref import ref

if TYPE_CHECKING:
    import socket


class Renewable(Protocol):
    """An object that a fork can copy in the middle of a change, or while a thread holds its lock."""

    def after_fork(self) -> None:
        """Reset the object in the child process."""


def in_child(function: Callable[[], None]) -> Callable[[], None]:
    """Register a function to run in the child of each fork. Windows has no fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)
    return function


def renew_in_child(owner: Renewable) -> None:
    """Register an object to be reset in the child of each fork, until it is garbage-collected."""
    _alive.add(ref(owner, _alive.discard))


def close_in_child(sock: socket.socket) -> None:
    """Register a socket to be closed in the child of each fork. The parent keeps its connection."""
    _sockets.add(ref(sock, _sockets.discard))


_sockets: set[ref[socket.socket]] = set()
_alive: set[ref[Renewable]] = set()
"""A WeakSet would remove objects in Python code, where an exception of a signal handler is lost."""


@in_child
def _renew() -> None:
    for reference in list(_alive):
        owner = reference()
        if owner is not None:
            owner.after_fork()
    for each in list(_sockets):
        sock = each()
        if sock is not None:
            with suppress(OSError):
                os.close(sock.detach())  # without a shutdown of the connection
