"""The soak test runs and detects violations. ``python -m tests.soak`` makes many calls."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.soak.faults import FAULTS
from tests.soak.table import table
from tests.soak.verdict import violations

ROOT = Path(__file__).parents[2]
FACES = ("sync", "asyncio", "trio")


def held(descriptors: int = 5, *, threads: int = 1, rss: int = 50_000_000, blocks: int = 200_000) -> dict[str, int]:
    return {"rss": rss, "blocks": blocks, "descriptors": descriptors, "threads": threads}


def outcome(**changes: Any) -> dict[str, Any]:
    """Return a good outcome with some changes."""
    good = {"face": "trio", "requests": 100, "right": 99, "wrong": [], "failed": {"7": 3}, "foreign": [], "late": 0}
    good |= {"complaints": [], "slowest": 1.0, "seconds": 2.0, "before": held(), "after": held(), "tasks": [2, 2]}
    return {**good, "samples": [held(105)] * 20, **changes}


def test_two_thousand_calls_on_each_face_through_every_fault(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.soak", "--requests", "2100", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "No violation."
    results = json.loads((tmp_path / "soak.json").read_text())
    assert [result["outcome"]["face"] for result in results] == list(FACES)
    for result in results:
        assert result["outcome"]["right"] + len(result["outcome"]["failed"]) == 700
        assert set(result["server"]["faults"]) == {fault.name for fault in FAULTS}
        assert sum(result["server"]["faults"].values()) > 10


def test_failures_of_calls_that_met_a_fault_in_each_attempt_are_no_violation() -> None:
    assert list(violations(outcome(), struck={7})) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"right": 98, "wrong": [3]}, "1 wrong bodies"),
        ({"right": 98, "failed": {"7": 3, "8": 3}}, "1 failures that a retry should have hidden"),
        ({"failed": {"7": 2}}, "1 failures that a retry should have hidden"),
        ({"right": 98, "foreign": ["ValueError()"]}, "1 foreign exceptions"),
        ({"right": 98}, "1 calls never ended"),
        ({"late": 1}, "1 calls that ended after their deadline"),
        ({"samples": [held()] * 10 + [held(rss=60_000_000)] * 10}, "memory grew by 10,000,000 (rss)"),
        ({"samples": [held()] * 10 + [held(blocks=220_000)] * 10}, "memory grew by 20,000 (blocks)"),
        ({"samples": [held(106)] * 20}, "101 descriptors for 100 connections"),
        ({"after": held(6)}, "1 descriptors are left"),
        ({"after": held(threads=2)}, "1 threads are left"),
        ({"tasks": [2, 3]}, "1 tasks are left"),
        ({"complaints": ["unclosed"]}, "complaint: unclosed"),
    ],
)
def test_each_violation_is_reported(changes: dict[str, Any], words: str) -> None:
    found = list(violations(outcome(**changes), struck={7}))
    assert words in found
    server = {"requests": 1, "connections": 1, "faults": {fault.name: 1 for fault in FAULTS}}
    result = {"outcome": outcome(**changes), "server": server, "expected": 0.1, "violations": found}
    assert f"VIOLATION: trio: {words}" in table([result])
