"""A scripted port: responses are lists of chunks, and time passes only when a flow waits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import httpx

from httpconn import Limits, RedirectPolicy, RetryPolicy, Timeouts
from httpconn.access import AccessPolicy
from httpconn.core.deadlines import Deadline
from httpconn.core.messages import Head, Request, by_name
from httpconn.core.rates import Bandwidth, RateLimiter
from httpconn.core.requestbuilder import RequestBuilder
from httpconn.core.retries import RetryBudget
from httpconn.errors import HTTPConnError
from httpconn.exchange.rules import Call, Rules
from httpconn.hooks import Hooks
from httpconn.runtime.repeating import Repeated

T = TypeVar("T")
Step = bytes | float | HTTPConnError
"""Received bytes, seconds that pass, or an error to raise."""


@dataclass
class Reply:
    """The response to one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Sequence[Step] = ()


class ScriptedExchange:
    """An exchange that plays a reply step by step."""

    def __init__(self, port: ScriptedPort, request: Request, reply: Reply) -> None:
        fields = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        self.head = Head(reply.status, b"", b"", fields, by_name(fields), sum(map(len, chain.from_iterable(fields))))
        self.extensions: dict[str, Any] = {}
        self.complete = False
        self.remaining = 0
        self.received = 0
        self.closed = 0
        self._port = port
        self._steps = list(reply.body)

    def take(self) -> bytes:
        """Return nothing: no bytes arrive with the head."""
        return b""

    async def receive(self) -> bytes:
        """Return the next bytes of the script."""
        assert not self.closed, "a closed exchange was read"
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, float):
                self._port.clock += step
            elif isinstance(step, HTTPConnError):
                raise step
            else:
                self.received += len(step)
                return step
        return b""

    async def close(self) -> None:
        """Count the call."""
        self.closed += 1


class ScriptedPort:
    """A port that sends replies in order and records all calls."""

    def __init__(self, *replies: Reply | HTTPConnError) -> None:
        self._replies = list(replies)
        self.clock = 1000.0
        self.requests: list[httpx.Request] = []
        self.exchanges: list[ScriptedExchange] = []
        self.slept: list[float] = []
        self.owned = True
        self.released = 0

    def now(self) -> float:
        """Return the virtual time in seconds."""
        return self.clock

    def timestamp(self) -> float:
        """Return the virtual time as seconds since the epoch."""
        return self.clock

    def chance(self) -> float:
        """Return 1, with which jitter gives the longest backoff."""
        return 1.0

    async def sleep(self, seconds: float) -> None:
        """Advance the virtual time."""
        self.slept.append(seconds)
        self.clock += seconds

    dead_hosts = None

    def aside(self, waiting: Coroutine[Any, Any, T], *, holds_host: bool = False) -> Coroutine[Any, Any, T]:
        """Return the wait unchanged."""
        return waiting

    async def send(self, request: Request, timeouts: Timeouts, deadline: Deadline) -> ScriptedExchange:
        """Return the next reply, or raise the next error."""
        self.requests.append(request.as_httpx())
        reply = self._replies.pop(0)
        if isinstance(reply, HTTPConnError):
            raise reply
        self.exchanges.append(ScriptedExchange(self, request, reply))
        return self.exchanges[-1]

    async def notify(self, hook: Callable[[object], object], event: object) -> None:
        """Call the hook."""
        hook(event)

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """Call the function."""
        return function(*args)

    def repeat(self, function: Callable[[], object], seconds: float) -> Repeated:
        """Repeat a function in real time."""
        return Repeated(function, seconds)

    async def clean_up(self, function: Callable[[], object]) -> None:
        """Call the function."""
        function()

    async def release(self) -> None:
        """Count the call."""
        self.released += 1

    @property
    def all_closed(self) -> bool:
        """Whether all exchanges are closed."""
        return all(exchange.closed for exchange in self.exchanges)


def call(
    url: str = "https://example.com/",
    *,
    extra_headers: dict[str, str] | None = None,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    limits: Limits = Limits(),  # noqa: B008 - frozen
    retries: RetryPolicy = RetryPolicy(attempts=3, backoff=1.0),  # noqa: B008 - frozen
    redirects: RedirectPolicy = RedirectPolicy(),  # noqa: B008 - frozen
    rates: RateLimiter | None = None,
    hooks: Hooks = Hooks(),  # noqa: B008 - frozen
    retry_budget: RetryBudget | None = None,
    bandwidth: Bandwidth | None = None,
    **options: Any,
) -> Call:
    """Return a call with rules that tests can set."""
    builder = RequestBuilder(
        user_agent="test", accept_encoding="gzip, deflate", headers_given=None, access=AccessPolicy.anywhere()
    )
    rules = Rules(builder, limits, retries, redirects, rates, hooks, retry_budget or RetryBudget(), bandwidth=bandwidth)
    return Call(builder.spec(url, extra_headers), rules, timeouts, **options)
