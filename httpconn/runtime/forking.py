"""What a forked process does first, so that it touches nothing that is its parent's."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol
from weakref import ref

__all__ = ["Renewable", "in_child", "renew_in_child"]


class Renewable(Protocol):
    """What a fork may find in the midst of a change, or locked by a thread that the child does not have."""

    def after_fork(self) -> None:
        """In the child: begin anew."""


def in_child(function: Callable[[], None]) -> Callable[[], None]:
    """Have a function called in the child of each fork; not on Windows, which has none."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)
    return function


def renew_in_child(owner: Renewable) -> None:
    """Have it begin anew in the child of each fork, as long as it is there."""
    _alive.add(ref(owner, _alive.discard))


_alive: set[ref[Renewable]] = set()
"""No WeakSet: that one forgets in Python code, in which an exception of a signal handler would be lost."""


@in_child
def _renew() -> None:
    for reference in list(_alive):
        owner = reference()
        if owner is not None:
            owner.after_fork()
