"""One logical request: sent, redirected, tried again, under one deadline."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import httpx

from ..core import redirects, retries
from ..core.deadlines import Deadline
from ..core.headers import check_size
from ..core.intake import ByteBudget
from ..core.rates import RateLimiter
from ..core.requests import RequestBuilder, RequestSpec
from ..core.urls import redact
from ..errors import HTTPConnError, ProtocolError, StatusError
from ..lazy import field, raw_fields
from ..options import Limits, RedirectPolicy, RetryPolicy, Timeouts
from ..ports.base import Exchange, Port
from .body import Body

T = TypeVar("T")
logger: logging.Logger = logging.getLogger("httpconn.exchange")


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every call of one connection object."""

    builder: RequestBuilder
    limits: Limits
    retries: RetryPolicy
    redirects: RedirectPolicy
    rates: RateLimiter | None = None


class Call(NamedTuple):
    """What one call asks for.

    Attributes:
        floor: hold the body to ``Limits.min_speed``; not where the caller's own pace counts.
    """

    spec: RequestSpec
    rules: Rules
    timeouts: Timeouts
    follow: bool = True
    max_bytes: int | None = None
    budget: ByteBudget | None = None
    floor: bool = True


@dataclass(slots=True)
class Answer:
    """An answer that is not redirected any further; whoever holds it closes it.

    Attributes:
        response: its header.
        body: its body.
        attempt: the number of the attempt that brought it.
        began: when the call did, on the port's clock.
        history: the redirects on the way.
    """

    response: httpx.Response
    body: Body
    exchange: Exchange
    call: Call
    port: Port
    attempt: int
    began: float
    history: list[httpx.Response]

    def require_content(self) -> None:
        """Only a success is content: a redirect that is not followed is none, nor is a part nobody asked for."""
        if not 200 <= self.response.status_code < 300:
            raise StatusError(self.response)
        if self.response.status_code == 206 and "range" not in self.response.request.headers:
            raise ProtocolError("The server sent a part where the whole was asked for")

    async def receive(self, *, wire: bool = False) -> bytes:
        """The next bytes of a body that is read outside of its call; an error is told as within it."""
        try:
            return await (self.body.receive_wire() if wire else self.body.receive())
        except HTTPConnError as error:
            _name_hop(error, self.response.request)
            _describe(error, self.call, self.attempt, self.port.now() - self.began)
            raise

    async def close(self) -> None:
        """Give the connection back."""
        await self.exchange.close()


Consume = Callable[[Answer], Awaitable[T]]


@dataclass(slots=True)
class Course:
    """How the attempts of one call follow on each other; a flow that resumes steers it as it goes.

    Attributes:
        call: what the next attempt asks for.
        began: when the call did, on the port's clock.
        deadline: the end of all attempts.
        attempts: attempts so far.
        failures: of these, those that failed in a row; what made progress sets it back.
    """

    call: Call
    began: float
    deadline: Deadline
    attempts: int = 0
    failures: int = 0

    @classmethod
    def of(cls, call: Call, now: float) -> Course:
        """The course of a call that begins now."""
        return cls(call, now, Deadline.after(call.timeouts.total, now))


async def perform(port: Port, call: Call, consume: Consume[T]) -> T:
    """Make attempts until one is consumed, the error is final, or no attempt or time is left.

    ``consume`` is handed an open answer and closes it, unless it returns with it still open.
    """
    return await pursue(port, Course.of(call, port.now()), consume)


async def pursue(port: Port, course: Course, consume: Consume[T]) -> T:
    """The same, on a course that the consumer may change between two attempts."""
    deadline = course.deadline
    while True:
        call = course.call
        course.attempts += 1
        course.failures += 1
        try:
            answer = await _follow(port, call, deadline, course.attempts, course.began)
            wait = _pause_after(port, call, deadline, answer.response, course.failures)
            if wait is None:
                return await _consumed(answer, consume)
            await answer.close()
        except HTTPConnError as error:
            wait = _pause(port, call, deadline, error, course.failures)
            if wait is None:
                _describe(error, call, course.attempts, port.now() - course.began)
                raise
        logger.info("Attempt %d at %s failed, the next one in %.2f s", course.attempts, redact(call.spec.url.url), wait)
        await port.sleep(wait)


