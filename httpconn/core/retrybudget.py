"""The retry budget, which protects a failing host from the retries of many calls."""

from collections.abc import Hashable
from dataclasses import dataclass

RATE = 10.0  # retries per second that each host has without new calls
RESERVE = 100.0  # the maximum number of these retries that accumulate
MAX_EARNED = 1000.0  # the maximum number of retries that accumulate by calls

MAX_HOSTS = 1024


@dataclass(slots=True, eq=False, repr=False)
class _Budget:
    """The retries that a host has left."""

    earned: float = 0.0
    reserve: float = RESERVE
    at: float | None = None


class RetryBudget:
    """The retry budgets of all hosts, shared by threads and tasks.

    There is no lock, because it would slow down every request. If two threads change a budget at the same moment, one
    change can be lost.
    """

    def __init__(self) -> None:
        self._budgets: dict[Hashable, _Budget] = {}

    def earn(self, host: Hashable, retries: float) -> None:
        """Add retries to the budget of a host for a new call."""
        budget = self._budgets.get(host) or self._new(host)
        if budget.earned < MAX_EARNED:
            budget.earned += retries

    def take(self, host: Hashable, now: float) -> bool:
        """Take one retry from the budget of a host. Return False if it has none."""
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
            # Forget the hosts without a retry, and the oldest others if more than half of ``MAX_HOSTS`` had one.
            retried = [(host, budget) for host, budget in list(self._budgets.items()) if budget.at is not None]
            self._budgets = dict(retried[-(MAX_HOSTS // 2) :])
        return self._budgets.setdefault(host, _Budget())
