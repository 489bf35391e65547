"""A process that is killed at any moment leaves no wrong byte; ``python -m tests.torture`` kills many more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_ten_rounds() -> None:
    command = [sys.executable, "-m", "tests.torture", "--rounds", "10"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
