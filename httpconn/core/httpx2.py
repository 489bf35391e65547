"""A type check for objects of httpx2, which is an optional package and is not imported here."""

from __future__ import annotations

import sys


def is_of_httpx2(value: object, *names: str) -> bool:
    """Return whether a value is an object of one of these classes of httpx2."""
    library = sys.modules.get("httpx2")
    return library is not None and isinstance(value, tuple(getattr(library, name, ()) for name in names))
