"""Kill processes that write partial files at random moments, and check that no wrong byte gets into a target.

``--storm N`` interrupts N downloads instead, by signals and by cancellation; see :mod:`tests.torture.storm`.

In each round, processes run one after the other, or two at a time, for a file that changes now and then. Each is
killed. In most rounds they write the file themselves. In the others they download it, on several connections, from a
server that breaks off. The target must always be a complete version of the file, and the recorded bytes must be on
disk. The last process is not killed; it must complete the file and leave no other file. Every fourth round has a
collection of files; see :mod:`tests.torture.collections`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Protocol

from httpconn.disk.hiddennames import HiddenNames
from httpconn.disk.sidecar import load
from tests.torture.collections import Collection
from tests.torture.downloads import Downloads
from tests.torture.processes import finished_well
from tests.torture.storm import FACES, run
from tests.torture.worker import Writers

KILLED = 6
"""Number of kills in a round."""


class Workers(Protocol):
    """Processes that create one file."""

    @property
    def longest(self) -> float:
        """Maximum seconds until a process is killed."""

    @property
    def tidy(self) -> bool:
        """Whether the process that completes the file leaves no other file."""

    def content(self, version: int) -> bytes:
        """Return the content of a version."""

    def start(self, target: Path, version: int) -> int:
        """Start a process that creates this version; return its ID."""


def is_whole(target: Path, versions: range, workers: Workers) -> bool:
    """Return whether the target is absent or one of the versions."""
    return not target.exists() or target.read_bytes() in map(workers.content, versions)


def is_proven(target: Path, workers: Workers) -> bool:
    """Return whether the recorded bytes are on disk. A renamed partial file needs no record."""
    names = HiddenNames(str(target))
    record = load(names.sidecar)
    while record is not None:
        if Path(names.part(record.token)).exists():
            version = workers.content(int((record.sidecar.validator or "").strip('"')))
            found = Path(names.part(record.token)).read_bytes()
            if any(found[start:end] != version[start:end] for start, end in record.sidecar.ranges):
                return False
        record = record.kept
    return True


def survives(target: Path, chance: random.Random, workers: Workers) -> bool:
    """Run a round; return whether all was well."""
    version = newest = 0
    for _ in range(KILLED):
        version = chance.choice([version, version, version + 1, max(0, version - 1)])
        newest = max(newest, version)
        started = [workers.start(target, version) for _ in range(chance.choice([1, 1, 2]))]
        time.sleep(chance.random() * workers.longest)
        for worker in started:
            os.kill(worker, signal.SIGKILL)
        ends = [finished_well(each, maybe_killed=True) for each in started]
        if not (all(ends) and is_whole(target, range(newest + 1), workers) and is_proven(target, workers)):
            return False
    return is_finished(target, version, workers)


def is_finished(target: Path, version: int, workers: Workers) -> bool:
    """Return whether a process that is not killed completes the file."""
    target.unlink(missing_ok=True)
    while not target.exists():
        if not finished_well(workers.start(target, version), maybe_killed=False):
            return False
    left = [each for each in target.parent.iterdir() if each != target]
    return target.read_bytes() == workers.content(version) and not (workers.tidy and left)


def makes_round(folder: Path, seed: int) -> bool:
    """Run a round: every fourth one downloads a file, the next one a collection; a third of the others has no locks."""
    chance, target = random.Random(seed), folder / "file"
    if seed % 4 == 1:
        return Collection(folder, chance).survives()
    if seed % 4 == 0:
        with Downloads(chance) as downloads:
            return survives(target, chance, downloads)
    return survives(target, chance, Writers(chance, locks=seed % 3 > 0))


def interrupted(count: int, seed: int) -> int:
    """Run a storm on each face. A problem raises an exception."""
    print(f"--seed {seed} repeats it")
    for face in FACES:
        with tempfile.TemporaryDirectory() as folder:
            print(face, dict(run(Path(folder), seed, face, count)))
    return 0


def main(arguments: list[str]) -> int:
    """Run the rounds; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--storm", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    if options.storm:
        return interrupted(options.storm, options.seed)
    for number in range(options.rounds):
        seed = options.seed + number
        with tempfile.TemporaryDirectory() as folder:
            if not makes_round(Path(folder), seed):
                print(f"Round {number} failed: {sorted(os.listdir(folder))}; --seed {seed} --rounds 1 repeats it")
                return 1
    print(f"{options.rounds} rounds, and no wrong byte")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
