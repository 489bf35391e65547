"""The results as pages of the documentation: the machine, the cost of httpconn and each peer, and all tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.benchmarks.table import HOUSE, Result, drawn, duration, least, quotient, table

PEERS = ("aiohttp", "pyreqwest", "httpx", "httpx2", "requests", "niquests", "http.client", "pycurl", "curl")
HEADER = ("CPU time of the client", HOUSE, *(f"÷ {peer}" for peer in PEERS))


def summary(results: Mapping[str, Any]) -> str:
    """Return the CPU time per request or download, and its ratio to each peer's: below 1 is less than the peer."""
    rows = [row for work in results["works"] if work["kind"] != "open" for row in summary_rows(work)]
    return f"{machine(results['machine'])}\n\n{drawn([HEADER, *rows])}\n"


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of each work."""
    return "\n".join(map(table, results["works"]))


def machine(details: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in details["versions"].items())
    cores = f"{details['cores']} cores, " + ("client and server on one each" if details["pinned"] else "not pinned")
    return (
        f"{details['date']}; {details['processor']}, {cores}; {details['system']}; Python {details['python']}; "
        f"server: {details['server']}; {versions}."
    )


def summary_rows(work: Result) -> Iterator[tuple[str, ...]]:
    """Return one row if another peer took part."""
    costs = {peer: least(rounds, "cpu") for peer, rounds in work["peers"].items()}
    theirs = [cheapest(costs, peer) for peer in PEERS]
    if HOUSE in costs and any(theirs):
        parts = (quotient(costs[HOUSE] / cost) if cost else "" for cost in theirs)
        yield (work["title"], duration(costs[HOUSE]), *parts)


def cheapest(costs: Mapping[str, float], peer: str) -> float | None:
    """Return the cheapest way in which a peer was used, such as ``requests-128`` and ``requests-1MiB``."""
    return min((cost for name, cost in costs.items() if name.partition("-")[0] == peer), default=None)
