"""Rounds of figures -> a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from .measuring import Figures
from .works import Work

Rounds = Mapping[str, Sequence[Figures]]

HOUSE = "httpconn"
HEADER = ("", "CPU / request", "wall / request", "peak MiB", "grown MiB", "CPU, httpconn = 1", "wall, httpconn = 1")


def table(work: Work, rounds: Rounds) -> str:
    """One work: medians over the rounds; ratios are taken within each round first."""
    rows = [HEADER, *(row(peer, rounds) for peer in rounds)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEADER))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in rows]
    rule = " | ".join("-" * width for width in widths)
    times = len(next(iter(rounds.values())))
    scale = f"{work.count} x {work.size:,} bytes, {work.tasks} at once, median of {times}"
    body = "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))
    return f"### {work.name}: {work.title} ({scale})\n\n{body}\n"


def row(peer: str, rounds: Rounds) -> tuple[str, ...]:
    figures = rounds[peer]
    return (
        peer,
        duration(median(one.cpu for one in figures)),
        duration(median(one.wall for one in figures)),
        f"{median(one.peak for one in figures) / 2**20:.1f}",
        f"{median(one.growth for one in figures) / 2**20:.1f}",
        ratio([one.cpu for one in figures], [one.cpu for one in rounds.get(HOUSE, ())]),
        ratio([one.wall for one in figures], [one.wall for one in rounds.get(HOUSE, ())]),
    )


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """The peer's cost in units of httpconn's; a dash where httpconn did not take part."""
    if not ours:
        return "-"
    return f"{median(a / b for a, b in zip(theirs, ours, strict=True)):.2f}"


def duration(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"
