"""The machine of the measurements, and the cores for server and client."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import httpconn

PACKAGES = (
    *("httpx", "httpx2", "httpcore", "httptools", "anyio", "trio", "requests", "niquests", "pyreqwest", "aiohttp"),
    *("pycurl", "uvloop"),
)
CPUINFO = Path("/proc/cpuinfo")


def description(server: str) -> dict[str, object]:
    """Return the machine, Python, the server and the versions of the peers."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "processor": processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "server": server,
        "pinned": len(cores()) > 1,
        "load": load(),
        "versions": {"httpconn": httpconn.__version__, **dict(versions())},
    }


def load() -> float:
    """Return the mean number of running processes in the last minute."""
    return round(os.getloadavg()[0], 1)


def processor() -> str:
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def versions() -> Iterator[tuple[str, str]]:
    """Return the versions of the installed packages."""
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            yield name, metadata.version(name)


def cores() -> list[int]:
    """Return the cores that this process may use; none if the system cannot pin processes."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextlib.contextmanager
def on_core(place: int) -> Iterator[None]:
    """Start processes on one core in this block: the first (0) or the last (-1)."""
    usable = cores()
    if len(usable) < 2:
        yield
        return
    os.sched_setaffinity(0, {usable[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)
