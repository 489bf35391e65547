"""What a caller can set: frozen values, checked when they are made.

Seconds are floats up to a hundred million, sizes are bytes, and ``None`` means "no bound of its own".
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

from .errors import TRANSIENT_STATUSES, InvalidRequest

MIB = 1024 * 1024


MAX_SECONDS = 2_000_000
MAX_COUNT = 2**63 - 1

Item = TypeVar("Item", int, str)

# What a field declared as the key accepts: the types, the words for it, and the most.
_SCALARS: dict[object, tuple[tuple[type, ...], str, int]] = {
    bool: ((bool,), "True or False", 1),
    int: ((int,), "a whole number", MAX_COUNT),
    float: ((int, float), "a number", MAX_SECONDS),
}


@cache
def _declared(owner: type) -> dict[str, tuple[object, bool]]:
    """The type of each field, and whether None may stand in its place, as its annotation says."""
    hints = get_type_hints(owner)
    unions = {name: get_args(hint) if get_origin(hint) is UnionType else (hint,) for name, hint in hints.items()}
    return {name: (kinds[0], NoneType in kinds) for name, kinds in unions.items()}


def check_fields(owner: Any, *may_be_zero: str) -> None:
    """Refuse flags and numbers that are not what their field declares.

    Numbers are positive unless they may be zero: zero seconds would mean "never", and NaN compares with nothing.
    """
    for name, (kind, optional) in _declared(owner.__class__).items():
        value = getattr(owner, name)
        if kind in _SCALARS and not (optional and value is None):
            _check_scalar(f"{type(owner).__name__}.{name}", value, kind, optional, name in may_be_zero)


def _check_scalar(path: str, value: Any, kind: object, optional: bool, may_be_zero: bool) -> None:
    types, words, most = _SCALARS[kind]
    is_flag = isinstance(value, bool)
    if is_flag is not (kind is bool) or not any(isinstance(value, each) for each in types):
        raise InvalidRequest(f"{path} must be {words}{' or None' if optional else ''}")
    if not is_flag and not (0 < value <= most or (may_be_zero and value == 0)):
        raise InvalidRequest(f"{path} must be {'at least' if may_be_zero else 'more than'} 0 and at most {most:,}")


def items_of(owner: object, name: str, kind: type[Item]) -> frozenset[Item]:
    """The items of a field that is a collection; text is one value, not a collection of characters."""
    value: object = getattr(owner, name)
    if isinstance(value, Collection) and not isinstance(value, (str, bytes, bytearray)):
        items = list(value)
        if all(isinstance(item, kind) and not isinstance(item, bool) for item in items):
            return frozenset(items)
    raise InvalidRequest(f"{type(owner).__name__}.{name} must be a collection of {kind.__name__}")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long things may take, in seconds.

    Attributes:
        connect: resolving the name, connecting and the TLS handshake, together.
        read: from the sent request to the whole header; then each wait for more of the body.
        write: writing the request.
        pool: waiting for a free connection; None leaves that to ``total``.
        total: the whole call, with its redirects, retries and waits. Downloads have no total unless one is
            given explicitly, or the access policy is for strangers, since ``Limits.min_speed`` bounds them.
    """

    connect: float | None = 10.0
    read: float | None = 30.0
    write: float | None = 30.0
    pool: float | None = None
    total: float | None = 300.0

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def of(cls, value: Timeouts | float) -> Self | Timeouts:
        """``5.0`` means: the defaults, and the whole call within 5 seconds."""
        if isinstance(value, Timeouts):
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidRequest(f"timeout must be seconds or httpconn.Timeouts, not {type(value).__name__}")
        return cls(total=value)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a connection object may hold, and an answer may cost.

    Threads and event loops do not share connections: what is said of these, and of calls that wait for one, holds for
    all threads together, and for each event loop.

    Attributes:
        max_connections: open connections, overall.
        max_per_host: of these, those to one host and port; None leaves that to ``max_connections``.
        max_waiting: calls that may wait for a connection, first come, first served, and as many for their turn by a
            rate limit; one more fails with ``QueueFull``.
        max_keepalive_connections: idle connections that are kept; None (the default) keeps up to ``max_connections``.
        keepalive_expiry: seconds that an idle connection is kept.
        max_bytes: the body of an answer that is held in memory, on the wire and decoded alike. Files are
            bounded by the ``max_bytes`` of their call; where that says nothing, a public access policy holds them to
            this.
        max_ratio: decoded bytes for each byte on the wire, counted once ``ratio_grace`` bytes are decoded.
        ratio_grace: decoded bytes below which ``max_ratio`` does not count.
        max_headers: header fields of an answer.
        max_header_bytes: names and values of these fields together.
        min_speed: bytes per second that a body must come with, averaged over ``speed_window``; only time spent
            waiting for the server counts. None or 0 switches the floor off.
        speed_window: seconds.
        strict_framing: reject responses whose form is irregular, such as header lines that end in LF, and bodies
            whose only end is the end of the connection, since nothing proves that these are complete (RFC 9112
            section 8). By default such responses are delivered, and their connection is not used again.
    """

    max_connections: int = 100
    max_per_host: int | None = None
    max_waiting: int = 100_000
    max_keepalive_connections: int | None = None
    keepalive_expiry: float = 5.0
    max_bytes: int | None = 1024 * MIB
    max_ratio: int | None = 500
    ratio_grace: int = 10 * MIB
    max_headers: int = 100
    max_header_bytes: int = 64 * 1024
    min_speed: int | None = 100
    speed_window: float = 30.0
    strict_framing: bool = False

    def __post_init__(self) -> None:
        check_fields(self, "max_keepalive_connections", "max_bytes", "ratio_grace", "min_speed")

    @property
    def max_idle(self) -> int:
        """The number of idle connections that are kept."""
        return self.max_connections if self.max_keepalive_connections is None else self.max_keepalive_connections


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed attempt is made again, and after how long.

    Attempt n is followed by a pause drawn evenly from 0 to ``min(backoff_max, backoff * 2 ** (n - 1))`` seconds
    ("full jitter"), or by what Retry-After says (RFC 9110 section 10.2.3).

    Attributes:
        attempts: attempts in all; 1 means no retry. What brings new bytes of a body begins to count anew.
        statuses: answers that are asked for again.
        methods: requests that are made again. httpconn sends GET; another method can only come from an event hook,
            and is safe to name here only if it is idempotent (RFC 9110 section 9.2.2).
        backoff: seconds; 0 means no pause.
        backoff_max: seconds.
        jitter: draw the pause as said above; False takes the whole of it.
        obey_retry_after: wait as long as the server says, and fail at once when that reaches past the deadline
            or past ``max_retry_after``.
        max_retry_after: seconds.
        budget: retries that each request to a host that went well earns for others to it. Beside them, 10 a second
            are free, and 100 at once; when all are used up, an error is final. That keeps many calls together from
            burying a host that is down under retries. Retries that Retry-After puts off, and those that go on with a
            body, cost nothing. None means no bound.
    """

    attempts: int = 3
    statuses: frozenset[int] = TRANSIENT_STATUSES
    methods: frozenset[str] = frozenset({"GET", "HEAD"})
    backoff: float = 0.5
    backoff_max: float = 20.0
    jitter: bool = True
    obey_retry_after: bool = True
    max_retry_after: float = 120.0
    budget: float | None = 0.2

    def __post_init__(self) -> None:
        check_fields(self, "backoff", "budget")
        object.__setattr__(self, "statuses", items_of(self, "statuses", int))
        object.__setattr__(self, "methods", items_of(self, "methods", str))

    @classmethod
    def of(cls, value: RetryPolicy | int) -> RetryPolicy:
        """``3`` means: three retries after the first attempt, as in httpx's transports."""
        if isinstance(value, RetryPolicy):
            return value
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidRequest("retries must be a RetryPolicy or a count of retries, 0 or more")
        return cls(attempts=value + 1)


