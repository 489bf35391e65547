"""Turns: calls wait for theirs, and for hosts that ask for a pause."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from ..core.deadlines import Deadline
from ..core.rates import IMMEDIATE, RateLimiter, Reservation
from ..errors import StatusError
from ..options import RetryPolicy
from ..ports.base import Port

TOO_MANY = 429

PAUSING = frozenset({TOO_MANY, 503})
"""Statuses whose Retry-After speaks of the host (RFC 6585 section 4, RFC 9110 section 15.6.4)."""


def take_turn(port: Port, rates: RateLimiter, host: str, deadline: Deadline) -> Coroutine[Any, Any, None] | None:
    """Waits until a request to a host may start; None where it may at once.

    Raises:
        DeadlineExceeded: it may not in time; raised at once.
    """
    reservation = rates.reserve(host, port.now(), deadline.at)
    if reservation is None:
        raise deadline.exceeded()
    return None if reservation is IMMEDIATE else _await(port, rates, reservation, deadline)


async def _await(port: Port, rates: RateLimiter, reservation: Reservation, deadline: Deadline) -> None:
    try:
        while wait := reservation.wait_time(port.now()):
            if not deadline.allows(wait, port.now()):
                raise deadline.exceeded()
            await port.sleep(wait)
    except BaseException:
        rates.release(reservation, used=False)
        raise
    rates.release(reservation, used=True)


def hold_others(
    rates: RateLimiter,
    policy: RetryPolicy,
    host: str,
    error: StatusError,
    asked: float | None,
    wait: float | None,
    now: float,
) -> None:
    """Under a rate limit, a host that asks for a pause has it from all calls.

    Args:
        rates: the limit.
        policy: of the call that was told.
        host: who told it.
        error: what.
        asked: seconds that it asked for, if it did.
        wait: seconds that the call itself would wait: those of a 429 that says no more than that it was too much.
        now: the moment on the port's clock.
    """
    if asked is None and error.status_code == TOO_MANY:
        asked = wait
    elif error.status_code not in PAUSING or not policy.obey_retry_after:
        return
    if asked:
        rates.pause(host, now + min(asked, policy.max_retry_after), now)
