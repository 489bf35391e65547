"""The results as tables for the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.attacks.bombs import MIB
from tests.comparison.cases import BOMBS, FORBIDDEN, GOOD


class Row(NamedTuple):
    """The results of one library.

    Attributes:
        inside: cases with a connection to a forbidden address, by their kind.
        undisputed: cases among them in which Python's ``ipaddress`` calls the address not public, too.
        refused: harmless URLs without a connection.
        bombs: MiB by which the process grew.
        dripped: seconds until a call with a timeout of two seconds gave up on a body of a byte each 0.2 seconds.
        start: seconds to import it and make its client.
        size: bytes of its packages and their dependencies.
    """

    name: str
    inside: Mapping[str, int]
    undisputed: int
    refused: int
    bombs: Mapping[str, int]
    dripped: float
    start: float
    size: int


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(map(_line, [head, rule, *rows]))


def write(path: Path, rows: Sequence[Row], missing: Mapping[str, str]) -> None:
    """Write two tables, and a line for each library that could not be installed."""
    kinds = [f"{kind} ({len(cases)})" for kind, cases in FORBIDDEN.items()]
    dialled = _table(
        ["forbidden addresses reached", *kinds, "undisputed", f"good URLs rejected ({len(GOOD)})"],
        [[row.name, *row.inside.values(), row.undisputed, row.refused] for row in rows],
    )
    cost = _table(
        ["memory and time", *(f"{name}, MiB" for name in BOMBS), "dripped body, s", "start, ms", "size, MiB"],
        [
            [row.name, *row.bombs.values(), f"{row.dripped:.1f}", f"{1000 * row.start:.0f}", f"{row.size / MIB:.1f}"]
            for row in rows
        ],
    )
    absent = "\n".join(f"{name} could not be installed: {why}" for name, why in missing.items())
    path.write_text("\n\n".join(filter(None, [dialled, cost, absent])) + "\n", "utf-8")
