"""Objects of httpx2, known without an import of it: the package is optional."""

from __future__ import annotations

import sys


def is_of_httpx2(value: object, *names: str) -> bool:
    """Return whether a value is an object of one of these classes of httpx2."""
    library = sys.modules.get("httpx2")
    return library is not None and isinstance(value, tuple(getattr(library, name, ()) for name in names))
