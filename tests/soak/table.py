"""The results as a table."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpconn
from tests.soak.faults import FAULTS
from tests.soak.verdict import MIB, growth

Result = Mapping[str, Any]


def circumstances(seed: int) -> str:
    """Return date, version and machine of the run."""
    python, today = platform.python_version(), datetime.now(UTC).date().isoformat()
    return f"On {today}, by httpconn {httpconn.__version__}, Python {python}, {os.cpu_count()} cores, seed {seed}:\n\n"


def table(results: Sequence[Result]) -> str:
    """Return a table with a column for each face, and the violations below it."""
    columns = [figures(result) for result in results]
    names = [result["outcome"]["face"] for result in results]
    lines = [line("", names), line("---", ["---:"] * len(names))]
    lines += [line(name, [column[name] for column in columns]) for name in columns[0]]
    found = [f"{name}: {text}" for name, result in zip(names, results, strict=True) for text in result["violations"]]
    verdict = "\n".join(f"- VIOLATION: {text}" for text in found) or "No violation."
    return "\n".join(lines) + f"\n\n{verdict}\n"


def line(name: str, cells: Sequence[str]) -> str:
    return f"| {name:<28} | " + " | ".join(f"{cell:>16}" for cell in cells) + " |"


def figures(result: Result) -> dict[str, str]:
    """Return the figures of one face."""
    outcome, server = result["outcome"], result["server"]
    before, after = outcome["before"], outcome["after"]
    return {
        "calls": f"{outcome['requests']:,}",
        "correct bodies": f"{outcome['right']:,}",
        "wrong bodies": str(len(outcome["wrong"])),
        "failed after all attempts": f"{len(outcome['failed'])} (<= {result['expected']:.1f})",
        "other exceptions": str(len(outcome["foreign"])),
        "late": str(outcome["late"]),
        "slowest call, s": f"{outcome['slowest']:.2f}",
        "calls per second": f"{outcome['requests'] / outcome['seconds']:,.0f}",
        "requests at the server": f"{server['requests']:,}",
        "connections at the server": f"{server['connections']:,}",
        **{f"  {fault.name}": f"{server['faults'][fault.name]:,}" for fault in FAULTS},
        "memory at the end, MiB": f"{outcome['samples'][-1]['rss'] / MIB:.1f}",
        "  grown since 20 %, MiB": f"{growth(outcome, 'rss') / MIB:+.1f}",
        "  grown since 20 %, blocks": f"{growth(outcome, 'blocks'):+,.0f}",
        "descriptors, peak": str(max(sample["descriptors"] for sample in outcome["samples"])),
        "descriptors before -> after": f"{before['descriptors']} -> {after['descriptors']}",
        "threads before -> after": f"{before['threads']} -> {after['threads']}",
        "tasks before -> after": " -> ".join(map(str, outcome["tasks"])) or "-",
    }
