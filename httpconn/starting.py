"""Importing for the command line, which starts often and lives briefly."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Import without garbage collections, which take a sixth of the time to start and to end and find nothing.

    What was imported is not looked through later, either (``gc.freeze``).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def import_httpx() -> None:
    """Import httpx without its own command line, which imports rich and pygments: a sixth of the time to start.

    A None in ``sys.modules`` makes an import fail (Python's reference, "The module cache"). httpx can do without.
    """
    if "httpx" in sys.modules:
        return
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
    try:
        import httpx  # noqa: F401
    finally:
        del sys.modules["httpx._main"]
