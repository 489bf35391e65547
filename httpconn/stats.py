"""What a connection object has done so far, and what it holds now: frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core.counters import Counters, HostCounters


@dataclass(frozen=True, slots=True)
class HostStats:
    """What was sent to one host and came from it.

    Attributes:
        requests: requests sent, redirects and retries included.
        retries: attempts that failed and were followed by another one.
        received: bytes of bodies, as they were sent.
        errors: calls that ended in an error of httpconn's, counted where their last request went.
        cached: calls that the cache answered, whether or not the server was asked about it.
    """

    requests: int = 0
    retries: int = 0
    received: int = 0
    errors: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The connections of the clients that are open.

    Attributes:
        open: those that are open or being made, idle ones included.
        idle: of these, those that nobody uses.
        waiting: calls that wait for one.
        made: connections made so far.
        reused: requests that were sent on one that was there already.
    """

    open: int = 0
    idle: int = 0
    waiting: int = 0
    made: int = 0
    reused: int = 0

    @classmethod
    def total(cls, parts: Iterable[PoolStats]) -> PoolStats:
        """Of several pools."""
        known = list(parts)
        return cls(*(sum(getattr(each, name) for each in known) for name in cls.__slots__))

    @property
    def reuse_rate(self) -> float:
        """The share of requests that needed no new connection, from 0 to 1."""
        return self.reused / (self.made + self.reused) if self.reused else 0.0


@dataclass(frozen=True, slots=True)
class Stats(HostStats):
    """The same for all hosts together.

    Counted without locks, so that it costs next to nothing: of threads that count at the same moment, one may go
    uncounted.

    Attributes:
        connections: the connections that it holds; not those of a transport that is not httpconn's.
        errors_by_type: these, by the name of the error's class.
        hosts: the same for each host, of the first thousand.
    """

    connections: PoolStats = PoolStats()
    errors_by_type: Mapping[str, int] = field(default_factory=dict)
    hosts: Mapping[str, HostStats] = field(default_factory=dict)


def stats_of(counts: Counters, pools: Iterable[PoolStats]) -> Stats:
    """What there is now."""
    hosts = {host: _of(tally) for host, tally in list(counts.hosts.items())}
    parts = [*hosts.values(), _of(counts.others)]
    return Stats(
        sum(each.requests for each in parts),
        sum(each.retries for each in parts),
        sum(each.received for each in parts),
        sum(each.errors for each in parts),
        sum(each.cached for each in parts),
        PoolStats.total(pools),
        dict(counts.errors),
        hosts,
    )


def _of(tally: HostCounters) -> HostStats:
    return HostStats(tally.requests, tally.retries, tally.received, tally.errors, tally.cached)
