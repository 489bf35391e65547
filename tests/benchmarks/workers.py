"""Every worker: ``KIND:PEER`` -> a function that fetches by one library in one way.

A peer is added by adding a function to a room of its kind. Peers are imported where they are used: a process pays for
one of them alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Worker = Callable[[Any], Awaitable[None] | None]
W = TypeVar("W", bound=Worker)

WORKERS: dict[str, Worker] = {}
PATIENCE = 600.0


def worker(*names: str) -> Callable[[W], W]:
    """Enter a function under its names."""

    def enter(function: W) -> W:
        WORKERS.update(dict.fromkeys(names, function))
        return function

    return enter


def workers() -> dict[str, Worker]:
    """All of them."""
    from tests.benchmarks import downloaders, fetchers, floor, open_loop  # noqa: F401 - they enter themselves

    return WORKERS
