"""Which URLs may be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Which URLs a connection may fetch. Every URL is judged before it is sent, each hop of a redirect too.

    Attributes:
        schemes: URL schemes that are allowed, of "http" and "https".
    """

    schemes: frozenset[str] = frozenset({"http", "https"})

    @classmethod
    def anywhere(cls) -> Self:
        """Any http or https URL."""
        return cls()
