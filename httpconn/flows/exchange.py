"""One logical request: sent, redirected, tried again, under one deadline."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple, TypeVar

import httpx

from ..core import redirects, retries
from ..core.bandwidth import Bandwidth
from ..core.caching import Store
from ..core.counts import Counts
from ..core.deadlines import SHARED, Deadline
from ..core.headers import check_size
from ..core.intake import ByteBudget
from ..core.ranges import Held
from ..core.rates import RateLimiter
from ..core.requests import RequestBuilder, RequestSpec
from ..core.throttle import Throttle
from ..core.urls import redact
from ..errors import HTTPConnError, ProtocolError, StatusError
from ..hooks import Hooks, RedirectEvent, RetryEvent
from ..lazy import LazyRequest, Origin, field, raw_fields
from ..options import Limits, RedirectPolicy, RetryPolicy, Timeouts
from ..ports.base import Exchange, Port
from .body import Body
from .turns import await_turn, hold_others

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
    hooks: Hooks = Hooks()  # noqa: RUF009 - frozen
    throttle: Throttle = dataclasses.field(default_factory=Throttle)
    flights: dict[Hashable, Any] | None = None
    cache: Store | None = None
    bandwidth: Bandwidth | None = None
    counts: Counts = dataclasses.field(default_factory=Counts)


class Call(NamedTuple):
    """What one call asks for.

    Attributes:
        floor: hold the body to ``Limits.min_speed``; not where the caller's own pace counts.
        bandwidth: what this call alone is bound to, beside all others of the connection object.
    """

    spec: RequestSpec
    rules: Rules
    timeouts: Timeouts
    follow: bool = True
    max_bytes: int | None = None
    budget: ByteBudget | None = None
    floor: bool = True
    bandwidth: Bandwidth | None = None

    @property
    def bandwidths(self) -> tuple[Bandwidth, ...]:
        """All that its bodies are bound to."""
        if self.bandwidth is None and self.rules.bandwidth is None:
            return ()
        return tuple(each for each in (self.bandwidth, self.rules.bandwidth) if each is not None)


@dataclass(slots=True)
class Course:
    """How the attempts of one call follow on each other; a flow that resumes steers it as it goes.

    Attributes:
        call: what the next attempt asks for.
        began: when the call did, on the port's clock.
        deadline: the end of all attempts.
        attempts: attempts so far.
        failures: of these, those that failed in a row; what made progress sets it back.
        request: the last that was sent.
        kept: what came of a body that broke, where the rest of it can be asked for.
        furthest: bytes that there have been at most, beyond which more are progress.
        since: when that was.
        gained: the attempt that failed made progress.
    """

    call: Call
    began: float
    deadline: Deadline
    attempts: int = 0
    failures: int = 0
    request: LazyRequest | None = None
    kept: Kept | None = None
    furthest: int = 0
    since: float = 0.0
    gained: bool = False

    @classmethod
    def of(cls, call: Call, now: float) -> Course:
        """The course of a call that begins now."""
        deadline = Deadline.after(call.timeouts.total, now).sooner(SHARED.get())
        return cls(call, now, deadline, since=now)

    def note_progress(self, size: int, now: float) -> None:
        """An attempt that brought new bytes before it failed earns the others back, unless they only trickled.

        Args:
            size: bytes that there are now, and that the next attempt can go on from.
            now: the moment on the port's clock.
        """
        gained = size - self.furthest
        # Under a bandwidth, it may be we who let it trickle.
        speed = 0 if self.call.bandwidths else self.call.rules.limits.min_speed or 0
        floor = speed * (now - self.since)
        if gained > 0 and gained >= floor:
            self.failures = 1
            self.gained = True
            self.furthest, self.since = size, now

    def describe(self, error: HTTPConnError, now: float) -> None:
        """Tell of an error as the caller sees it: where, after how many attempts and how long."""
        error.attempts, error.elapsed = self.attempts, now - self.began
        if error.url is None:
            error.url = redact(self.call.spec.url.url)

    @property
    def origin(self) -> Origin:
        """Where the last request went."""
        return self.call.spec.url.origin if self.request is None else self.request.origin


@dataclass(slots=True)
class Answer:
    """An answer that is not redirected any further; whoever holds it closes it.

    Attributes:
        response: its header.
        body: its body.
        course: the attempts that led to it.
        history: the redirects on the way.
        followed: bytes that later answers brought, which went on with its body.
    """

    response: httpx.Response
    body: Body
    exchange: Exchange
    course: Course
    port: Port
    history: list[httpx.Response]
    followed: int = 0

    @property
    def call(self) -> Call:
        """What was asked for."""
        return self.course.call

    @property
    def attempt(self) -> int:
        """The number of the attempt that brought it."""
        return self.course.attempts

    @property
    def began(self) -> float:
        """When the call did, on the port's clock."""
        return self.course.began

    @property
    def wire_bytes(self) -> int:
        """Bytes of its body so far, as they were sent."""
        return self.body.wire_bytes + self.followed

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
            self.course.describe(error, self.port.now())
            raise

    async def close(self) -> None:
        """Give the connection back."""
        await self.exchange.close()


class Kept(NamedTuple):
    """What came of a body that broke.

    Attributes:
        answer: the one that brought its beginning.
        content: the bytes, at whose end more are written.
        held: what the rest is asked for by.
        whole: the request for all of it.
    """

    answer: Answer
    content: BytesIO
    held: Held
    whole: RequestSpec


Consume = Callable[[Answer], Awaitable[T]]


