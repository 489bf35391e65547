"""Which URLs may be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .errors import InvalidRequest
from .options import items_of

SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Which URLs a connection may fetch. Every URL is judged before it is sent, each hop of a redirect too.

    Attributes:
        schemes: URL schemes that are allowed, of "http" and "https".

    Raises:
        InvalidRequest: ``schemes`` is no collection of these.
    """

    schemes: frozenset[str] = SCHEMES

    def __post_init__(self) -> None:
        schemes = items_of(self, "schemes", str)
        if not schemes <= SCHEMES:
            raise InvalidRequest("AccessPolicy.schemes can hold only 'http' and 'https'")
        object.__setattr__(self, "schemes", schemes)

    @classmethod
    def anywhere(cls) -> Self:
        """Any http or https URL."""
        return cls()
