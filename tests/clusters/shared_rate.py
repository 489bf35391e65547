"""A rate limit that all workers of a cluster share, counted in Redis."""

from __future__ import annotations

import time
from functools import cache

import httpx
import redis

import httpconn


@cache
def client(url: str) -> redis.Redis:
    """Return the Redis client of this process."""
    return redis.Redis.from_url(url)


class SharedRate:
    """For ``event_hooks={"request": [...]}``: at most so many requests a second to each host, retries included.

    A request above the limit waits for the next second. A request that has waited too long fails.
    """

    def __init__(self, url: str, rate: int, max_wait: int = 60) -> None:
        self.url = url
        self.rate = rate
        self.max_wait = max_wait

    def __call__(self, request: httpx.Request) -> None:
        for _ in range(self.max_wait):
            second = int(time.time())
            key = f"rate:{request.url.host}:{second}"
            count, _ = client(self.url).pipeline().incr(key).expire(key, 2).execute()
            if count <= self.rate:
                return
            time.sleep(max(0.0, second + 1 - time.time()))
        raise httpconn.TimedOut("The cluster's rate left no room for this request")
