"""Data sets: processes that write one are killed at any moment; no row may be missing or there twice.

After each kill, every finished shard has its rows and bodies. The next run fetches none of them. The last run completes
the data set, and another run then sends no request. In some rounds, a run retries the rows of an outcome.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

import httpconn
from httpconn import datasets
from httpconn.testing import Received, ScriptedServer, response

ROOT = Path(__file__).parent.parent.parent
COUNT = 600
KILLED = 4
LONGEST = 0.6  # seconds from the first request to the kill

COMMAND = """
import sys
import httpconn
from httpconn import datasets

def loopback(host, port):
    return ["127.0.0.1"]

if __name__ == "__main__":
    source, sink, form, processes, shard_size, retry = sys.argv[1:]
    with httpconn.HTTPConnection(retries=0, resolver=loopback) as connection:
        datasets.fetch(source, sink, format=form, connection=connection, shard_size=int(shard_size),
                       processes=int(processes), concurrency=8, retry=[retry] if retry else None)
"""


class DataSet:
    """A server, a list of URLs and a sink.

    Args:
        chance: decides about the format, the shards, the moments and the errors of the server.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._chance = chance
        self._sink, self._source, self._command = folder / "sink", folder / "urls.txt", folder / "job.py"
        self._command.write_text(COMMAND)
        self._form = chance.choice(["parquet", "webdataset", "folder"])
        self._processes, self._shard_size = chance.choice([1, 1, 2]), chance.choice([7, 40, 250])
        self._requests: Counter[str] = Counter()
        self._began = threading.Event()
        self._failing = 0.1

    def survives(self) -> bool:
        """Run a round; return whether all was well."""
        with ScriptedServer(self._answer) as server:
            lines = [f"http://{n % 5}.test:{server.port}/{n}\n" for n in range(COUNT)]
            self._source.write_text("".join(lines))
            retry = ""
            for _ in range(KILLED):
                done = self._finished()
                self._kill_a_run(retry)
                if retry == "" and any(self._requests[f"/{row}"] for row in done):
                    return False
                if not done.keys() <= self._finished().keys():
                    return False
                retry = "503" if self._is_complete() else ""
            self._failing = 0
            return self._completes()

    def _answer(self, request: Received) -> bytes:
        target = request.target if isinstance(request.target, str) else request.target.decode()
        self._requests[target] += 1
        self._began.set()
        if self._chance.random() < self._failing:
            return response(503)
        return response(headers={"Content-Type": "image/png"}, body=target.encode() * 1000)

    def _start(self, retry: str) -> subprocess.Popen[bytes]:
        self._requests.clear()
        self._began.clear()
        given = [self._source, self._sink, self._form, self._processes, self._shard_size, retry]
        return subprocess.Popen([sys.executable, self._command, *map(str, given)], cwd=ROOT)

    def _kill_a_run(self, retry: str) -> None:
        with self._start(retry) as process:
            while process.poll() is None and not self._began.wait(0.01):
                pass
            time.sleep(self._chance.random() * LONGEST)
            process.kill()

    def _completes(self) -> bool:
        for retry in ("", "503", ""):
            with self._start(retry) as process:
                if process.wait() != 0:
                    return False
        left = [each.name for each in (self._sink / "_httpconn").iterdir() if each.name.startswith("unfinished")]
        errors = any(row["error"] for row in self._finished().values())
        return len(self._finished()) == COUNT and self._is_complete() and not (self._requests or left or errors)

    def _is_complete(self) -> bool:
        try:
            return datasets.status(self._sink).complete
        except httpconn.InvalidRequest:  # killed before it stored the job
            return False

    def _finished(self) -> dict[int, dict[str, object]]:
        """Return the rows of the finished shards by their number; raise an error if they are not right."""
        found: dict[int, dict[str, object]] = {}
        for journal in (self._sink / "_httpconn").glob("journal-*.jsonl"):
            partition = journal.stem.removeprefix("journal-")
            for line in journal.read_text().splitlines():
                shard = line.partition('{"shard": ')[2].partition(",")[0]
                if shard:
                    found |= self._rows(f"{partition}-{int(shard):06d}")
        return found

    def _rows(self, name: str) -> dict[int, dict[str, object]]:
        rows = pq.read_table(self._sink / f"{name}.parquet").to_pylist()
        bodies = self._bodies(name, rows)
        assert len({row["row"] for row in rows}) == len(rows)
        assert all(bodies.get(row["row"]) == (None if row["error"] else self._body(row)) for row in rows)
        return {row["row"]: row for row in rows}

    def _body(self, row: dict[str, object]) -> bytes:
        return f"/{row['row']}".encode() * 1000

    def _bodies(self, name: str, rows: list[dict[str, object]]) -> dict[object, object]:
        if self._form == "parquet":
            return {row["row"]: row["body"] for row in rows}
        if self._form == "folder":
            return {row["row"]: (self._sink / str(row["key"])).read_bytes() for row in rows if row["key"]}
        with tarfile.open(self._sink / f"{name}.tar") as tar:
            files = {each.name: tar.extractfile(each) for each in tar.getmembers()}
            return {row["row"]: (file := files[str(row["key"])]) and file.read() for row in rows if row["key"]}


def main(arguments: list[str]) -> int:
    """Run the rounds; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.datasets", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    for seed in range(options.seed, options.seed + options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            if not DataSet(Path(folder), random.Random(seed)).survives():
                print(f"A round failed; --seed {seed} --rounds 1 repeats it")
                return 1
    print(f"{options.rounds} rounds, and no row missing or there twice")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
