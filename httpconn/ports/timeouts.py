"""The timeouts of one attempt, as the transports read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from ..core.deadlines import Deadline
from ..options import Timeouts
from ..transport.allowance import Allowance

_PHASES = tuple(each.name for each in fields(Timeouts) if each.name != "total")


class Allowances(Mapping[str, Allowance | None]):
    """The request extension ``timeout``: each phase's own seconds, none of them past the deadline.

    Made when they are asked for: most requests need no connection, and wait for none.
    """

    __slots__ = ("_made", "_timeouts", "_until")

    def __init__(self, timeouts: Timeouts, deadline: Deadline) -> None:
        self._timeouts = timeouts
        self._until = deadline.at
        self._made: dict[str, Allowance | None] = {}

    def __getitem__(self, phase: str) -> Allowance | None:
        if phase not in self._made:
            if phase not in _PHASES:
                raise KeyError(phase)
            seconds = getattr(self._timeouts, phase)
            bounded = seconds is not None or self._until is not None
            self._made[phase] = Allowance(seconds, self._until) if bounded else None
        return self._made[phase]

    def __iter__(self) -> Iterator[str]:
        return iter(_PHASES)

    def __len__(self) -> int:
        return len(_PHASES)
