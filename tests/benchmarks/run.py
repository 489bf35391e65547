"""The driver: ``python -m tests.benchmarks.run [--quick] [--only NAME ...] [FOLDER]``.

One process for each measurement, the peers in turn within each round: what the machine does meanwhile falls on all of
them. The servers have the last core, the measured process the first.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import description, on_core
from tests.benchmarks.measuring import SMALL
from tests.benchmarks.plots import plots
from tests.benchmarks.report import summary, tables
from tests.benchmarks.server import Servers, find_nginx, running_servers
from tests.benchmarks.table import REFERENCE, table
from tests.benchmarks.works import WORKS, ClosedLoop, OpenLoopWork

ROUNDS = 5
BUDGET = 36.0
"""Seconds that all rounds of one peer of a work may take; the first one is always made."""
TO_DISK = ("download", "large")
"""Kinds of works whose files have to find memory in the system's cache."""
HELD = 2
"""A rate is too high for this machine when the mean latency is above so many times the server's delay."""
PATIENCE = 900
CONFUSING = ("_proxy", "_ca_bundle", "ssl_cert_file", "ssl_cert_dir")
"""Ends of the names of variables by which a peer would fetch otherwise, or trust others."""
LOCK = Path(tempfile.gettempdir()) / "httpconn-bench.lock"

AnyWork = ClosedLoop | OpenLoopWork


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for; print a table for each work, and write tables, figures and plots into the folder."""
    options = parse(arguments)
    # Whoever ends a run means its servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    # A quick run's figures are for nobody: it waits for no one.
    with contextlib.nullcontext() if options.quick else alone():
        write(options.folder, run(chosen_works(options.only, quick=options.quick), options))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One run at a time on a machine: the others wait."""
    with open(LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another run to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(works: Sequence[AnyWork], options: argparse.Namespace) -> dict[str, Any]:
    """All that was measured, each work told as soon as it is done."""
    nginx = find_nginx()
    if nginx is None:
        print("nginx was not found: the files come from the benchmarks' own server, which costs more", flush=True)
    done = []
    with running_servers({SMALL, *(work.size for work in works if isinstance(work, ClosedLoop))}, nginx) as servers:
        machine = description(servers.name)
        print(json.dumps(machine, indent=2), flush=True)
        for work in works:
            done.append(run_work(work, servers, options.only, rounds=1 if options.quick else ROUNDS))
            print("\n" + table(done[-1]), flush=True)
    return {"machine": machine, "works": done}


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


def chosen_works(only: Sequence[str], *, quick: bool) -> list[AnyWork]:
    works = [work for work in WORKS if work.name in only] or list(WORKS)
    return [work.quick() for work in works] if quick else works


def chosen_peers(work: AnyWork, only: Sequence[str]) -> list[str]:
    return [peer for peer in work.peers() if peer in only] or work.peers()


def run_work(work: AnyWork, servers: Servers, only: Sequence[str], rounds: int) -> dict[str, Any]:
    """The work's fields, and the figures of each peer's rounds; a slow peer takes part in the first ones only."""
    peers = chosen_peers(work, only)
    if isinstance(work, OpenLoopWork) and REFERENCE in peers:
        work = work.at_rate(rate_held(work, servers))
    figures: dict[str, list[Any]] = {peer: [] for peer in peers}
    spent = dict.fromkeys(peers, 0.0)
    for turn in range(rounds):
        first = turn % len(peers)
        for peer in peers[first:] + peers[:first]:
            if turn == 0 or spent[peer] * (turn + 1) / turn <= BUDGET:
                started = time.monotonic()
                figures[peer].append(measure(work, peer, servers))
                spent[peer] += time.monotonic() - started
    return dataclasses.asdict(work) | {"peers": figures}


def rate_held(work: OpenLoopWork, servers: Servers) -> int:
    """The highest rate at which aiohttp answers in time on this machine."""
    for trial in work.trials():
        (at_shortest,) = measure(trial, REFERENCE, servers)
        if at_shortest["mean"] * 1000 <= HELD * at_shortest["delay"]:
            break
    return trial.rate


def measure(work: AnyWork, peer: str, servers: Servers) -> Any:
    """One worker, once, in a process of its own, without the proxies and authorities of this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith(CONFUSING)}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, on_core(0):
        if work.kind in TO_DISK:
            take_memory(Path(folder) / "before", work.size)
        job = json.dumps(work.job(servers, Path(folder)))
        command = [sys.executable, "-m", "tests.benchmarks.child", f"{work.kind}:{peer}", job]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, timeout=PATIENCE, check=True, stdin=subprocess.DEVNULL
        )
    return json.loads(done.stdout)


def take_memory(file: Path, size: int) -> None:
    """Have the system get memory for a file, and give it back.

    The host of a virtual machine takes free memory away, and to get it again costs more than to write the file: whoever
    happened to be the first would pay.
    """
    block = bytes(256 * 1024)
    with open(file, "wb", buffering=0) as written:
        for _ in range(0, size, len(block)):
            written.write(block)
    file.unlink()


def write(folder: Path, results: dict[str, Any]) -> None:
    """``results.json`` holds every round, from which all else is drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    (folder / "summary.md").write_text(summary(results), "utf-8")
    (folder / "tables.md").write_text(tables(results), "utf-8")
    for name, plot in plots(results).items():
        (folder / f"{name}.svg").write_text(plot, "utf-8")


if __name__ == "__main__":
    main()
