"""Functions that run in the child process after a fork, so that the child does not use objects of its parent."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol
from weakref import ref


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


_alive: set[ref[Renewable]] = set()
"""A WeakSet would remove objects in Python code, where an exception of a signal handler is lost."""


@in_child
def _renew() -> None:
    for reference in list(_alive):
        owner = reference()
        if owner is not None:
            owner.after_fork()
