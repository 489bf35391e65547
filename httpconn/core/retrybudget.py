"""The retry budget: many calls together do not bury a host that is down under retries."""

from __future__ import annotations

from collections.abc import Hashable

RATE = 10.0
"""Retries per second that a host always has."""

RESERVE = 100.0
"""Of these, those that are saved up while none is needed."""

MAX_EARNED = 1000.0
"""Earned retries that are kept."""

MAX_HOSTS = 1024


class _Budget:
    __slots__ = ("at", "earned", "reserve")

    def __init__(self) -> None:
        self.earned = 0.0
        self.reserve = RESERVE
        self.at: float | None = None


class RetryBudget:
    """A budget for each host, shared by threads and tasks.

    Without a lock, which every request would pay for: two threads at once may earn, or spend, as much as one.
    """

    def __init__(self) -> None:
        self._budgets: dict[Hashable, _Budget] = {}

    def earn(self, host: Hashable, retries: float) -> None:
        """A request went well."""
        budget = self._budgets.get(host) or self._new(host)
        if budget.earned < MAX_EARNED:
            budget.earned += retries

    def take(self, host: Hashable, now: float) -> bool:
        """Spend a retry, if there is one; ``now`` in seconds of a monotonic clock."""
        budget = self._budgets.get(host) or self._new(host)
        waited = 0.0 if budget.at is None else max(0.0, now - budget.at)
        budget.reserve = min(RESERVE, budget.reserve + waited * RATE)
        budget.at = now
        if budget.reserve >= 1:
            budget.reserve -= 1
        elif budget.earned >= 1:
            budget.earned -= 1
        else:
            return False
        return True

    def _new(self, host: Hashable) -> _Budget:
        if len(self._budgets) >= MAX_HOSTS:
            self._forget()
        return self._budgets.setdefault(host, _Budget())

    def _forget(self) -> None:
        """The hosts that needed no retry; where too few are, those that have been known longest."""
        spent = [(host, budget) for host, budget in list(self._budgets.items()) if budget.at is not None]
        self._budgets = dict(spent[-(MAX_HOSTS // 2) :])