@dataclass(frozen=True, slots=True)
class RedirectPolicy:
    """Which redirects are followed.

    Attributes:
        max_hops: redirects followed in one attempt.
        allow_downgrade: follow a redirect from https to http.
        safe_headers: names of headers that may go on to another origin besides User-Agent, Accept,
            Accept-Encoding, Accept-Language, Range and If-Range. All others stay on the origin they were given for.
    """

    max_hops: int = 20
    allow_downgrade: bool = False
    safe_headers: frozenset[str] = field(default=frozenset())

    def __post_init__(self) -> None:
        check_fields(self, "max_hops")
        names = items_of(self, "safe_headers", str)
        object.__setattr__(self, "safe_headers", frozenset(name.lower() for name in names))


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How often requests may start: retries and redirects count, and who asks first is served first.

    Attributes:
        rate: requests per ``per`` seconds.
        per: seconds.
        burst: requests that may start at once after a pause.
        scope: "host" for each host by itself, "all" for all hosts together.
    """

    rate: float
    per: float = 1.0
    burst: int = 1
    scope: Literal["host", "all"] = "host"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.scope not in ("host", "all"):
            raise InvalidRequest('RateLimit.scope must be "host" or "all"')
        if self.interval > MAX_SECONDS:
            raise InvalidRequest(f"RateLimit.rate must allow one request in {MAX_SECONDS:,} seconds")

    @property
    def interval(self) -> float:
        """Seconds between two requests at the full rate."""
        return self.per / self.rate


def without_total(timeouts: Timeouts) -> Timeouts:
    """The same, for calls whose length depends on the size of a file."""
    return replace(timeouts, total=None)
