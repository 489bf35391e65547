"""Statistics of a connection object, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core.counters import Counters


@dataclass(frozen=True, slots=True)
class HostStats:
    """The requests to one host and their results.

    Attributes:
        requests: requests sent, including redirects and retries.
        retries: failed attempts that were followed by another attempt.
        received: bytes of bodies, before decoding.
        errors: calls that ended in an error of httpconn, counted at the host of their last request.
        cached: calls that used a stored response, whether or not the server was asked to validate it.
    """

    requests: int = 0
    retries: int = 0
    received: int = 0
    errors: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The connections in the pools.

    Attributes:
        open: connections that are open or being opened, including idle ones.
        idle: open connections that are not in use.
        waiting: calls that are waiting for a connection.
        made: connections opened so far.
        reused: requests that were sent on an existing connection.
    """

    open: int = 0
    idle: int = 0
    waiting: int = 0
    made: int = 0
    reused: int = 0

    @classmethod
    def total(cls, parts: Iterable[PoolStats]) -> PoolStats:
        """Return the sum of several pools."""
        known = list(parts)
        return cls(*(sum(getattr(each, name) for each in known) for name in cls.__slots__))

    @property
    def reuse_rate(self) -> float:
        """The share of requests that needed no new connection, from 0 to 1."""
        return self.reused / (self.made + self.reused) if self.reused else 0.0


@dataclass(frozen=True, slots=True)
class Stats(HostStats):
    """The totals of all hosts.

    The counters have no lock, so that they cost little. If two threads count at the same moment, one count can be lost.

    Attributes:
        connections: the connections in httpconn's pools. A caller's own transport is not included.
        errors_by_type: the errors by the name of their class.
        hosts: the statistics of each of the first 1024 hosts.
    """

    connections: PoolStats = PoolStats()
    errors_by_type: Mapping[str, int] = field(default_factory=dict)
    hosts: Mapping[str, HostStats] = field(default_factory=dict)


def stats_of(counters: Counters, pools: Iterable[PoolStats]) -> Stats:
    """Return the current values of the counters and of the pools."""
    hosts = {host: HostStats(**each) for host, each in list(counters.hosts.items())}
    parts = [*hosts.values(), HostStats(**counters.others)]
    totals = {name: sum(getattr(each, name) for each in parts) for name in HostStats.__slots__}
    return Stats(**totals, connections=PoolStats.total(pools), errors_by_type=dict(counters.errors), hosts=hosts)
