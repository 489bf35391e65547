"""The works that are measured. Every worker of a work's kind takes part in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .workers import WORKERS

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Work:
    """One table: ``count`` requests for ``size`` bytes, ``tasks`` at once, by the workers of one ``kind``."""

    name: str
    title: str
    kind: str
    size: int
    count: int
    tasks: int = 1

    def peers(self) -> list[str]:
        """Who has a worker of this kind."""
        return [name.partition(":")[2] for name in WORKERS if name.startswith(f"{self.kind}:")]

    def quick(self) -> Work:
        """The same, to see that it runs."""
        return replace(self, size=min(self.size, MIB), count=min(self.count, 40), tasks=min(self.tasks, 8))


WORKS = (
    Work("sync-1k", "small answers, one after another", "sync", KIB, 4000),
    Work("asyncio-1k", "small answers, asyncio", "asyncio", KIB, 6000, 32),
    Work("trio-1k", "small answers, trio", "trio", KIB, 4000, 32),
    Work("asyncio-1k-1000", "small answers, a crowd, asyncio", "asyncio", KIB, 4000, 1000),
    Work("sync-2m", "large answers, one after another", "sync", 2 * MIB, 200),
    Work("asyncio-2m", "large answers, asyncio", "asyncio", 2 * MIB, 200, 16),
    Work("trio-2m", "large answers, trio", "trio", 2 * MIB, 200, 16),
    Work("download", "a file", "download", 256 * MIB, 1),
    Work("fresh", "a new client for each call", "fresh", KIB, 100),
)
