"""The results of a work as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

Result = Mapping[str, Any]
"""A work's fields, and under "peers" the figures of each round of each peer, as in ``results.json``."""

Choice = Callable[[Sequence[Result], str], float]
"""The figure that represents those of all rounds."""

HOUSE = "httpconn"
REFERENCE = "aiohttp"
PROGRAMS = ("curl",)
"""Peers that use memory in another process, which is not measured."""
CLOSED = ("", "CPU / request", "wall / request", "peak MiB", "grown MiB", "CPU, httpconn = 1", "wall, httpconn = 1")
OPEN = ("", "delay", "mean", "p99", "mean, aiohttp = 1", "p99, aiohttp = 1", "CPU / request", "errors", "pool timeouts")
POOLS = (
    "Each with its defaults: all have 100 connections; httpx gives up after 5 seconds, which also is how long it waits "
    "for a connection; httpconn and aiohttp give up after 300."
)


def table(result: Result) -> str:
    """Return the table of a work. The lowest time of all rounds of a closed loop counts: other load only adds time."""
    is_open = result["kind"] == "open"
    header, rows = (OPEN, list(open_rows(result))) if is_open else (CLOSED, list(closed_rows(result)))
    scale = open_scale(result) if is_open else closed_scale(result)
    counts = sorted({len(rounds) for rounds in result["peers"].values()})
    times = " to ".join(str(count) for count in (counts[0], counts[-1])[: len(counts)])
    chosen = "median" if is_open else "the least"
    note = f"\n{POOLS}\n" if is_open else ""
    return f"### {result['name']}: {result['title']} ({scale}, {chosen} of {times})\n\n{drawn([header, *rows])}\n{note}"


def drawn(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first, *rest = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(f"| {line} |" for line in (first, " | ".join("-" * width for width in widths), *rest))


def closed_scale(result: Result) -> str:
    return f"{result['count']} x {result['size']:,} bytes, {result['tasks']} at once"


def closed_rows(result: Result) -> Iterator[tuple[str, ...]]:
    house = result["peers"].get(HOUSE, ())
    for peer, rounds in result["peers"].items():
        yield (
            peer,
            duration(least(rounds, "cpu")),
            duration(least(rounds, "wall")),
            "-" if peer in PROGRAMS else f"{middle(rounds, 'peak') / 2**20:.1f}",
            "-" if peer in PROGRAMS else f"{middle(rounds, 'growth') / 2**20:.1f}",
            ratio(least, rounds, house, "cpu"),
            ratio(least, rounds, house, "wall"),
        )


def open_scale(result: Result) -> str:
    lowered = f", lowered from {result['wanted']}, which aiohttp did not hold here" if result["wanted"] else ""
    return f"{result['rate']} requests/s{lowered}, for {result['seconds']} s"


def open_rows(result: Result) -> Iterator[tuple[str, ...]]:
    for place, delay in enumerate(result["delays"]):
        at_delay = {peer: [one[place] for one in rounds] for peer, rounds in result["peers"].items()}
        for peer, rounds in at_delay.items():
            yield open_row(peer, delay, rounds, at_delay.get(REFERENCE, ()))


def open_row(peer: str, delay: int, rounds: Sequence[Result], reference: Sequence[Result]) -> tuple[str, ...]:
    return (
        peer,
        f"{delay} ms",
        duration(middle(rounds, "mean")),
        duration(middle(rounds, "p99")),
        ratio(middle, rounds, reference, "mean"),
        ratio(middle, rounds, reference, "p99"),
        duration(middle(rounds, "cpu")),
        f"{middle(rounds, 'errors'):.0f}",
        f"{middle(rounds, 'pool_timeouts'):.0f}",
    )


def middle(rounds: Sequence[Result], field: str) -> float:
    return float(median(one[field] for one in rounds))


def least(rounds: Sequence[Result], field: str) -> float:
    return float(min(one[field] for one in rounds))


def ratio(chosen: Choice, rounds: Sequence[Result], unit: Sequence[Result], field: str) -> str:
    """Return one peer's figure divided by another's, or a dash if the other took no part."""
    return quotient(chosen(rounds, field) / chosen(unit, field)) if unit else "-"


def quotient(value: float) -> str:
    """Return a ratio with two decimals, or with as many as two significant digits need."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.{1 - math.floor(math.log10(value))}f}"


def duration(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"
