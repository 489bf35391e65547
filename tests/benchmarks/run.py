"""The driver: ``python -m tests.benchmarks.run [--quick] [--only NAME ...] [--rounds N] [FOLDER]``.

Each measurement has its own process. The peers alternate within each round, so that other load of the machine affects
all of them. The servers have the last core, the measured process the first.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import description, load, on_core
from tests.benchmarks.measuring import SMALL
from tests.benchmarks.plots import plots
from tests.benchmarks.report import summary, tables, ways
from tests.benchmarks.server import Servers, find_nginx, running_servers
from tests.benchmarks.table import REFERENCE, table
from tests.benchmarks.works import WORKS, ClosedLoop, OpenLoopWork

ROUNDS = 3
BUDGET = 6.0
"""Seconds for all rounds of one peer and work; the first round always runs."""
TO_DISK = ("download", "large")
"""Kinds of works that write files, which need memory for the system's cache."""
HELD = 2
"""A rate is too high for this machine if the mean latency is above this multiple of the server's delay."""
TIMEOUT = 240
CONFUSING = ("_proxy", "_ca_bundle", "ssl_cert_file", "ssl_cert_dir")
"""Ends of the names of variables that set proxies and authorities."""
LOCK = Path(tempfile.gettempdir()) / "httpconn-bench.lock"

AnyWork = ClosedLoop | OpenLoopWork


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen works, print a table for each, and write tables, figures and charts into the folder."""
    options = parse(arguments)
    # SIGTERM also ends the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    # The figures of a quick run are not used, so it need not be the only run.
    with contextlib.nullcontext() if options.quick else alone():
        write(options.folder, run(chosen_works(options.only, quick=options.quick), options))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other run is active on this machine."""
    with open(LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another run to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(works: Sequence[AnyWork], options: argparse.Namespace) -> dict[str, Any]:
    """Run the works, print each as soon as it is done, and return all results."""
    nginx = find_nginx()
    if nginx is None:
        print("nginx was not found: the files come from the benchmarks' own server, which costs more", flush=True)
        works = [work for work in works if isinstance(work, OpenLoopWork) or not work.needs_nginx]
    done, rounds = [], 1 if options.quick else options.rounds
    with running_servers({SMALL, *(work.size for work in works if isinstance(work, ClosedLoop))}, nginx) as servers:
        machine = description(servers.name)
        print(json.dumps(machine, indent=2), flush=True)
        for work in works:
            done.append(run_work(work, servers, options.only, rounds))
            print("\n" + table(done[-1]), flush=True)
    return {"machine": machine | {"rounds": rounds, "load_after": load()}, "works": done}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure httpconn and its peers.")
    parser.add_argument("--quick", action="store_true", help="few requests, one round: to see that it runs")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", choices=names(), help="a work or a peer; may be repeated"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="rounds of each work")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/bench"), help="where the results go")
    return parser.parse_args(arguments)


def names() -> list[str]:
    """Return the names of works and peers that can be chosen."""
    return [work.name for work in WORKS] + sorted({peer for work in WORKS for peer in work.peers()})


def chosen_works(only: Sequence[str], *, quick: bool) -> list[AnyWork]:
    works = [work for work in WORKS if work.name in only] or list(WORKS)
    return [work.quick() for work in works] if quick else works


def chosen_peers(work: AnyWork, only: Sequence[str]) -> list[str]:
    return [peer for peer in work.peers() if peer in only] or work.peers()


def run_work(work: AnyWork, servers: Servers, only: Sequence[str], rounds: int) -> dict[str, Any]:
    """Return the work's fields and the figures of each peer. A slow peer takes part in the first rounds only.

    A peer that fails or hangs is left out.
    """
    peers = chosen_peers(work, only)
    if isinstance(work, OpenLoopWork) and REFERENCE in peers:
        work = work.at_rate(rate_held(work, servers))
    figures: dict[str, list[Any]] = {peer: [] for peer in peers}
    spent = dict.fromkeys(peers, 0.0)
    for number in range(rounds):
        first = number % len(peers)
        for peer in peers[first:] + peers[:first]:
            if number == 0 or spent[peer] * (number + 1) / number <= BUDGET:
                started = time.monotonic()
                try:
                    figures[peer].append(measure(work, peer, servers))
                    spent[peer] += time.monotonic() - started
                except subprocess.SubprocessError as error:  # the other figures are still good
                    print(f"{work.name}: {peer} did not finish: {error}", file=sys.stderr, flush=True)
                    spent[peer] = math.inf
    return dataclasses.asdict(work) | {"peers": {peer: rounds for peer, rounds in figures.items() if rounds}}


def rate_held(work: OpenLoopWork, servers: Servers) -> int:
    """Return the highest rate that aiohttp sustains on this machine."""
    for trial in work.trials():
        (at_shortest,) = measure(trial, REFERENCE, servers)
        if at_shortest["mean"] * 1000 <= HELD * at_shortest["delay"]:
            break
    return trial.rate


def measure(work: AnyWork, peer: str, servers: Servers) -> Any:
    """Run one worker once in its own process, without the proxies and authorities of this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith(CONFUSING)}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, on_core(0):
        if work.kind in TO_DISK:
            take_memory(Path(folder) / "before", work.size)
        job = json.dumps(work.job(servers, Path(folder)))
        command = [sys.executable, "-m", "tests.benchmarks.child", f"{work.kind}:{peer}", job]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, timeout=TIMEOUT, check=True, stdin=subprocess.DEVNULL
        )
    return json.loads(done.stdout)


def take_memory(file: Path, size: int) -> None:
    """Make the system allocate memory for a file, and free it.

    The host of a virtual machine reclaims free memory. Allocating it again costs more than writing the file, and the
    first peer would pay for it.
    """
    block = bytes(256 * 1024)
    with open(file, "wb", buffering=0) as written:
        for _ in range(0, size, len(block)):
            written.write(block)
    file.unlink()


def write(folder: Path, results: dict[str, Any]) -> None:
    """Write ``results.json`` with every round, and the tables and charts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    (folder / "summary.md").write_text(summary(results), "utf-8")
    (folder / "ways.md").write_text(ways(results), "utf-8")
    (folder / "tables.md").write_text(tables(results), "utf-8")
    for name, plot in plots(results).items():
        (folder / f"{name}.svg").write_text(plot, "utf-8")


if __name__ == "__main__":
    main()
