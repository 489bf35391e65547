"""Rate limits: the wait before a request, and the pauses that hosts request with Retry-After."""

from collections.abc import Coroutine
from typing import Any

from ..core.deadlines import Deadline
from ..core.rates import IMMEDIATE, RateLimiter, Reservation
from ..errors import StatusError
from ..runtime.port import Port
from .requeststate import RequestState

TOO_MANY_REQUESTS = 429

PAUSING = frozenset({TOO_MANY_REQUESTS, 503})
"""Statuses whose Retry-After applies to the whole host (RFC 6585 section 4, RFC 9110 section 15.6.4)."""


def wait_for_rate_limit(
    port: Port, rates: RateLimiter, host: str, deadline: Deadline
) -> Coroutine[Any, Any, None] | None:
    """Reserve the next start of a request to a host; return a coroutine that waits, or None if no wait is needed.

    If the start is after the deadline, the error is raised without waiting.
    """
    reservation = rates.reserve(host, port.now(), deadline.at)
    if reservation is None:
        raise deadline.exceeded()
    if reservation is IMMEDIATE:
        return None
    waiting = _wait(port, rates, reservation, deadline)
    # A wait for the limit of all hosts keeps its worker: another call would only wait for the same limit.
    return port.aside(waiting, holds_host=True) if reservation.by_host else waiting


async def _wait(port: Port, rates: RateLimiter, reservation: Reservation, deadline: Deadline) -> None:
    try:
        while wait := reservation.wait_time(port.now()):
            if not deadline.allows(wait, port.now()):
                raise deadline.exceeded()
            await port.sleep(wait)
    except BaseException:
        rates.release(reservation, used=False)
        raise
    rates.release(reservation, used=True)


def hold_host(
    state: RequestState, error: StatusError, retry_after: float | None, wait: float | None, now: float
) -> None:
    """Delay the requests of all calls to a host that has responded 429 or 503.

    ``wait`` has the seconds until the retry of this call. They apply to a 429 without Retry-After.
    """
    rates, policy = state.call.rules.rates, state.call.rules.retries
    if retry_after is None and error.status_code == TOO_MANY_REQUESTS:
        retry_after = wait
    elif error.status_code not in PAUSING or not policy.obey_retry_after:
        return
    if retry_after and rates is not None:
        rates.pause(state.origin.host, now + min(retry_after, policy.max_retry_after), now)
