"""A rate of requests that all workers of a cluster keep to together, counted in Redis."""

from __future__ import annotations

import time
from functools import cache

import httpx
import redis

import httpconn


@cache
def client(url: str) -> redis.Redis:
    """The one of this process."""
    return redis.Redis.from_url(url)


class SharedRate:
    """For ``event_hooks={"request": [...]}``: at most so many requests a second to each host, retries included.

    Who comes too late in a second waits for the next one; who has waited too long gives up.
    """

    def __init__(self, url: str, rate: int, patience: int = 60) -> None:
        self.url = url
        self.rate = rate
        self.patience = patience

    def __call__(self, request: httpx.Request) -> None:
        for _ in range(self.patience):
            second = int(time.time())
            key = f"rate:{request.url.host}:{second}"
            count, _ = client(self.url).pipeline().incr(key).expire(key, 2).execute()
            if count <= self.rate:
                return
            time.sleep(max(0.0, second + 1 - time.time()))
        raise httpconn.TimedOut("The cluster's rate left no room for this request")
