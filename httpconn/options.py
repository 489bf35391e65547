"""Options of a connection object: frozen values that are checked when they are created.

Times are in seconds, up to 2,000,000. Sizes are in bytes. ``None`` means that the option sets no limit.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

from .errors import TRANSIENT_STATUSES, InvalidRequest

MIB = 1024 * 1024

MAX_CONNECTIONS = 240  # the default of Limits.max_connections
MAX_PER_HOST = 100  # connections to one host by default
MAX_SECONDS = 2_000_000
MAX_COUNT = 2**63 - 1

Item = TypeVar("Item", int, str)

# For each declared type of a field: the accepted types, the words for an error message, and the maximum.
_SCALARS: dict[object, tuple[tuple[type, ...], str, int]] = {
    bool: ((bool,), "True or False", 1),
    int: ((int,), "a whole number", MAX_COUNT),
    float: ((int, float), "a number", MAX_SECONDS),
}


@cache
def _declared(owner: type) -> dict[str, tuple[object, bool]]:
    """Return the annotated type of each field, and whether the field accepts None."""
    hints = get_type_hints(owner)
    unions = {name: get_args(hint) if get_origin(hint) is UnionType else (hint,) for name, hint in hints.items()}
    return {name: (kinds[0], NoneType in kinds) for name, kinds in unions.items()}


def check_fields(owner: Any, *may_be_zero: str) -> None:
    """Check the flags and numbers of an option against the annotations of its fields.

    Args:
        owner: the option.
        may_be_zero: the names of the fields that accept 0. All other numbers are positive, because a timeout of 0
            seconds would let no call succeed. NaN is never accepted.
    """
    for name, (kind, optional) in _declared(owner.__class__).items():
        value = getattr(owner, name)
        if kind in _SCALARS and not (optional and value is None):
            check_scalar(
                f"{type(owner).__name__}.{name}", value, kind, optional=optional, may_be_zero=name in may_be_zero
            )


def check_scalar(path: str, value: Any, kind: object, *, optional: bool = False, may_be_zero: bool = False) -> None:
    """Check the flag or number at a path such as ``Limits.max_bytes``; raises InvalidRequest."""
    types, words, maximum = _SCALARS[kind]
    is_flag = isinstance(value, bool)
    if is_flag is not (kind is bool) or not any(isinstance(value, each) for each in types):
        raise InvalidRequest(f"{path} must be {words}{' or None' if optional else ''}")
    if not is_flag and not (0 < value <= maximum or (may_be_zero and value == 0)):
        raise InvalidRequest(f"{path} must be {'at least' if may_be_zero else 'more than'} 0 and at most {maximum:,}")


def whole_number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return the value of an option, or raise InvalidRequest if it is not a whole number in the range."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value and (most is None or value <= most):
        return value
    end = f"of at least {least}" if most is None else f"from {least} to {most:,}"
    raise InvalidRequest(f"{name} must be a whole number {end}")


def type_name(value: object) -> str:
    """Return the name of a value's type with its module: ``httpx.Limits`` differs from ``httpconn.Limits``."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def items_of(owner: object, name: str, kind: type[Item]) -> frozenset[Item]:
    """Return the items of a field that is a collection. A str is one value, not a collection of characters."""
    value: object = getattr(owner, name)
    if isinstance(value, Collection) and not isinstance(value, (str, bytes, bytearray)):
        items = list(value)
        if all(isinstance(item, kind) and not isinstance(item, bool) for item in items):
            return frozenset(items)
    raise InvalidRequest(f"{type(owner).__name__}.{name} must be a collection of {kind.__name__}")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts of a call, in seconds.

    Attributes:
        connect: DNS, connecting and the TLS handshake together (default 10).
        read: the time from the sent request to the end of the response header, and each wait for more of the body
            (default 30).
        write: writing the request (default 30).
        pool: waiting for a connection; None (the default) means that only ``total`` limits the wait.
        total: the whole call, including redirects, retries and waits (default 300). Downloads have no total by
            default, because ``Limits.min_speed`` bounds them. A download has one if you set it, or if the access
            policy is ``public_internet()``.
        attempt: one attempt, including its redirects and its body (default None, no limit). Each retry has its
            own limit, which ``RetryPolicy.timeout_growth`` can lengthen. Waits for a rate limit do not count.
    """

    connect: float | None = 10.0
    read: float | None = 30.0
    write: float | None = 30.0
    pool: float | None = None
    total: float | None = 300.0
    attempt: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def of(cls, value: "Timeouts | float") -> "Self | Timeouts":
        """Return the timeouts for a value of ``timeout=``. A number is the total."""
        if isinstance(value, Timeouts):
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidRequest(f"timeout must be a number of seconds or httpconn.Timeouts, not {type_name(value)}")
        return cls(total=value)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the connections and of each response.

    Threads and event loops do not share connections. The limits of connections and of waiting calls apply to all
    threads together, and to each event loop separately.

    Attributes:
        max_connections: open connections, including idle ones (default 240, less than the 256 files that a process may
            open on macOS).
        max_per_host: open connections to one host and port. None (the default) means ``max_connections``, or 100 with
            the default of ``max_connections``.
        max_waiting: calls that wait for a connection (default 100,000), in the order of their arrival. The same limit
            applies to calls that wait for a rate limit. One more call fails with ``QueueFull``.
        max_keepalive_connections: idle connections to keep; None (the default) means ``max_connections``.
        keepalive_expiry: seconds to keep an idle connection (default 5).
        max_bytes: bytes of a response body in memory, before and after decoding (default 1 GiB). The limit of a
            download is the ``max_bytes`` of its call. If the call has none, a public access policy applies this limit.
        max_ratio: decoded bytes for each received byte (default 500), checked after ``ratio_grace`` decoded bytes.
        ratio_grace: decoded bytes before ``max_ratio`` applies (default 10 MiB).
        max_headers: header fields of a response (default 100).
        max_header_bytes: bytes of the names and values of these fields (default 64 KiB).
        min_speed: minimum bytes per second of a body (default 100), on average over ``speed_window``. Only the time
            that httpconn waits for the server counts. None or 0 means no minimum.
        speed_window: seconds over which the speed is averaged (default 30).
        strict_framing: whether to reject two kinds of responses: irregular ones, such as with header lines that end
            in LF, and bodies that end with the connection, because they cannot be proven complete (RFC 9112
            section 8). By default such responses are delivered, and their connection is not used again.
    """

    max_connections: int = MAX_CONNECTIONS
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
    def per_host(self) -> int:
        """The number of open connections to one host and port."""
        if self.max_per_host is not None:
            return self.max_per_host
        return MAX_PER_HOST if self.max_connections == MAX_CONNECTIONS else self.max_connections

    @property
    def max_idle(self) -> int:
        """The number of idle connections to keep."""
        return self.max_connections if self.max_keepalive_connections is None else self.max_keepalive_connections


IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""The idempotent methods (RFC 9110 section 9.2.2)."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Rules for retries: which failures are retried, and after how long.

    The wait after attempt n is a random time from 0 to ``min(backoff_max, backoff * 2 ** (n - 1))`` seconds ("full
    jitter"), or the time of the server's Retry-After (RFC 9110 section 10.2.3).

    Attributes:
        attempts: attempts of a call (default 3); 1 means no retry. An attempt that receives new bytes of a body
            restarts the count.
        statuses: statuses that are retried (default: 408, 425, 429, 500, 502, 503, 504 and 520 to 527).
        methods: methods that are retried (default: the idempotent ones of RFC 9110 section 9.2.2, which are GET, HEAD,
            OPTIONS, TRACE, PUT and DELETE). Requests with an ``Idempotency-Key`` are retried with any method. A body
            that can be sent only once is never sent again.
        backoff: seconds of the first wait (default 0.5); 0 means no wait.
        backoff_max: maximum seconds of a wait (default 20).
        jitter: whether to choose the wait at random; False always waits for the full time.
        obey_retry_after: whether to wait as long as the server's Retry-After says. If that is longer than
            ``max_retry_after`` or than the time left, the call fails at once.
        max_retry_after: maximum seconds of a Retry-After (default 120).
        budget: retries to a host that each call to it allows (default 0.5). In addition, each host has 10 retries a
            second, and up to 100 at once. If none is left, the error is final, and a note of the error says so. The
            budget protects a failing host from the retries of many calls. Retries after a Retry-After, and retries
            that continue a body, are not counted. None means no limit.
        timeout_growth: factor by which ``Timeouts.attempt`` is longer in each retry (default 1, no growth).
    """

    attempts: int = 3
    statuses: frozenset[int] = TRANSIENT_STATUSES
    methods: frozenset[str] = IDEMPOTENT
    backoff: float = 0.5
    backoff_max: float = 20.0
    jitter: bool = True
    obey_retry_after: bool = True
    max_retry_after: float = 120.0
    budget: float | None = 0.5
    timeout_growth: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, "backoff", "budget")
        object.__setattr__(self, "statuses", items_of(self, "statuses", int))
        object.__setattr__(self, "methods", items_of(self, "methods", str))

    @classmethod
    def of(cls, value: "RetryPolicy | int") -> "RetryPolicy":
        """Return the policy for a value of ``retries=``. A number counts retries, as in httpx."""
        if isinstance(value, RetryPolicy):
            return value
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidRequest("retries must be a RetryPolicy or a count of retries, 0 or more")
        return cls(attempts=value + 1)


@dataclass(frozen=True, slots=True)
class RedirectPolicy:
    """Rules for redirects.

    Attributes:
        max_hops: redirects to follow in one attempt (default 20).
        allow_downgrade: whether to follow a redirect from https to http (default False).
        safe_headers: names of further header fields to send to another origin. By default, these are User-Agent,
            Accept, Accept-Encoding, Accept-Language, Range, If-Range, If-None-Match and If-Modified-Since.
        ports: the ports that a redirect may lead to: "any" (the default), or "same" for the port of the redirecting
            URL. "same" also allows a change between http and https on their default ports 80 and 443.
    """

    max_hops: int = 20
    allow_downgrade: bool = False
    safe_headers: frozenset[str] = field(default=frozenset())
    ports: Literal["any", "same"] = "any"

    def __post_init__(self) -> None:
        check_fields(self, "max_hops")
        if self.ports not in ("any", "same"):
            raise InvalidRequest('RedirectPolicy.ports must be "any" or "same"')
        names = items_of(self, "safe_headers", str)
        object.__setattr__(self, "safe_headers", frozenset(name.lower() for name in names))


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A limit of the requests that start in a period. Retries and redirects count as requests.

    Requests wait in the order of their arrival.

    Attributes:
        rate: requests per ``per`` seconds.
        per: the period in seconds (default 1).
        burst: requests that may start at once after an idle time (default 1).
        scope: "host" (the default) for a limit of each host, "all" for one limit of all hosts.
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
            raise InvalidRequest(f"RateLimit.rate must allow at least one request in {MAX_SECONDS:,} seconds")

    @property
    def interval(self) -> float:
        """Seconds between two requests at the full rate."""
        return self.per / self.rate


def rate_limits(given: object) -> tuple[RateLimit, ...]:
    """Return the limits for a value of ``rate_limit=``: None, one :class:`RateLimit` or several."""
    rates = () if given is None else (given,) if isinstance(given, RateLimit) else given
    if not isinstance(rates, list | tuple) or not all(isinstance(each, RateLimit) for each in rates):
        raise InvalidRequest("rate_limit must be a RateLimit or a collection of them")
    return tuple(rates)
