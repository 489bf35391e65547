"""Counters of the requests of a connection object."""

from collections import Counter
from dataclasses import dataclass

MAX_HOSTS = 1024


@dataclass(slots=True, eq=False, repr=False)
class HostCounters:
    """The counters of one host; see :class:`httpconn.HostStats`."""

    requests: int = 0
    retries: int = 0
    received: int = 0
    errors: int = 0
    cached: int = 0


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