async def _consumed(answer: Answer, consume: Consume[T]) -> T:
    try:
        return await consume(answer)
    except BaseException:
        await answer.close()
        raise


def _pause_after(port: Port, call: Call, deadline: Deadline, response: httpx.Response, attempt: int) -> float | None:
    """As below, for a status that may pass; where no attempt is left, the answer itself goes to the caller."""
    if response.status_code not in call.rules.retries.statuses:
        return None
    return _pause(port, call, deadline, StatusError(response), attempt)


def _pause(port: Port, call: Call, deadline: Deadline, error: HTTPConnError, attempt: int) -> float | None:
    """Seconds until the next attempt, or None when there is none."""
    policy = call.rules.retries
    if not retries.worth_another(policy, error, attempt):
        return None
    asked = _retry_after(error.response, port.timestamp()) if isinstance(error, StatusError) else None
    wait = retries.pause(policy, attempt, asked, port.chance())
    return wait if wait is not None and deadline.allows(wait, port.now()) else None


def _retry_after(response: httpx.Response, now: float) -> float | None:
    return retries.retry_after(field(response, "retry-after"), field(response, "date"), now)


def _describe(error: HTTPConnError, call: Call, attempt: int, elapsed: float) -> None:
    """The error as the caller sees it: where, after how many attempts and how long."""
    error.attempts, error.elapsed = attempt, elapsed
    if error.url is None:
        error.url = redact(call.spec.url.url)


async def _follow(port: Port, call: Call, deadline: Deadline, attempt: int, began: float) -> Answer:
    """Send a request and follow its redirects; their bodies are never read."""
    spec = call.spec
    trail: redirects.Trail | None = None
    history: list[httpx.Response] = []
    while True:
        exchange = await _send(port, call, spec, deadline)
        response = exchange.response
        location = field(response, "location") or ""
        try:
            check_size(raw_fields(response), call.rules.limits)
            if not (call.follow and redirects.leads_on(response.status_code, location)):
                body = _body(port, exchange, call, spec, deadline)
                return Answer(response, body, exchange, call, port, attempt, began, history)
            trail = trail or redirects.Trail(spec, call.rules.redirects, call.rules.builder)
            spec = trail.follow(spec, location)
        except BaseException as error:
            await exchange.close()
            _name_hop(error, response.request)
            raise
        await exchange.close()
        history.append(response)


def _name_hop(error: BaseException, request: httpx.Request) -> None:
    """Say at which of several hops something went wrong."""
    if isinstance(error, HTTPConnError):
        error.url = error.url or redact(request.url)
        error.request = request


def _body(port: Port, exchange: Exchange, call: Call, spec: RequestSpec, deadline: Deadline) -> Body:
    return Body(
        port,
        exchange,
        deadline,
        codings=spec.codings,
        limits=call.rules.limits,
        max_bytes=call.max_bytes,
        budget=call.budget,
        floor=call.floor,
    )


async def _send(port: Port, call: Call, spec: RequestSpec, deadline: Deadline) -> Exchange:
    await _await_turn(port, call, spec, deadline)
    request = call.rules.builder.build(spec)
    deadline.check(port.now())
    try:
        exchange = await port.send(request, call.timeouts, deadline)
    except HTTPConnError as error:
        _name_hop(error, request)
        raise
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("GET %s: %d", redact(request.url), exchange.response.status_code)
    return exchange


async def _await_turn(port: Port, call: Call, spec: RequestSpec, deadline: Deadline) -> None:
    rates, host = call.rules.rates, spec.url.origin.host
    if rates is None:
        return
    wait = rates.turn(host, port.now(), deadline.at)
    if wait is None:
        raise deadline.exceeded()
    if wait:
        try:
            await port.sleep(wait)
        except BaseException:
            rates.give_back(host)
            raise
