"""Violations in the figures of a face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from tests.soak.worker import ATTEMPTS

MIB = 1024 * 1024
GROWTH = {"rss": 4 * MIB, "blocks": 10_000}
"""Allowed growth: the number of running calls differs, and the heap is less dense than at first."""
CONNECTIONS = 100
"""``Limits.max_connections``."""


def violations(outcome: Mapping[str, Any], struck: set[int]) -> Iterator[str]:
    """Return the violations of a face; ``struck``: the numbers with a fault in each attempt."""
    yield from _calls(outcome, struck)
    yield from _holdings(outcome)
    yield from (f"complaint: {text}" for text in outcome["complaints"][:5])


def growth(outcome: Mapping[str, Any], name: str) -> float:
    """Return the growth of memory, in bytes or blocks, between a fifth of the run and its end."""
    sizes = [sample[name] for sample in outcome["samples"]]
    fifth = len(sizes) // 5
    return median(sizes[-fifth:]) - median(sizes[fifth : 2 * fifth])


def unforced(outcome: Mapping[str, Any], struck: set[int]) -> set[int]:
    """Return the calls that failed although not every attempt had a fault."""
    failed = {int(number): attempts for number, attempts in outcome["failed"].items()}
    return {number for number, attempts in failed.items() if number not in struck or attempts != ATTEMPTS}


def _calls(outcome: Mapping[str, Any], struck: set[int]) -> Iterator[str]:
    counted = {
        "wrong bodies": len(outcome["wrong"]),
        "failures that a retry should have hidden": len(unforced(outcome, struck)),
        "calls that ended after their deadline": outcome["late"],
        "foreign exceptions": len(outcome["foreign"]),
    }
    yield from (f"{count} {what}" for what, count in counted.items() if count)
    yield from outcome["foreign"][:5]
    ended = outcome["right"] + sum(len(outcome[key]) for key in ("wrong", "failed", "foreign"))
    if ended != outcome["requests"]:
        yield f"{outcome['requests'] - ended} calls never ended"


def _holdings(outcome: Mapping[str, Any]) -> Iterator[str]:
    for name, most in GROWTH.items():
        if growth(outcome, name) > most:
            yield f"memory grew by {growth(outcome, name):,.0f} ({name})"
    before, after = outcome["before"], outcome["after"]
    for name in ("descriptors", "threads"):
        if after[name] > before[name]:
            yield f"{after[name] - before[name]} {name} are left"
    used = max(sample["descriptors"] for sample in outcome["samples"]) - before["descriptors"]
    if used > CONNECTIONS:
        yield f"{used} descriptors for {CONNECTIONS} connections"
    if outcome["tasks"] and outcome["tasks"][1] > outcome["tasks"][0]:
        yield f"{outcome['tasks'][1] - outcome['tasks'][0]} tasks are left"
