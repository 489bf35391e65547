"""The timeouts of one attempt, as the transports read them."""

from __future__ import annotations

from dataclasses import fields

from ..core.deadlines import Deadline
from ..options import Timeouts
from ..transport.allowance import Allowance

_PHASES = tuple(each.name for each in fields(Timeouts) if each.name != "total")


def allowances(timeouts: Timeouts, deadline: Deadline) -> dict[str, Allowance | None]:
    """The request extension ``timeout``: each phase's own seconds, none of them past the deadline."""
    return {phase: _allowance(getattr(timeouts, phase), deadline.at) for phase in _PHASES}


def _allowance(seconds: float | None, until: float | None) -> Allowance | None:
    return None if seconds is None and until is None else Allowance(seconds, until)
