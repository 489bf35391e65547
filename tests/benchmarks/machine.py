"""What the figures were measured on, and which core does what."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import httpconn

PACKAGES = ("httpx", "httpcore", "httptools", "anyio", "trio", "requests", "aiohttp", "pycurl", "uvloop")
CPUINFO = Path("/proc/cpuinfo")


def description(server: str) -> dict[str, object]:
    """The machine, Python, the server and the peers' versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "processor": processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "server": server,
        "pinned": len(cores()) > 1,
        "versions": {"httpconn": httpconn.__version__, **dict(versions())},
    }


def processor() -> str:
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def versions() -> Iterator[tuple[str, str]]:
    """Of what is installed."""
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            yield name, metadata.version(name)


def cores() -> list[int]:
    """Cores that this process may use; none where the system cannot pin."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextlib.contextmanager
def on_core(place: int) -> Iterator[None]:
    """Processes that are started here stay on one core: the first (0) or the last (-1)."""
    usable = cores()
    if len(usable) < 2:
        yield
        return
    os.sched_setaffinity(0, {usable[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)
