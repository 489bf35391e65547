"""One logical request as it goes on: what was asked for, the attempts so far, the answer that they led to."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple

from ..core import ranges
from ..core.bandwidth import Bandwidth
from ..core.bodycounter import ByteBudget
from ..core.caching import Store
from ..core.counters import Counters
from ..core.deadlines import SHARED, Deadline
from ..core.messages import Head, Origin, Request, Response
from ..core.rates import RateLimiter
from ..core.requestbuilder import RequestBuilder, RequestSpec
from ..core.retrybudget import RetryBudget
from ..core.urls import VettedURL, redact
from ..errors import HTTPConnError, ProtocolError, StatusError
from ..hooks import Hooks
from ..options import Limits, RedirectPolicy, RetryPolicy, Timeouts
from ..ports.base import Exchange, Port
from .body import PARTIAL, Body, expected_length


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every call of one connection object."""

    builder: RequestBuilder
    limits: Limits
    retries: RetryPolicy
    redirects: RedirectPolicy
    rates: RateLimiter | None = None
    hooks: Hooks = Hooks()  # noqa: RUF009 - frozen
    retry_budget: RetryBudget = dataclasses.field(default_factory=RetryBudget)
    flights: dict[Hashable, Any] | None = None
    cache: Store | None = None
    bandwidth: Bandwidth | None = None
    counters: Counters = dataclasses.field(default_factory=Counters)


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
        return tuple(each for each in (self.bandwidth, self.rules.bandwidth) if each is not None)


@dataclass(slots=True)
class RequestState:
    """How the attempts of one call follow on each other; a flow that resumes steers it as it goes.

    Attributes:
        call: what the next attempt asks for.
        url: the URL that the caller gave.
        started_at: when the call did, on the port's clock.
        deadline: the end of all attempts.
        attempts: attempts so far.
        failures: of these, those that failed in a row; what made progress sets it back.
        request: the last that was sent.
        kept: what came of a body that broke, where the rest of it can be asked for.
        most_received: bytes that there have been at most, beyond which more are progress.
        progress_at: when that was.
        gained: the attempt that failed made progress.
        spent: it would be made again, were the retries of its host not used up.
        hops: redirects that were followed without a request.
    """

    call: Call
    url: VettedURL
    started_at: float
    deadline: Deadline
    attempts: int = 0
    failures: int = 0
    request: Request | None = None
    kept: Kept | None = None
    most_received: int = 0
    progress_at: float = 0.0
    gained: bool = False
    spent: bool = False
    hops: int = 0

    @classmethod
    def of(cls, call: Call, now: float) -> RequestState:
        """The course of a call that begins now."""
        deadline, shared = Deadline.after(call.timeouts.total, now), SHARED.get()
        if shared.at is not None:
            deadline = deadline.sooner(shared)
        return cls(call, call.spec.url, now, deadline, progress_at=now)

    def record_progress(self, size: int, now: float) -> None:
        """An attempt that brought new bytes before it failed earns the others back, unless they only trickled.

        Args:
            size: bytes that there are now, and that the next attempt can go on from.
            now: the moment on the port's clock.
        """
        gained = size - self.most_received
        # Under a bandwidth, it may be we who let it trickle.
        speed = 0 if self.call.bandwidths else self.call.rules.limits.min_speed or 0
        floor = speed * (now - self.progress_at)
        if gained > 0 and gained >= floor:
            self.failures = 1
            self.gained = True
            self.most_received, self.progress_at = size, now

    def describe(self, error: HTTPConnError, now: float) -> None:
        """Tell of an error as the caller sees it: where, after how many attempts and how long."""
        error.attempts, error.elapsed = self.attempts, now - self.started_at
        if error.url is None:
            error.url = self.url.redacted

    def fail(self, error: HTTPConnError, now: float) -> None:
        """The same for an error that ends the attempts."""
        self.describe(error, now)
        error._request = error._request or self.request
        if self.spent:
            error.add_note(f"No retry was made, since those to {self.origin.host} are used up: see RetryPolicy.budget")

    @property
    def origin(self) -> Origin:
        """Where the last request went."""
        return self.call.spec.url.origin if self.request is None else self.request.origin


@dataclass(slots=True)
class OpenResponse:
    """An answer that is not redirected any further; whoever holds it closes it.

    Attributes:
        head: its head.
        request: what it was asked for by.
        url: where it came from.
        body: its body.
        course: the attempts that led to it.
        history: the redirects on the way.
        followed: bytes that later answers brought, which went on with its body.
    """

    head: Head
    request: Request
    url: VettedURL
    body: Body
    exchange: Exchange
    course: RequestState
    port: Port
    history: list[Response]
    followed: int = 0

    @property
    def without_body(self) -> Response:
        """The response without its body."""
        return Response(self.request, self.head)

    @property
    def call(self) -> Call:
        """What was asked for."""
        return self.course.call

    @property
    def attempt(self) -> int:
        """The number of the attempt that brought it."""
        return self.course.attempts

    @property
    def started_at(self) -> float:
        """When the call did, on the port's clock."""
        return self.course.started_at

    @property
    def wire_bytes(self) -> int:
        """Bytes of its body so far, as they were sent."""
        return self.body.wire_bytes + self.followed

    def require_content(self) -> None:
        """Require a success, and all of the file if the request had no Range.

        Raises:
            StatusError: the status is not 2xx.
            ProtocolError: the response holds a part of the file, and the request had no Range.
        """
        head = self.head
        if not 200 <= head.status < 300:
            raise StatusError(self.without_body)
        unasked = head.status == PARTIAL and "range" not in self.request.as_httpx().headers
        if unasked and not ranges.holds_all(head.field("content-range"), expected_length(head)):
            raise ProtocolError(ranges.UNASKED_PART)

    async def receive(self, *, wire: bool = False) -> bytes:
        """The next bytes of a body that is read outside of its call; an error is told as within it."""
        try:
            return await (self.body.receive_wire() if wire else self.body.receive())
        except HTTPConnError as error:
            name_hop(error, self.request)
            self.course.describe(error, self.port.now())
            count_failure(self.call, error)
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

    answer: OpenResponse
    content: BytesIO
    held: ranges.ReceivedBytes
    whole: RequestSpec


def count_failure(call: Call, error: HTTPConnError) -> None:
    """A call ended in an error, which is counted where its last request went."""
    request = error._request
    origin = request.origin if isinstance(request, Request) else call.spec.url.origin
    call.rules.counters.fail(origin.host, error)


def name_hop(error: BaseException, request: Request) -> None:
    """Say at which of several hops something went wrong."""
    if isinstance(error, HTTPConnError):
        error.url = error.url or redact(request.url)
        error._request = request
