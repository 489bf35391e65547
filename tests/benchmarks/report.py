"""The results as pages of the documentation: the machine, the cost of httpconn and each peer, and all tables.

No figure of a run is written by hand, so a new run changes all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.benchmarks.table import HOUSE, Result, drawn, duration, least, quotient, table

PEERS = ("aiohttp", "pyreqwest", "httpx", "httpx2", "requests", "niquests", "http.client", "pycurl", "curl")
WAYS = ("CPU time of the client", HOUSE, "other way", "", f"{HOUSE} ÷ other way")
HEADER = ("CPU time of the client", HOUSE, *(f"÷ {peer}" for peer in PEERS))


def summary(results: Mapping[str, Any]) -> str:
    """Return the CPU time per request or download, and its ratio to each peer's: below 1 is less than the peer."""
    rows = [row for work in results["works"] if work["kind"] != "open" for row in summary_rows(work)]
    return f"{machine(results['machine'])}\n\n{drawn([HEADER, *rows])}\n"


def ways(results: Mapping[str, Any]) -> str:
    """Return the CPU time of other ways to use httpconn for the same work."""
    return (
        drawn([WAYS, *(row for work in results["works"] if work["kind"] != "open" for row in ways_rows(work))]) + "\n"
    )


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of each work."""
    return "\n".join(map(table, results["works"]))


def machine(details: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in details["versions"].items())
    cores = f"{details['cores']} cores, " + ("client and server on one each" if details["pinned"] else "not pinned")
    return (
        f"Measured on {details['date']}, rounds: {details['rounds']}. The load average was {details['load']} "
        f"before the run and {details['load_after']} after it; the run itself causes about 1.\n\n"
        f"{details['processor']}, {cores}; {details['system']}; Python {details['python']}; "
        f"server: {details['server']}; {versions}."
    )


def summary_rows(work: Result) -> Iterator[tuple[str, ...]]:
    """Return one row if another peer took part."""
    costs = {peer: least(rounds, "cpu") for peer, rounds in work["peers"].items()}
    theirs = [cheapest(costs, peer) for peer in PEERS]
    if HOUSE in costs and any(theirs):
        parts = (quotient(costs[HOUSE] / cost) if cost else "" for cost in theirs)
        yield (work["title"], duration(costs[HOUSE]), *parts)


def ways_rows(work: Result) -> Iterator[tuple[str, ...]]:
    """Return one row for each other way, such as ``httpconn-http1``."""
    costs = {peer: least(rounds, "cpu") for peer, rounds in work["peers"].items()}
    for name, cost in costs.items():
        if HOUSE in costs and name.startswith(f"{HOUSE}-"):
            way = name.removeprefix(f"{HOUSE}-")
            yield (work["title"], duration(costs[HOUSE]), way, duration(cost), quotient(costs[HOUSE] / cost))


def cheapest(costs: Mapping[str, float], peer: str) -> float | None:
    """Return the cheapest way in which a peer was used, such as ``requests-128`` and ``requests-1MiB``."""
    return min((cost for name, cost in costs.items() if name.partition("-")[0] == peer), default=None)
