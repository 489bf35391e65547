"""The timeouts of one attempt, as the transports read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from ..core.deadlines import Deadline
from ..options import Timeouts
from ..transport.allowance import Allowance

_PHASES = tuple(each.name for each in fields(Timeouts) if each.name != "total")


class Allowances(Mapping[str, Allowance | None]):
    """The request extension ``timeout``: each phase's own seconds, none of them past the deadline.

    Made when they are asked for: most requests need no connection, and wait for none.

    Attributes:
        read: the one that is started anew for each part of the body.
    """

    __slots__ = ("_timeouts", "_until", "read")

    def __init__(self, timeouts: Timeouts, deadline: Deadline) -> None:
        self._timeouts = timeouts
        self._until = deadline.at
        self.read: Allowance | None = self._of(timeouts.read)

    def __getitem__(self, phase: str) -> Allowance | None:
        if phase not in _PHASES:
            raise KeyError(phase)
        return self.read if phase == "read" else self._of(getattr(self._timeouts, phase))

    def get(self, phase: str, default: Any = None) -> Any:
        """The same, without the way round that a mapping takes."""
        return self[phase] if phase in _PHASES else default

    def lift(self) -> None:
        """Somebody else keeps to the deadline from here on."""
        self._until = None
        self.read = self._of(self._timeouts.read)

    def _of(self, seconds: float | None) -> Allowance | None:
        return None if seconds is None and self._until is None else Allowance(seconds, self._until)

    def __iter__(self) -> Iterator[str]:
        return iter(_PHASES)

    def __len__(self) -> int:
        return len(_PHASES)
