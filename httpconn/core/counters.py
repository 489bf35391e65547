"""Counters: what the calls of a connection object came to."""

from __future__ import annotations

from collections import Counter

MAX_HOSTS = 1024


class HostCounters:
    """What was sent to one host and came from it."""

    __slots__ = ("cached", "errors", "received", "requests", "retries")

    def __init__(self) -> None:
        self.requests: int = 0
        self.retries: int = 0
        self.received: int = 0
        self.errors: int = 0
        self.cached: int = 0


class Counters:
    """A tally for each host, and one for those that are too many.

    Without a lock, which every request would pay for: of two threads at once, one may go uncounted.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, HostCounters] = {}
        self.others: HostCounters = HostCounters()
        self.errors: Counter[str] = Counter()

    def of(self, host: str) -> HostCounters:
        """The tally of a host."""
        return self.hosts.get(host) or self._new(host)

    def _new(self, host: str) -> HostCounters:
        return self.others if len(self.hosts) >= MAX_HOSTS else self.hosts.setdefault(host, HostCounters())

    def fail(self, host: str, error: Exception) -> None:
        """A call ended in an error."""
        self.of(host).errors += 1
        self.errors[type(error).__name__] += 1
