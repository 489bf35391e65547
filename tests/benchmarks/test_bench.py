"""The benchmarks run. Their results are not tested."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.benchmarks.table import quotient

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"[\d.]+( µs| ms)?")
WORKS = ("sync-1k", "trio-1k", "download")
PEERS = ("httpconn", "httpx")


def test_a_quick_run_measures_each_peer_and_prints_its_numbers(tmp_path: Path) -> None:
    only = [argument for name in (*WORKS, *PEERS) for argument in ("--only", name)]
    command = [sys.executable, "-m", "tests.benchmarks.run", "--quick", *only, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split("|") for line in done.stdout.splitlines() if line.startswith("| http")]
    assert [row[0].strip() for row in rows] == list(PEERS) * len(WORKS)
    assert all(NUMBER.fullmatch(cell.strip()) for row in rows for cell in row[1:])
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert results["machine"]["versions"]["httpx"]
    plots = {path.name: ElementTree.parse(path).getroot() for path in tmp_path.glob("*.svg")}
    assert sorted(plots) == ["cpu.svg", "download.svg", "memory.svg"]
    assert "÷ httpx" in (tmp_path / "summary.md").read_text("utf-8")
    assert [work["name"] for work in results["works"]] == list(WORKS)
    assert all(one["cpu"] > 0 for work in results["works"] for peer in work["peers"].values() for one in peer)


def test_no_ratio_is_printed_as_zero() -> None:
    assert list(map(quotient, (0.00031, 0.0049, 0.056, 0.31, 3))) == ["0.00031", "0.0049", "0.056", "0.31", "3.00"]
