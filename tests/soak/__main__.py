"""The driver: ``python -m tests.soak [--requests N] [--faces NAME ...] [--seed N] [--folder PATH]``.

Many calls on each face to a server that misbehaves at random. The program prints a table, and writes it and
``soak.json`` into the folder. Its exit code is 1 if there is a violation.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.soak.faults import failing
from tests.soak.server import running_server, tally
from tests.soak.table import circumstances, table
from tests.soak.verdict import violations
from tests.soak.worker import ATTEMPTS, Job

AT_ONCE = {"sync": 64, "asyncio": 1000, "trio": 1000}
FEWEST = 100
"""Minimum calls on one face; fewer say nothing about memory."""
SLOWEST = 50
"""Calls per second below which a run counts as hanging."""

PLAIN_HEAP = {"MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""Disables the C library's caches for each thread: they grow for a long time, and look like a leak or hide one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen faces and return the exit code."""
    options = parse(arguments)
    share = options.requests // len(options.faces)
    results = [soak(face, share, options.seed) for face in options.faces]
    text = circumstances(options.seed) + table(results)
    print(text, end="")
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "soak.md").write_text(text)
    (options.folder / "soak.json").write_text(json.dumps(results, indent=2) + "\n")
    return 1 if any(result["violations"] for result in results) else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description="Many calls through a server that misbehaves.")
    parser.add_argument("--requests", type=int, default=500_000, metavar="N", help="in all (default: %(default)s)")
    parser.add_argument(
        "--faces", nargs="+", default=list(AT_ONCE), choices=AT_ONCE, metavar="NAME", help="of: %(choices)s"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the faults (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("build/soak"), help="where the results go")
    options = parser.parse_args(arguments)
    if options.requests < FEWEST * len(options.faces):
        parser.error(f"at least {FEWEST} requests for each face")
    return options


def soak(face: str, requests: int, seed: int) -> dict[str, Any]:
    """Run one face; return its outcome, the report of its server, and the violations."""
    with running_server(seed) as port:
        job = Job(face, port, requests, AT_ONCE[face], max_wait=120 + requests / SLOWEST)
        # A resource that is left to the garbage collector is an error, which the worker records.
        command = [sys.executable, "-W", "error::ResourceWarning", "-m", "tests.soak.worker"]
        command.append(json.dumps(dataclasses.asdict(job)))
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | PLAIN_HEAP)
        outcome, server = json.loads(done.stdout), tally(port, ATTEMPTS)
    found = list(violations(outcome, set(server.pop("struck"))))
    return {"outcome": outcome, "server": server, "expected": failing(requests, ATTEMPTS), "violations": found}


if __name__ == "__main__":
    sys.exit(main())
