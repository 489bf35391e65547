"""Retries: the failures that are retried, and the wait before a retry."""

from ..errors import HTTPConnError, StatusError
from ..options import RetryPolicy
from .dates import timestamp
from .messages import Request, can_replay, has_key
from .requestbuilder import RequestSpec


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
