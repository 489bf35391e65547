"""Deadlines, as values."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from ..errors import DeadlineExceeded, TimedOut

SLACK = 0.005  # seconds by which a timer may fire too early


class Deadline(NamedTuple):
    """The end of a call."""

    at: float | None = None  # the time of a monotonic clock in seconds; None means no deadline
    total: float | None = None  # the seconds of the whole call, for the error message
    ends_attempt: bool = False  # Whether it is the end of one attempt only. Another attempt may follow.

    @classmethod
    def after(cls, total: float | None, now: float) -> Deadline:
        return cls() if total is None else cls(now + total, total)

    def sooner(self, other: Deadline) -> Deadline:
        return other if other.at is not None and (self.at is None or other.at < self.at) else self

    def check(self, now: float) -> None:
        """Check the time left. Raises TimedOut: the deadline has passed."""
        if self.at is not None and now >= self.at:
            raise self.exceeded()

    def allows(self, seconds: float, now: float) -> bool:
        """Return whether a wait of ``seconds`` ends before the deadline."""
        return self.at is None or now + seconds < self.at

    def ended(self, error: Exception, now: float) -> bool:
        """Return whether the deadline caused a timeout."""
        return self.at is not None and now + SLACK >= self.at and not isinstance(error, DeadlineExceeded)

    def later(self, seconds: float) -> Deadline:
        return self if self.at is None else self._replace(at=self.at + seconds)

    def exceeded(self) -> TimedOut:
        if self.ends_attempt:
            return TimedOut(f"The attempt did not finish within {self.total:g} seconds")
        return DeadlineExceeded(f"The call did not finish within {self.total:g} seconds")


SHARED: ContextVar[Deadline] = ContextVar("httpconn_deadline", default=Deadline())  # noqa: B039 - immutable
"""The deadline of all calls in this context."""
