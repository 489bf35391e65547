"""Retries: the failures that are retried, the wait before a retry, and the retry budget of each host."""

from collections.abc import Hashable
from dataclasses import dataclass

from ..errors import HTTPConnError, StatusError
from ..options import RetryPolicy
from .dates import timestamp
from .messages import Request, can_replay, has_key
from .requestbuilder import RequestSpec

# The retry budget.
RATE = 10.0  # retries per second that each host has without new calls
RESERVE = 100.0  # the maximum number of these retries that accumulate
MAX_EARNED = 1000.0  # the maximum number of retries that accumulate by calls
MAX_HOSTS = 1024


def why_final(policy: RetryPolicy, error: HTTPConnError, attempt: int, *sent: Request | RequestSpec) -> str | None:
    """Return why the failed attempt with this number, from 1, is not retried, or None. ``sent`` are its requests."""
    if isinstance(error, StatusError):
        is_transient, name = error.status_code in policy.statuses, f"status {error.status_code}"
    else:
        is_transient, name = error.retryable, type(error).__name__
    if not is_transient:
        return f"{name} is final"
    for request in sent:
        if not can_replay(request.body):
            return "the body can be sent only once"
        if request.method not in policy.methods and not has_key(request.fields):
            return f"{request.method} is not retried"
    return "no attempt is left" if attempt >= policy.attempts else None


def backoff(policy: RetryPolicy, attempt: int, retry_after: float | None, chance: float) -> float | None:
    """Return the seconds to wait before a retry, or None if the Retry-After is too long.

    ``attempt`` is the number of the failed attempt, from 1, and ``chance`` a random number from 0 to 1. Full jitter
    spreads the retries of clients that failed together.
    """
    if retry_after is not None and policy.obey_retry_after:
        return retry_after if retry_after <= policy.max_retry_after else None
    # A larger exponent could overflow. The maximum is reached long before.
    longest = min(policy.backoff_max, policy.backoff * 2.0 ** min(attempt - 1, 60))
    return chance * longest if policy.jitter else longest


def retry_after(value: str | None, date: str | None, now: float) -> float | None:
    """Return a Retry-After in seconds (RFC 9110 section 10.2.3), or None if it is missing or invalid."""
    # A date is compared with the Date of the response, in case the server's clock is wrong, or else with ``now``, in
    # seconds since the epoch.
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    moment = timestamp(value)
    if moment is None:
        return None
    responded = timestamp(date)
    return max(0.0, moment - (now if responded is None else responded))


@dataclass(slots=True, eq=False, repr=False)
class _Budget:
    """The retries that a host has left."""

    earned: float = 0.0
    reserve: float = RESERVE
    at: float | None = None


class RetryBudget:
    """The retry budgets of all hosts, shared by threads and tasks. They protect a failing host.

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
            # Forget the hosts that have not used a retry. If more than half of ``MAX_HOSTS`` remain, forget the oldest
            # too.
            retried = [(host, budget) for host, budget in list(self._budgets.items()) if budget.at is not None]
            self._budgets = dict(retried[-(MAX_HOSTS // 2) :])
        return self._budgets.setdefault(host, _Budget())
