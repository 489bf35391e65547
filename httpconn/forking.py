"""What a forked process does first, so that it touches nothing that is its parent's."""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["in_child"]


def in_child(function: Callable[[], None]) -> Callable[[], None]:
    """Have a function called in the child of each fork; not on Windows, which has none."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)
    return function
