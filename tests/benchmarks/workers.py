"""All workers: ``KIND:PEER`` names a function that fetches with one library in one way.

To add a peer, add a function to the module of its kind. Functions import their peer, so that a process imports only
one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Worker = Callable[[Any], Awaitable[None] | None]
W = TypeVar("W", bound=Worker)

WORKERS: dict[str, Worker] = {}
PATIENCE = 600.0


def worker(*names: str) -> Callable[[W], W]:
    """Register a function under its names."""

    def enter(function: W) -> W:
        WORKERS.update(dict.fromkeys(names, function))
        return function

    return enter


def workers() -> dict[str, Worker]:
    """Return all workers."""
    from tests.benchmarks import downloaders, fetchers, floor, newer, open_loop  # noqa: F401 - they enter themselves

    return WORKERS
