"""The attempts of a logical request: redirects, retries and the deadline."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ..core import caching, redirects, retries
from ..core.headers import check_size
from ..core.messages import DATA, SAFE, Request, Response
from ..core.requestbuilder import RequestSpec
from ..errors import HTTPConnError, StatusError, TimedOut
from ..hooks import RedirectEvent, RetryEvent
from ..runtime.port import Exchange, Port
from .authentication import authenticated
from .body import Body
from .inmemory import decoded
from .ratelimits import hold_host, wait_for_rate_limit
from .requeststate import OpenResponse, RequestState, set_request
from .rules import Call, Screen

T = TypeVar("T")
logger: logging.Logger = logging.getLogger("httpconn.exchange")
# Without any handler, logging would print the retries on stderr.
logger.addHandler(logging.NullHandler())

Consume = Callable[[OpenResponse], Awaitable[T]]


def perform(port: Port, call: Call, consume: Consume[T]) -> Coroutine[Any, Any, T]:
    """Make attempts until ``consume`` returns, an error is final, or no attempt or time is left.

    ``consume`` reads and closes the response, or leaves the closing to the caller of ``perform``.
    """
    return run_attempts(port, RequestState.of(call, port.now()), consume)


async def run_attempts(port: Port, state: RequestState, consume: Consume[T]) -> T:
    """Make attempts as :func:`perform` does. ``consume`` may change the state between two attempts."""
    while True:
        state.attempts += 1
        state.failures += 1
        state.made_progress = judged = False
        seconds = state.call.timeouts.attempt
        state.attempt_deadline = state.deadline if seconds is None else state.end_of_attempt(seconds, port.now())
        try:
            response = await _follow(port, state)
            # If no attempt follows a retryable status, the caller gets the response.
            judged = response.head.status in state.call.rules.retries.statuses
            wait = _retry_wait(port, state, StatusError(response.without_body)) if judged else None
            if wait is None:
                try:
                    return await consume(response)
                except BaseException:
                    await response.close()
                    raise
            await response.close()
            await _report_retry(port, state, StatusError(response.without_body), wait)
        except HTTPConnError as error:
            wait = None if judged and isinstance(error, StatusError) else _retry_wait(port, state, error)
            if wait is None:
                state.fail(error, port.now())
                raise
            await _report_retry(port, state, error, wait)
        await port.aside(port.sleep(wait))


def _retry_wait(port: Port, state: RequestState, error: HTTPConnError) -> float | None:
    """Return the seconds until the next attempt, or None if the error is final."""
    state.budget_used_up = False
    policy = state.call.rules.retries
    requested = _retry_after(error, port.timestamp())
    wait = retries.backoff(policy, state.failures, requested, port.chance())
    if isinstance(error, StatusError):
        hold_host(state, error, requested, wait, port.now())
    reason = retries.why_final(policy, error, state.failures, *_sent(state))
    if reason is not None:
        logger.debug("Attempt %d was the last one: %s", state.attempts, reason)
        return None
    if wait is None or not state.deadline.allows(wait, port.now()):
        return None
    if port.dead_hosts is not None and port.dead_hosts.is_dead(state.origin):
        return None
    # A Retry-After of 0 costs budget like a missing one: many calls that retry at once could overload the host.
    is_free = state.made_progress or (requested and policy.obey_retry_after)
    if not is_free and policy.budget is not None:
        state.budget_used_up = not state.call.rules.retry_budget.take(state.origin, port.now())
    return None if state.budget_used_up else wait


def _sent(state: RequestState) -> list[Request | RequestSpec]:
    """Return the requests of the attempt that a retry could repeat: the last one, and the first one if it is unsafe."""
    first: list[Request | RequestSpec] = [] if state.call.spec.method in SAFE else [state.call.spec]
    return first if state.request is None else [*first, state.request]


def _retry_after(error: HTTPConnError, now: float) -> float | None:
    if not isinstance(error, StatusError) or not isinstance(error._response, Response):
        return None
    head = error._response.head
    return retries.retry_after(head.field("retry-after"), head.field("date"), now)


async def _report_retry(port: Port, state: RequestState, error: HTTPConnError, wait: float) -> None:
    state.describe(error, port.now())
    state.call.rules.counters.of(state.origin.host)["retries"] += 1
    url = state.call.spec.url.redacted
    cause = f"{type(error).__name__}: {error.message}"
    logger.warning("Attempt %d for %s failed (%s); the next starts in %.2f s", state.attempts, url, cause, wait)
    for hook in state.call.rules.hooks.retry:
        await port.notify(hook, RetryEvent(url, state.attempts, error, wait))


async def _follow(port: Port, state: RequestState) -> OpenResponse:
    """Send a request and follow its redirects. The bodies of redirects are not read."""
    call = state.call
    spec = call.spec
    trail: redirects.Trail | None = None
    history: list[Response] = []
    while True:
        if call.rules.screen is not None:
            await _screen(port, call.rules.screen, spec)
        request, exchange = await _send(port, state, spec)
        head = exchange.head
        try:
            check_size(len(head.fields), head.size, call.rules.limits)
            if call.rules.cache is not None and spec.method not in SAFE:
                for key in caching.invalidated(spec, head):
                    await port.blocking(call.rules.cache.drop, key)
            is_redirect = call.follow and head.status in redirects.STATUSES
            location = redirects.location_of(head.fields) if is_redirect else None
            if location is None:
                body = Body(port, exchange, call, spec, state.attempt_deadline)
                return OpenResponse(head, request, spec.url, body, exchange, state, port, history)
            trail = trail or redirects.Trail(call.rules.redirects, call.rules.builder, state.stored_redirects)
            previous, spec = spec.url, trail.follow(spec, location, head.status)
        except BaseException as error:
            await exchange.close()
            set_request(error, request)
            raise
        await exchange.close()
        history.append(Response(request, head))
        for hook in call.rules.hooks.redirect:
            await port.notify(hook, RedirectEvent(previous.redacted, spec.url.redacted, head.status))


async def _screen(port: Port, screen: Screen, spec: RequestSpec) -> None:
    try:
        checking = screen.request(spec.url.text)
        if checking is not None:
            await port.aside(checking)
    except HTTPConnError as error:
        error.url = spec.url.redacted
        raise


async def _send(port: Port, state: RequestState, spec: RequestSpec) -> tuple[Request, Exchange]:
    if spec.url.origin is DATA:
        return decoded(state.call, spec)
    if spec.auth is not None:
        return await authenticated(port, state, spec, spec.auth, _send)
    call = state.call
    if call.rules.rates is not None:
        waiting = wait_for_rate_limit(port, call.rules.rates, spec.url.origin.host, state.deadline)
        if waiting is not None:
            started_at = port.now()
            await waiting
            # The wait for the rate limit does not count as time of the attempt.
            state.attempt_deadline = state.deadline.sooner(state.attempt_deadline.later(port.now() - started_at))
    request = state.request = call.rules.builder.build(spec)
    state.attempt_deadline.check(port.now())
    rules, origin = call.rules, spec.url.origin
    rules.counters.of(origin.host)["requests"] += 1
    if state.attempts == 1 and rules.retries.budget is not None:
        rules.retry_budget.earn(origin, rules.retries.budget)
    dead_hosts = port.dead_hosts
    try:
        if dead_hosts:
            dead_hosts.check(origin, port.now())
        exchange = await port.send(request, call.timeouts, state.attempt_deadline)
    except HTTPConnError as error:
        set_request(error, request)
        if dead_hosts is not None:
            dead_hosts.failed(origin, error, port.now())
        if isinstance(error, TimedOut) and state.attempt_deadline.ended(error, port.now()):
            exceeded = state.attempt_deadline.exceeded()
            set_request(exceeded, request)
            raise exceeded from error
        raise
    if dead_hosts:
        dead_hosts.connected(origin)
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s %s: %d", request.method, spec.url.redacted, exchange.head.status)
    return request, exchange