async def perform(port: Port, call: Call, consume: Consume[T]) -> T:
    """Make attempts until one is consumed, the error is final, or no attempt or time is left.

    ``consume`` is handed an open answer and closes it, unless it returns with it still open.
    """
    return await pursue(port, Course.of(call, port.now()), consume)


async def pursue(port: Port, course: Course, consume: Consume[T]) -> T:
    """The same, on a course that the consumer may change between two attempts."""
    while True:
        course.attempts += 1
        course.failures += 1
        course.gained = False
        try:
            answer = await _follow(port, course)
            wait = _pause_after(port, course, answer.response)
            if wait is None:
                return await _consumed(answer, consume)
            await answer.close()
            await _tell(port, course, StatusError(answer.response), wait)
        except HTTPConnError as error:
            wait = _pause(port, course, error)
            if wait is None:
                course.describe(error, port.now())
                course.call.rules.counts.fail(course.origin.host, error)
                raise
            await _tell(port, course, error, wait)
        await port.sleep(wait)


async def _consumed(answer: Answer, consume: Consume[T]) -> T:
    try:
        consumed = await consume(answer)
    except BaseException:
        await answer.close()
        raise
    rules = answer.call.rules
    if rules.retries.budget is not None and answer.response.status_code not in rules.retries.statuses:
        rules.throttle.earn(answer.course.origin, rules.retries.budget)
    return consumed


def _pause_after(port: Port, course: Course, response: httpx.Response) -> float | None:
    """As below, for a status that may pass; where no attempt is left, the answer itself goes to the caller."""
    if response.status_code not in course.call.rules.retries.statuses:
        return None
    return _pause(port, course, StatusError(response))


def _pause(port: Port, course: Course, error: HTTPConnError) -> float | None:
    """Seconds until the next attempt, or None when there is none."""
    policy, rates = course.call.rules.retries, course.call.rules.rates
    method = "GET" if course.request is None else course.request.method
    asked = _retry_after(error.response, port.timestamp()) if isinstance(error, StatusError) else None
    if asked and rates is not None and isinstance(error, StatusError):
        hold_others(rates, policy, course.origin.host, error, asked, port.now())
    verdict = retries.judge(policy, error, course.failures, method)
    if not verdict.again:
        logger.debug("Attempt %d was the last one: %s", course.attempts, verdict.reason)
        return None
    wait = retries.pause(policy, course.failures, asked, port.chance())
    if wait is None or not course.deadline.allows(wait, port.now()):
        return None
    is_free = course.gained or (asked is not None and policy.obey_retry_after)
    return wait if is_free or _is_afforded(port, course, error) else None


def _is_afforded(port: Port, course: Course, error: HTTPConnError) -> bool:
    """Whether the budget of the host holds another retry; an error that is final for this alone says so."""
    rules = course.call.rules
    if rules.retries.budget is None or rules.throttle.take(course.origin, port.now()):
        return True
    error.add_note(f"No retry was made, since those to {course.origin.host} are used up: see RetryPolicy.budget")
    return False


def _retry_after(response: httpx.Response, now: float) -> float | None:
    return retries.retry_after(field(response, "retry-after"), field(response, "date"), now)


async def _tell(port: Port, course: Course, error: HTTPConnError, wait: float) -> None:
    """That an attempt failed, and another one follows."""
    course.describe(error, port.now())
    course.call.rules.counts.of(course.origin.host).retries += 1
    url = redact(course.call.spec.url.url)
    logger.info("Attempt %d at %s failed, the next one in %.2f s", course.attempts, url, wait)
    for hook in course.call.rules.hooks.retry:
        await port.tell(hook, RetryEvent(url, course.attempts, error, wait))


async def _follow(port: Port, course: Course) -> Answer:
    """Send a request and follow its redirects; their bodies are never read."""
    call = course.call
    spec = call.spec
    trail: redirects.Trail | None = None
    history: list[httpx.Response] = []
    while True:
        exchange = await _send(port, course, spec)
        response = exchange.response
        location = field(response, "location") or ""
        try:
            check_size(raw_fields(response), call.rules.limits)
            if not (call.follow and redirects.leads_on(response.status_code, location)):
                return Answer(response, _body(port, exchange, course, spec), exchange, course, port, history)
            trail = trail or redirects.Trail(spec, call.rules.redirects, call.rules.builder)
            spec = trail.follow(spec, location)
        except BaseException as error:
            await exchange.close()
            _name_hop(error, response.request)
            raise
        await exchange.close()
        history.append(response)
        for hook in call.rules.hooks.redirect:
            event = RedirectEvent(redact(response.request.url), redact(spec.url.url), response.status_code)
            await port.tell(hook, event)


def _name_hop(error: BaseException, request: httpx.Request) -> None:
    """Say at which of several hops something went wrong."""
    if isinstance(error, HTTPConnError):
        error.url = error.url or redact(request.url)
        error.request = request


def _body(port: Port, exchange: Exchange, course: Course, spec: RequestSpec) -> Body:
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
        bandwidths=call.bandwidths,
        tally=call.rules.counts.of(spec.url.origin.host),
    )


async def _send(port: Port, course: Course, spec: RequestSpec) -> Exchange:
    call = course.call
    if call.rules.rates is not None:
        await await_turn(port, call.rules.rates, spec.url.origin.host, course.deadline)
    request = course.request = call.rules.builder.build(spec)
    course.deadline.check(port.now())
    call.rules.counts.of(spec.url.origin.host).requests += 1
    try:
        exchange = await port.send(request, call.timeouts, course.deadline)
    except HTTPConnError as error:
        _name_hop(error, request)
        raise
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("GET %s: %d", redact(request.url), exchange.response.status_code)
    return exchange
