"""Retries: which failure is worth another attempt, and when."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import HTTPConnError, StatusError
from ..options import RetryPolicy
from .dates import timestamp


class RetryDecision(NamedTuple):
    """What a failure leads to.

    Attributes:
        retry: whether another attempt follows.
        reason: why, in a few words.
    """

    retry: bool
    reason: str


def decide(policy: RetryPolicy, error: HTTPConnError, attempt: int, method: str = "GET") -> RetryDecision:
    """Whether attempt number ``attempt`` (1 is the first), which failed, is followed by another one."""
    if isinstance(error, StatusError):
        passes, what = error.status_code in policy.statuses, f"status {error.status_code}"
    else:
        passes, what = error.retryable, type(error).__name__
    if not passes:
        return RetryDecision(False, f"{what} is final")
    if method not in policy.methods:
        return RetryDecision(False, f"{method} is not made again")
    if attempt >= policy.attempts:
        return RetryDecision(False, "no attempt is left")
    return RetryDecision(True, f"{what} may pass")


def backoff(policy: RetryPolicy, attempt: int, retry_after: float | None, chance: float) -> float | None:
    """Seconds to wait after attempt number ``attempt``, or None when the server asks for more than may be waited.

    ``chance`` is drawn evenly from 0 to 1: full jitter keeps clients that failed together from coming back together.
    """
    if retry_after is not None and policy.obey_retry_after:
        return retry_after if retry_after <= policy.max_retry_after else None
    # An exponent beyond 60 could overflow; the maximum is long reached by then.
    longest = min(policy.backoff_max, policy.backoff * 2.0 ** min(attempt - 1, 60))
    return chance * longest if policy.jitter else longest


def retry_after(value: str | None, date: str | None, now: float) -> float | None:
    """Retry-After in seconds, from either of its forms (RFC 9110 section 10.2.3); None where it says nothing.

    A date is compared with the answer's own Date, so that a server's wrong clock does no harm; without one with
    ``now``, in seconds since the epoch.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    moment = timestamp(value)
    if moment is None:
        return None
    answered = timestamp(date)
    return max(0.0, moment - (now if answered is None else answered))
