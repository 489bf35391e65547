"""One logical request: the state of its attempts and the final response."""

from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple, Self

from ..core import ranges
from ..core.deadlines import SHARED, Deadline
from ..core.messages import Head, Origin, Request, Response
from ..core.requestbuilder import RequestSpec
from ..core.urls import VettedURL, redact
from ..errors import HTTPConnError, ProtocolError, StatusError
from ..options import MAX_SECONDS
from ..runtime.port import Exchange, Port
from .body import PARTIAL, Body, expected_length
from .rules import Call

_MAX_GROWTHS = 40  # Retries that lengthen the limit of an attempt. More could overflow a float.


@dataclass(slots=True, eq=False, repr=False)
class RequestState:
    """The attempts of one call. A flow that resumes a transfer changes ``call`` between two attempts."""

    call: Call  # the arguments of the next attempt
    url: VettedURL
    started_at: float
    deadline: Deadline
    attempts: int = 0
    failures: int = 0  # Number of consecutive failures. An attempt that makes progress resets it.
    request: Request | None = None
    # The received part of a body that broke, if the next attempt can request the remaining part.
    partial_body: "PartialBody | None" = None
    most_received: int = 0  # The largest number of bytes received so far. Only bytes beyond it are progress.
    progress_at: float = 0.0  # time of the last progress, in seconds of the port's clock
    made_progress: bool = False  # the attempt that failed made progress
    budget_used_up: bool = False  # the retry was not made, because the retry budget of the host is used up
    stored_redirects: int = 0  # number of redirects that were followed from the cache
    # The end of the current attempt, at the latest ``deadline``.
    attempt_deadline: Deadline = Deadline()  # noqa: RUF009 - immutable

    @classmethod
    def of(cls, call: Call, now: float) -> Self:
        deadline, shared = Deadline.after(call.timeouts.total, now), SHARED.get()
        if shared.at is not None:
            deadline = deadline.sooner(shared)
        return cls(call, call.spec.url, now, deadline, progress_at=now)

    def end_of_attempt(self, seconds: float, now: float) -> Deadline:
        """Return the end of an attempt that starts now. ``seconds`` limits the first attempt."""
        growth = self.call.rules.retries.timeout_growth ** min(self.failures - 1, _MAX_GROWTHS)
        seconds = min(MAX_SECONDS, seconds * growth)
        return self.deadline.sooner(Deadline(now + seconds, seconds, ends_attempt=True))

    def record_progress(self, size: int, now: float) -> None:
        """Reset the count of failures if the failed attempt received new bytes at ``Limits.min_speed`` or faster."""
        gained = size - self.most_received
        # A bandwidth limit can be lower than min_speed. Then the slow transfer is not the server's fault.
        speed = 0 if self.call.bandwidths else self.call.rules.limits.min_speed or 0
        if gained > 0 and gained >= speed * (now - self.progress_at):
            self.failures = 1
            self.made_progress = True
            self.most_received, self.progress_at = size, now

    def describe(self, error: HTTPConnError, now: float) -> None:
        """Add the URL, the number of attempts and the elapsed seconds to an error."""
        error.attempts, error.elapsed = self.attempts, now - self.started_at
        if error.url is None:
            error.url = self.url.redacted

    def fail(self, error: HTTPConnError, now: float) -> None:
        self.describe(error, now)
        error._request = error._request or self.request
        if self.budget_used_up:
            error.add_note(
                f"No retry was made: the retry budget of {self.origin.host} is used up (see RetryPolicy.budget)"
            )

    @property
    def origin(self) -> Origin:
        return self.call.spec.url.origin if self.request is None else self.request.origin


@dataclass(slots=True, eq=False, repr=False)
class OpenResponse:
    """The response after all redirects, with its body still to be read. Its owner closes it."""

    head: Head
    request: Request
    url: VettedURL
    body: Body
    exchange: Exchange
    state: RequestState
    port: Port
    history: list[Response]
    continued_bytes: int = 0  # bytes of the body that later responses delivered, after this one broke

    @property
    def without_body(self) -> Response:
        return Response(self.request, self.head)

    @property
    def call(self) -> Call:
        return self.state.call

    @property
    def wire_bytes(self) -> int:
        return self.body.wire_bytes + self.continued_bytes

    def require_content(self) -> None:
        """Check that the response is a success, and the whole file if the request had no Range."""
        head = self.head
        if not 200 <= head.status < 300:
            raise StatusError(self.without_body)
        unasked = head.status == PARTIAL and "range" not in self.request.as_httpx().headers
        if unasked and not ranges.holds_all(head.field("content-range"), expected_length(head)):
            raise ProtocolError(ranges.UNASKED_PART)

    async def receive(self, *, wire: bool = False) -> bytes:
        """Return the next bytes of a body after its call has returned. An error counts as an error of the call."""
        try:
            return await (self.body.receive_wire() if wire else self.body.receive())
        except HTTPConnError as error:
            set_request(error, self.request)
            self.state.describe(error, self.port.now())
            count_failure(self.call, error)
            raise

    async def close(self) -> None:
        await self.exchange.close()


class PartialBody(NamedTuple):
    """The received part of a body that broke."""

    response: OpenResponse
    content: BytesIO  # the received bytes; the remaining bytes are appended
    held: ranges.ReceivedBytes  # the size and the version of the received part, from which the Range request is made
    whole: RequestSpec


def count_failure(call: Call, error: HTTPConnError) -> None:
    """Count a call that ended in an error, for the host of its last request."""
    request = error._request
    origin = request.origin if isinstance(request, Request) else call.spec.url.origin
    call.rules.counters.fail(origin.host, error)


def set_request(error: BaseException, request: Request) -> None:
    """Record in an error which request of a redirect chain failed."""
    if isinstance(error, HTTPConnError):
        error.url = error.url or redact(request.url)
        error._request = request
