"""A download that is killed or interrupted at any moment leaves no wrong byte, no lock and no unknown file.

``python -m tests.torture`` kills many more, and ``python -m tests.torture --storm 20000`` interrupts many more.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run(*options: str) -> None:
    command = [sys.executable, "-m", "tests.torture", *options]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_four_rounds() -> None:
    run("--rounds", "4")


def test_interruptions() -> None:
    run("--storm", "8")
