"""Counters of the requests of a connection object."""

from collections import Counter

MAX_HOSTS = 1024


class Counters:
    """The counters of each of the first ``MAX_HOSTS`` hosts, and one set of counters for all other hosts.

    The names of the counters are the fields of :class:`httpconn.HostStats`.

    There is no lock, because it would slow down every request. If two threads count at the same moment, one count can
    be lost.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, Counter[str]] = {}
        self.others: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def of(self, host: str) -> Counter[str]:
        counts = self.hosts.get(host)
        if counts is not None:
            return counts
        return self.others if len(self.hosts) >= MAX_HOSTS else self.hosts.setdefault(host, Counter())

    def fail(self, host: str, error: Exception) -> None:
        """Count a call that ended in an error."""
        self.of(host)["errors"] += 1
        self.errors[type(error).__name__] += 1
