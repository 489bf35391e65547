"""The measured works. Every worker of a work's kind takes part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from tests.benchmarks.server import Servers
from tests.benchmarks.serving import MANY_HOSTS
from tests.benchmarks.workers import workers

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Work:
    """A table of the workers of one ``kind``."""

    name: str
    title: str
    kind: str

    def peers(self) -> list[str]:
        """Return the peers with a worker of this kind."""
        return [name.partition(":")[2] for name in workers() if name.startswith(f"{self.kind}:")]


@dataclass(frozen=True)
class ClosedLoop(Work):
    """``count`` requests for ``size`` bytes by ``tasks`` tasks, each of which waits for its response.

    ``server`` and ``proxy`` are fields of ``Servers``.
    """

    size: int
    count: int
    tasks: int = 1
    server: str = "plain"
    proxy: str | None = None
    hosts: int = 1

    @property
    def needs_nginx(self) -> bool:
        return self.server == "http2" or self.proxy == "plain"

    def over_tls(self) -> Self:
        return replace(self, name=f"{self.name}-tls", title=f"{self.title}, over TLS", server="tls")

    def quick(self) -> Self:
        """Return a small version, to check that it runs."""
        size, count, tasks = min(self.size, MIB), min(self.count, 40), min(self.tasks, 8)
        return replace(self, title=f"{self.title}, cut short", size=size, count=count, tasks=tasks)

    def job(self, servers: Servers, folder: Path) -> dict[str, Any]:
        """Return the job of a worker's process."""
        return {
            "base": getattr(servers, self.server),
            "authority": None if self.server == "plain" else servers.authority,
            "proxy": self.proxy and getattr(servers, self.proxy),
            "http2": self.server == "http2",
            "folder": str(folder),
            **{field: getattr(self, field) for field in ("size", "count", "tasks", "hosts")},
        }


@dataclass(frozen=True)
class OpenLoopWork(Work):
    """``rate`` requests per second for some seconds, independent of the responses, for each delay (ms) of the server.

    ``wanted`` is the requested rate, if this machine could not sustain it.
    """

    rate: int
    seconds: float
    delays: tuple[int, ...]
    wanted: int | None = None

    def quick(self) -> Self:
        return replace(self, rate=100, seconds=0.3, delays=self.delays[:1])

    def trials(self) -> Iterator[Self]:
        """Return short versions at falling rates."""
        for divisor in (1, 2, 4, 8):
            rate = self.rate // divisor
            yield replace(self, rate=rate, seconds=2, delays=self.delays[:1])

    def at_rate(self, rate: int) -> Self:
        return self if rate == self.rate else replace(self, rate=rate, wanted=self.rate)

    def job(self, servers: Servers, folder: Path) -> dict[str, Any]:
        return {"base": servers.delaying, "rate": self.rate, "seconds": self.seconds, "delays": self.delays}


CLOSED = (
    ClosedLoop("sync-1k", "1 KiB, sync", "sync", KIB, 2500),
    ClosedLoop("asyncio-1k", "1 KiB, asyncio, 32 tasks", "asyncio", KIB, 2500, 32),
    ClosedLoop("trio-1k", "1 KiB, trio, 32 tasks", "trio", KIB, 2500, 32),
    ClosedLoop("sync-2m", "2 MiB, sync", "sync", 2 * MIB, 200),
    ClosedLoop("asyncio-2m", "2 MiB, asyncio, 16 tasks", "asyncio", 2 * MIB, 200, 16),
    ClosedLoop("trio-2m", "2 MiB, trio, 16 tasks", "trio", 2 * MIB, 200, 16),
    ClosedLoop("download", "256 MiB to disk", "download", 256 * MIB, 1),
    ClosedLoop("fresh", "1 KiB, a new client for each", "fresh", KIB, 100),
)

PROXIED = (
    ClosedLoop("proxy-sync", "1 KiB, sync, through a proxy", "proxy-sync", KIB, 2500, proxy="plain"),
    ClosedLoop(
        "proxy-asyncio", "1 KiB, asyncio, 32 tasks, through a proxy", "proxy-asyncio", KIB, 2500, 32, proxy="plain"
    ),
)

WORKS: tuple[ClosedLoop | OpenLoopWork, ...] = (
    *CLOSED,
    *(work.over_tls() for work in CLOSED),
    ClosedLoop("asyncio-1k-100", "1 KiB, asyncio, 100 tasks", "asyncio", KIB, 2500, 100),
    ClosedLoop("asyncio-1k-300", "1 KiB, asyncio, 300 tasks", "asyncio", KIB, 2000, 300),
    ClosedLoop("asyncio-1k-1000", "1 KiB, asyncio, 1000 tasks", "asyncio", KIB, 2000, 1000),
    ClosedLoop("hosts", "1 KiB from 64 hosts, asyncio, 32 tasks", "asyncio", KIB, 2500, 32, hosts=MANY_HOSTS),
    ClosedLoop("http2-1k", "1 KiB, HTTP/2, asyncio, 32 tasks", "http2", KIB, 2500, 32, "http2"),
    ClosedLoop("http2-2m", "2 MiB, HTTP/2, asyncio, 16 tasks", "http2", 2 * MIB, 100, 16, "http2"),
    *PROXIED,
    *(replace(work.over_tls(), proxy="relay") for work in PROXIED),
    ClosedLoop("download-1g", "1 GiB to disk", "large", 1024 * MIB, 1),
    ClosedLoop("guard-sync", "1 KiB, sync, under a guard", "guard-sync", KIB, 4000),
    ClosedLoop("guard-asyncio", "1 KiB, asyncio, 32 tasks, under a guard", "guard-asyncio", KIB, 4000, 32),
    ClosedLoop("bounds-asyncio", "1 KiB, asyncio, 32 tasks, under rate limits", "bounds-asyncio", KIB, 4000, 32),
    ClosedLoop("floor", "1 KiB, asyncio, 32 tasks: a bare protocol", "floor", KIB, 4000, 32),
    ClosedLoop("crowd", "1000 URLs at once, on 20 connections", "crowd", KIB, 1000, 1000),
    OpenLoopWork("open-loop", "requests by a schedule, asyncio", "open", 500, 3, (50, 100, 200)),
)
