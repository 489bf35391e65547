"""The driver: ``python -m tests.benchmarks.run [--quick] [--only NAME ...] [FOLDER]``.

One server, one process for each measurement, the peers in turn within each round: what the machine does meanwhile
falls on all of them. The server has the last core, the measured process the first.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .machine import description, on_core
from .measuring import SMALL, Figures
from .server import running_server
from .table import Rounds, table
from .works import WORKS, Work

ROUNDS = 3
PATIENCE = 900


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for; print a table for each work, and write both forms into the folder."""
    options = parse(arguments)
    works = chosen_works(options.only, quick=options.quick)
    measured = []
    with running_server({SMALL, *(work.size for work in works)}) as (base, server):
        machine = description(server)
        print(json.dumps(machine, indent=2), flush=True)
        for work in works:
            measured.append((work, run_work(work, base, options.only, rounds=1 if options.quick else ROUNDS)))
            print("\n" + table(*measured[-1]), flush=True)
    write(options.folder, machine, measured)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure httpconn and its peers.")
    parser.add_argument("--quick", action="store_true", help="few requests, one round: to see that it runs")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", choices=names(), help="a work or a peer; may be repeated"
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/bench"), help="where the results go")
    return parser.parse_args(arguments)


def names() -> list[str]:
    """All that can be chosen: works, and then peers."""
    return [work.name for work in WORKS] + sorted({peer for work in WORKS for peer in work.peers()})


def chosen_works(only: Sequence[str], *, quick: bool) -> list[Work]:
    works = [work for work in WORKS if work.name in only] or list(WORKS)
    return [work.quick() for work in works] if quick else works


def chosen_peers(work: Work, only: Sequence[str]) -> list[str]:
    return [peer for peer in work.peers() if peer in only] or work.peers()


def run_work(work: Work, base: str, only: Sequence[str], rounds: int) -> Rounds:
    figures: dict[str, list[Figures]] = {peer: [] for peer in chosen_peers(work, only)}
    for _ in range(rounds):
        for peer, done in figures.items():
            done.append(measure(work, peer, base))
    return figures


def measure(work: Work, peer: str, base: str) -> Figures:
    """One worker, once, in a process of its own, without the proxies of this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, on_core(0):
        job = {"base": base, "size": work.size, "count": work.count, "tasks": work.tasks, "folder": folder}
        command = [sys.executable, "-m", "tests.benchmarks.child", f"{work.kind}:{peer}", json.dumps(job)]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, timeout=PATIENCE, check=True, stdin=subprocess.DEVNULL
        )
    return Figures(**json.loads(done.stdout))


def write(folder: Path, machine: dict[str, object], measured: Sequence[tuple[Work, Rounds]]) -> None:
    """``results.json`` holds every round; ``results.md`` the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    works = [
        {
            **dataclasses.asdict(work),
            "peers": {peer: [dataclasses.asdict(one) for one in done] for peer, done in rounds.items()},
        }
        for work, rounds in measured
    ]
    (folder / "results.json").write_text(json.dumps({"machine": machine, "works": works}, indent=2) + "\n")
    (folder / "results.md").write_text("\n".join(table(work, rounds) for work, rounds in measured))


if __name__ == "__main__":
    main()
