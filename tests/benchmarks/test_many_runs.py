"""The measurements of many URLs, and of files on several connections, run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_kind_is_compared() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.many", "--urls", "50", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["threads", "asyncio", "trio"]
    assert all(re.search(r"by hand: [\d.]+ times$", line) for line in done.stdout.splitlines())


def test_hosts_are_compared() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.hosts", "--urls", "40", "--rounds", "1", "--only", "fair"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert list(dict.fromkeys(line.partition(",")[0] for line in done.stdout.splitlines())) == [
        "asyncio",
        "trio",
        "threads",
    ]


def test_files_on_several_connections_are_compared() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.segmented", "--share", "100", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if "httpconn, 16 segments" in line]
