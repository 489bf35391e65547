"""A simulation of a very large job on a virtual clock: one partition, and hosts with power-law sizes.

``python -m tests.benchmarks.scale`` prints the figures of docs/explanation/scale.md. No request is sent. The partition
reads its URLs as ``get_many`` does, and the queues of ``get_many`` decide which URL starts next.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections.abc import Hashable, Iterator
from itertools import accumulate
from typing import NamedTuple

from httpconn.core.hostqueues import HostQueues
from httpconn.exchange.batch import READ_AHEAD

CONCURRENCY = 64  # requests in flight
PER_HOST = 4
SECONDS = 0.2  # of a request, on average


class Figures(NamedTuple):
    """The result of a simulation: rates, and the most that was in memory at any time."""

    rate: float
    use: float
    urls: int
    hosts: int


def simulate(hosts: Iterator[int], rng: random.Random) -> Figures:
    """Fetch one URL of each of the hosts in their order."""
    queues: HostQueues[None] = HostQueues(lambda _host: PER_HOST, tries=None, concurrency=CONCURRENCY)
    ends: list[tuple[float, Hashable]] = []
    now = busy = 0.0
    count = fetched = most_urls = most_hosts = 0
    while True:
        while reads_on(count - fetched, queues.blocked) and (new := next(hosts, None)) is not None:
            queues.add(new, count, None)
            count += 1
        most_urls, most_hosts = max(most_urls, count - fetched), max(most_hosts, len(queues._hosts))
        while len(ends) < CONCURRENCY and (taken := queues.take()) is not None:
            heapq.heappush(ends, (now + SECONDS * rng.uniform(0.5, 1.5), taken[0]))
        if not ends:
            return Figures(fetched / now, busy / now / CONCURRENCY, most_urls, most_hosts)
        end, host = heapq.heappop(ends)
        busy += (end - now) * (len(ends) + 1)
        now, fetched = end, fetched + 1
        queues.leave(host, tries=False)


def reads_on(pending: int, waiting: int) -> bool:
    """Whether a further URL is read, as in httpconn/exchange/batch.py."""
    least = 2 * CONCURRENCY
    return pending < least or (pending < READ_AHEAD * CONCURRENCY and pending - waiting < least)


def totals_of(hosts: int, most: float) -> list[float]:
    """Return the running totals of the sizes: 1 / n for host n, but at most ``most`` times the sum of these."""
    sizes = [1 / n for n in range(1, hosts)]
    largest = most / (1 - most) * sum(sizes)
    return list(accumulate([largest, *(min(each, largest) for each in sizes)]))


def hosts_of(count: int, totals: list[float], rng: random.Random) -> Iterator[int]:
    """Yield the host of each URL."""
    for _ in range(0, count, 10_000):
        yield from rng.choices(range(len(totals)), cum_weights=totals, k=min(10_000, count))


def main() -> None:
    """Print a line for each size of the largest host and each number of URLs."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--hosts", type=int, default=1_000_000)
    options = parser.parse_args()
    print("largest host     URLs  in memory  hosts in memory  URLs a second  connections in use")
    for most in (0.001, 0.01, 0.1):
        totals = totals_of(options.hosts, most)
        for count in (50_000, 500_000):
            rng = random.Random(1)
            found = simulate(hosts_of(count, totals, rng), rng)
            cells = f"{found.urls:9,}  {found.hosts:15,}  {found.rate:13.0f}  {found.use:18.0%}"
            print(f"{totals[0] / totals[-1]:12.1%}  {count:7,}  {cells}", flush=True)


if __name__ == "__main__":
    main()
