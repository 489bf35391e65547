"""A simulation of a very large job on a virtual clock: hosts with power-law sizes, partitions, and bounded queues.

``python -m tests.benchmarks.scale`` prints the figures of docs/explanation/scale.md. No request is sent. A partition
reads its URLs in the order of the source and keeps a bounded window. A URL starts when its host has a free connection.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate


@dataclass
class Partition:
    """A process with its part of the hosts.

    Attributes:
        window: most URLs that are waiting or in flight.
        concurrency: most URLs in flight.
        per_host: most URLs of one host in flight.
        seconds: of a fetch.
    """

    window: int
    concurrency: int
    per_host: int
    seconds: float
    now: float = 0.0
    fetched: int = 0
    most_hosts: int = 0
    busy: float = 0.0
    _waiting: Counter[int] = field(default_factory=Counter)
    _ready: deque[int] = field(default_factory=deque)
    _flying: Counter[int] = field(default_factory=Counter)
    _ends: list[tuple[float, int]] = field(default_factory=list)
    _held: int = 0

    def run(self, hosts: Iterator[int]) -> None:
        """Fetch one URL of each of the hosts, in their order."""
        exhausted = False
        while True:
            while not exhausted and self._held < self.window:
                host = next(hosts, None)
                if host is None:
                    exhausted = True
                else:
                    self._wait(host)
            self._start()
            if not self._ends:
                return
            self._finish()

    def _wait(self, host: int) -> None:
        self._held += 1
        self._waiting[host] += 1
        self._ready.append(host)
        self.most_hosts = max(self.most_hosts, len(self._waiting) + len(self._flying))

    def _start(self) -> None:
        """Start the URLs whose hosts have a free connection."""
        for _ in range(len(self._ready)):
            if len(self._ends) >= self.concurrency:
                return
            host = self._ready.popleft()
            if host not in self._waiting or self._flying[host] >= self.per_host:
                continue  # ``_finish`` makes it ready again
            self._flying[host] += 1
            _take(self._waiting, host)
            heapq.heappush(self._ends, (self.now + self.seconds * random.uniform(0.5, 1.5), host))

    def _finish(self) -> None:
        end, host = heapq.heappop(self._ends)
        self.busy += (end - self.now) * (len(self._ends) + 1)
        self.now = end
        self._held -= 1
        self.fetched += 1
        _take(self._flying, host)
        if host in self._waiting:
            self._ready.append(host)


def _take(counts: Counter[int], host: int) -> None:
    counts[host] -= 1
    if not counts[host]:
        del counts[host]


def hosts_of(count: int, hosts: int, exponent: float, largest: float, rng: random.Random) -> Iterator[int]:
    """Yield the host of each URL: host n has a part that falls with a power of n, and at most ``largest``."""
    weights = [1 / (n + 1) ** exponent for n in range(hosts)]
    most = largest * sum(weights)
    totals = list(accumulate(min(each, most) for each in weights))
    for _ in range(0, count, 10_000):
        yield from rng.choices(range(hosts), cum_weights=totals, k=min(10_000, count))


def main() -> None:
    """Print a line for each number of partitions."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--urls", type=int, default=500_000, help="URLs of each partition")
    parser.add_argument("--hosts", type=int, default=1_000_000)
    options = parser.parse_args()
    random.seed(1)
    print("largest host  window  URLs/s of a partition  use of 64 connections  hosts in memory")
    for largest in (0.001, 0.01, 0.1):
        for window in (64, 2048):
            part = Partition(window=window, concurrency=64, per_host=4, seconds=0.2)
            part.run(hosts_of(options.urls, options.hosts, 1.0, largest, random.Random(2)))
            use = part.busy / part.now / part.concurrency
            print(f"{largest:12.1%}  {window:6}  {part.fetched / part.now:21.0f}  {use:21.0%}  {part.most_hosts:15,}")


if __name__ == "__main__":
    main()
