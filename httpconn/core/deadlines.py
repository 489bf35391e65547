"""A deadline is a value: a moment of the port's clock, or none."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from ..errors import DeadlineExceeded, TimedOut

SLACK = 0.005
"""Seconds by which a timer may fire before its time."""


class Deadline(NamedTuple):
    """The end of a call.

    Attributes:
        at: the moment in seconds of a monotonic clock; None means that there is no end.
        total: the seconds that were given, for the message.
    """

    at: float | None = None
    total: float | None = None

    @classmethod
    def after(cls, total: float | None, now: float) -> Deadline:
        """The deadline of a call that starts now."""
        return cls() if total is None else cls(now + total, total)

    def sooner(self, other: Deadline) -> Deadline:
        """The one of the two that comes first."""
        return other if other.at is not None and (self.at is None or other.at < self.at) else self

    def check(self, now: float) -> None:
        """Raise DeadlineExceeded once the moment has come."""
        if self.at is not None and now >= self.at:
            raise self.exceeded()

    def allows(self, seconds: float, now: float) -> bool:
        """Whether a wait of so many seconds ends before the deadline."""
        return self.at is None or now + seconds < self.at

    def ended(self, error: TimedOut, now: float) -> bool:
        """Whether a wait ran out because the deadline came."""
        return self.at is not None and now + SLACK >= self.at and not isinstance(error, DeadlineExceeded)

    def exceeded(self) -> DeadlineExceeded:
        """The error to raise when there is no time left."""
        return DeadlineExceeded(f"The call was not done within {self.total:g} seconds")


SHARED: ContextVar[Deadline] = ContextVar("httpconn_deadline", default=Deadline())  # noqa: B039 - immutable
"""What the calls made in this context may not outlast."""
