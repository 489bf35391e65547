"""Kill processes that write partial files, at any moment, and see whether a wrong byte ever gets through.

In each round processes come one after the other, or two at a time, for a file that changes now and then; each is
killed. Whatever stands under the target's name must always be a whole version of it, whatever is said to be on disk
must be there, and the last process, which is let alone, must finish the file and leave nothing else behind.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from httpconn.disk.claims import lock
from tests.torture.worker import Worker, content

KILLED = 6
"""Times that somebody is killed in a round."""

LONGEST = 0.06
"""Seconds until then."""


def start(target: Path, version: int, chance: random.Random, locks: bool) -> int:
    """Fork a worker; its number."""
    seed = chance.random()
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        Worker(target, version, random.Random(seed), lock if locks else _nothing).run()
        code = 0
    except Exception:  # noqa: BLE001 - told, and the process ends
        traceback.print_exc()
    finally:
        os._exit(code)


def _nothing(_descriptor: int) -> bool:
    """A file system without locks."""
    return False


def finished_well(number: int, *, maybe_killed: bool) -> bool:
    """Wait for a worker."""
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    return code == 0 or (maybe_killed and code == -signal.SIGKILL)


def is_whole(target: Path, versions: range) -> bool:
    """Whether what stands there is nothing, or one of the versions."""
    return not target.exists() or target.read_bytes() in [content(each) for each in versions]


def survives(folder: Path, chance: random.Random, locks: bool) -> bool:
    """One round."""
    target, version = folder / "file", 0
    for _ in range(KILLED):
        version += chance.random() < 0.3
        workers = [start(target, version, chance, locks) for _ in range(chance.choice([1, 1, 2]))]
        time.sleep(chance.random() * LONGEST)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        ends = [finished_well(each, maybe_killed=True) for each in workers]
        if not all(ends) or not is_whole(target, range(version + 1)):
            return False
    return is_finished(target, version, chance, locks)


def is_finished(target: Path, version: int, chance: random.Random, locks: bool) -> bool:
    """Whether one who is let alone can make the file; only locks tell whose files may be removed at once."""
    target.unlink(missing_ok=True)
    while not target.exists():
        if not finished_well(start(target, version, chance, locks), maybe_killed=False):
            return False
    left = [each for each in target.parent.iterdir() if each != target]
    return target.read_bytes() == content(version) and not (locks and left)


def main(arguments: list[str]) -> int:
    """Run the rounds; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    for number in range(options.rounds):
        seed = options.seed + number
        with tempfile.TemporaryDirectory() as folder:
            if not survives(Path(folder), random.Random(seed), locks=seed % 3 > 0):
                print(f"Round {number} failed: {sorted(os.listdir(folder))}; --seed {seed} --rounds 1 repeats it")
                return 1
    print(f"{options.rounds} rounds, and no wrong byte")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
