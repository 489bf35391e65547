"""Every property test, with many examples, again and again until the time is up.

A failure ends the run: pytest prints the smallest example that hypothesis finds, and a line that reproduces it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

ROOT = Path(__file__).parents[2]
ROUND = ("-m", "hypothesis", "--hypothesis-profile=fuzz", "--timeout=0", "--exitfirst", "-q")


def fuzz(minutes: float, selection: Sequence[str]) -> int:
    """Rounds until the time is up, the last one to its end; the exit code of a round that failed, or 0."""
    end = time.monotonic() + 60 * minutes
    count = 0
    while time.monotonic() < end:
        count += 1
        seed = SystemRandom().randrange(2**32)
        print(f"Round {count}, seed {seed}", flush=True)
        command = [sys.executable, "-m", "pytest", *ROUND, f"--hypothesis-seed={seed}", *selection]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            return code
    print(f"{count} rounds found nothing")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="after which no new round begins (default: 10)")
    parser.add_argument("selection", nargs="*", default=["tests"], help="what pytest is to run (default: tests)")
    options = parser.parse_args(arguments)
    return fuzz(options.minutes, options.selection)


if __name__ == "__main__":
    sys.exit(main())
