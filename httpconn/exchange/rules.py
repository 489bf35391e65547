"""The arguments of a call, and the rules that apply to all calls of one connection object."""

from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..core.bodycounter import ByteBudget
from ..core.counters import Counters
from ..core.messages import Origin, RawFields
from ..core.rates import Bandwidth, RateLimiter
from ..core.requestbuilder import RequestBuilder, RequestSpec
from ..core.retries import RetryBudget
from ..hooks import Hooks
from ..options import Limits, RedirectPolicy, RetryPolicy, Timeouts

if TYPE_CHECKING:
    from ..core.caching import Store


class Screen(Protocol):
    """A check of the requests and responses of asynchronous calls. Both methods raise an HTTPConnError to reject."""

    def request(self, url: str) -> Coroutine[Any, Any, None] | None:
        """Check a request before it is sent, also after a redirect. Return a coroutine if the check takes time."""

    def response(self, fields: RawFields) -> None:
        """Check the header of a successful response, before its body is read."""


@dataclass(slots=True, eq=False, repr=False)
class Rules:
    """The options and the shared state that apply to every call of one connection object. They must not be changed."""

    builder: RequestBuilder
    limits: Limits
    retries: RetryPolicy
    redirects: RedirectPolicy
    rates: RateLimiter | None = None
    hooks: Hooks = field(default_factory=Hooks)
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    in_flight: dict[Hashable, Any] | None = None  # the requests that equal calls share, or None without ``coalesce``
    cache: "Store | None" = None
    bandwidth: Bandwidth | None = None
    counters: Counters = field(default_factory=Counters)
    # A function that returns the limit of connections to an origin, or None for ``Limits.max_per_host``.
    limit_for: Callable[[Origin], int | None] = lambda _: None
    screen: Screen | None = None


@dataclass(slots=True, eq=False, repr=False)
class Call:
    """The arguments of one call. They must not be changed."""

    spec: RequestSpec
    rules: Rules
    timeouts: Timeouts
    follow: bool = True
    max_bytes: int | None = None
    budget: ByteBudget | None = None
    min_speed: bool = True  # Apply ``Limits.min_speed`` to the body. False where the caller sets the pace of reading.
    bandwidth: Bandwidth | None = None  # the limit of this call, in addition to the limit of the connection object
    accept: tuple[str, ...] = ()  # patterns of the accepted media types; empty for any

    @property
    def bandwidths(self) -> tuple[Bandwidth, ...]:
        return tuple(each for each in (self.bandwidth, self.rules.bandwidth) if each is not None)
