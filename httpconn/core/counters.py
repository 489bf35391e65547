"""Counters of the requests of a connection object."""

from collections import Counter

MAX_HOSTS = 1024


class HostCounters:
    """The counters of one host; see :class:`httpconn.HostStats`."""

    __slots__ = ("cached", "errors", "received", "requests", "retries")

    def __init__(self) -> None:
        self.requests: int = 0
        self.retries: int = 0
        self.received: int = 0
        self.errors: int = 0
        self.cached: int = 0


class Counters:
    """The counters of each of the first ``MAX_HOSTS`` hosts, and one set of counters for all other hosts.

    There is no lock, because it would slow down every request. If two threads count at the same moment, one count can
    be lost.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, HostCounters] = {}
        self.others: HostCounters = HostCounters()
        self.errors: Counter[str] = Counter()

    def of(self, host: str) -> HostCounters:
        return self.hosts.get(host) or self._new(host)

    def _new(self, host: str) -> HostCounters:
        return self.others if len(self.hosts) >= MAX_HOSTS else self.hosts.setdefault(host, HostCounters())

    def fail(self, host: str, error: Exception) -> None:
        """Count a call that ended in an error."""
        self.of(host).errors += 1
        self.errors[type(error).__name__] += 1
