"""One logical request: sent, redirected, tried again, under one deadline."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ..core import redirects, retries
from ..core.headers import check_size
from ..core.messages import Request, Response
from ..core.requestbuilder import RequestSpec
from ..errors import HTTPConnError, StatusError, TimedOut
from ..hooks import RedirectEvent, RetryEvent
from ..ports.base import Exchange, Port
from .body import Body
from .ratelimits import hold_others, take_turn
from .requeststate import Call, OpenResponse, RequestState, name_hop

T = TypeVar("T")
logger: logging.Logger = logging.getLogger("httpconn.exchange")

Consume = Callable[[OpenResponse], Awaitable[T]]


def perform(port: Port, call: Call, consume: Consume[T]) -> Coroutine[Any, Any, T]:
    """Make attempts until one is consumed, the error is final, or no attempt or time is left.

    ``consume`` is handed an open answer and closes it, unless it returns with it still open.
    """
    return run_attempts(port, RequestState.of(call, port.now()), consume)


async def run_attempts(port: Port, course: RequestState, consume: Consume[T]) -> T:
    """The same, on a course that the consumer may change between two attempts."""
    while True:
        course.attempts += 1
        course.failures += 1
        course.gained = judged = False
        try:
            answer = await _follow(port, course)
            # Where no attempt follows on a status that may pass, the answer itself goes to the caller.
            judged = answer.head.status in course.call.rules.retries.statuses
            wait = _pause(port, course, StatusError(answer.without_body)) if judged else None
            if wait is None:
                return await _consumed(answer, consume)
            await answer.close()
            await _tell(port, course, StatusError(answer.without_body), wait)
        except HTTPConnError as error:
            wait = None if judged and isinstance(error, StatusError) else _pause(port, course, error)
            if wait is None:
                course.fail(error, port.now())
                raise
            await _tell(port, course, error, wait)
        await port.sleep(wait)


async def _consumed(answer: OpenResponse, consume: Consume[T]) -> T:
    try:
        consumed = await consume(answer)
    except BaseException:
        await answer.close()
        raise
    rules = answer.course.call.rules
    if rules.retries.budget is not None and answer.head.status not in rules.retries.statuses:
        rules.retry_budget.earn(answer.request.origin, rules.retries.budget)
    return consumed


def _pause(port: Port, course: RequestState, error: HTTPConnError) -> float | None:
    """Seconds until the next attempt, or None when there is none."""
    course.spent = False
    policy, rates = course.call.rules.retries, course.call.rules.rates
    method = "GET" if course.request is None else course.request.method
    asked = _retry_after(error, port.timestamp())
    wait = retries.backoff(policy, course.failures, asked, port.chance())
    if rates is not None and isinstance(error, StatusError):
        hold_others(rates, policy, course.origin.host, error, asked, wait, port.now())
    decision = retries.decide(policy, error, course.failures, method)
    if not decision.retry:
        logger.debug("Attempt %d was the last one: %s", course.attempts, decision.reason)
        return None
    if wait is None or not course.deadline.allows(wait, port.now()):
        return None
    # No pause is asked for by 0, and many calls could bury the host just so.
    is_free = course.gained or (asked and policy.obey_retry_after)
    return wait if is_free or _is_afforded(port, course) else None


def _is_afforded(port: Port, course: RequestState) -> bool:
    """Whether the budget of the host holds another retry."""
    rules = course.call.rules
    course.spent = rules.retries.budget is not None and not rules.retry_budget.take(course.origin, port.now())
    return not course.spent


def _retry_after(error: HTTPConnError, now: float) -> float | None:
    if not isinstance(error, StatusError) or not isinstance(error._response, Response):
        return None
    head = error._response.head
    return retries.retry_after(head.field("retry-after"), head.field("date"), now)


async def _tell(port: Port, course: RequestState, error: HTTPConnError, wait: float) -> None:
    """That an attempt failed, and another one follows."""
    course.describe(error, port.now())
    course.call.rules.counters.of(course.origin.host).retries += 1
    url = course.call.spec.url.redacted
    logger.info("Attempt %d at %s failed, the next one in %.2f s", course.attempts, url, wait)
    for hook in course.call.rules.hooks.retry:
        await port.tell(hook, RetryEvent(url, course.attempts, error, wait))


async def _follow(port: Port, course: RequestState) -> OpenResponse:
    """Send a request and follow its redirects; their bodies are never read."""
    call = course.call
    spec = call.spec
    trail: redirects.Trail | None = None
    history: list[Response] = []
    while True:
        request, exchange = await _send(port, course, spec)
        head = exchange.head
        try:
            check_size(head.fields, call.rules.limits)
            is_redirect = call.follow and head.status in redirects.STATUSES
            location = redirects.location_of(head.fields) if is_redirect else None
            if location is None:
                body = _body(port, exchange, course, spec)
                return OpenResponse(head, request, spec.url, body, exchange, course, port, history)
            trail = trail or redirects.Trail(call.rules.redirects, call.rules.builder, course.hops)
            left, spec = spec.url, trail.follow(spec, location)
        except BaseException as error:
            await exchange.close()
            name_hop(error, request)
            raise
        await exchange.close()
        history.append(Response(request, head))
        for hook in call.rules.hooks.redirect:
            event = RedirectEvent(left.redacted, spec.url.redacted, head.status)
            await port.tell(hook, event)


def _body(port: Port, exchange: Exchange, course: RequestState, spec: RequestSpec) -> Body:
    call = course.call
    return Body(
        port,
        exchange,
        course.deadline,
        codings=spec.codings,
        limits=call.rules.limits,
        max_bytes=call.max_bytes,
        budget=call.budget,
        floor=call.floor,
        bandwidths=() if call.bandwidth is None and call.rules.bandwidth is None else call.bandwidths,
        counters=call.rules.counters.of(spec.url.origin.host),
    )


async def _send(port: Port, course: RequestState, spec: RequestSpec) -> tuple[Request, Exchange]:
    call = course.call
    if call.rules.rates is not None:
        waiting = take_turn(port, call.rules.rates, spec.url.origin.host, course.deadline)
        if waiting is not None:
            await waiting
    request = course.request = call.rules.builder.build(spec)
    course.deadline.check(port.now())
    call.rules.counters.of(spec.url.origin.host).requests += 1
    try:
        exchange = await port.send(request, call.timeouts, course.deadline)
    except HTTPConnError as error:
        name_hop(error, request)
        if isinstance(error, TimedOut) and course.deadline.ended(error, port.now()):
            exceeded = course.deadline.exceeded()
            name_hop(exceeded, request)
            raise exceeded from error
        raise
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("GET %s: %d", spec.url.redacted, exchange.head.status)
    return request, exchange
