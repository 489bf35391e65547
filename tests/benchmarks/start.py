"""CPU time to start and memory of many tasks: ``python -m tests.benchmarks.start``.

The least of some runs counts, each in a new process with compiled bytecode. Memory is that above ``import httpx``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.servers.scripted import ScriptedServer, response

CONNECTION = "import httpx, httpconn; c = httpconn.HTTPConnection(trust_env=False)"
TASKS = """
import asyncio
async def main():
    async with c:
        await asyncio.gather(*(c.async_get_bytes({url!r}) for _ in range({tasks})))
asyncio.run(main())"""
EMPTY = "\nimport asyncio\nasyncio.run(asyncio.sleep(0))"
PEAK = "\nprint(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def least_cpu(command: list[str], runs: int) -> float:
    """Return milliseconds of user and system time of a command and its start."""

    def once() -> float:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        assert status == 0, command
        return (usage.ru_utime + usage.ru_stime) * 1000

    return min(once() for _ in range(runs))


def least_peak(code: str, runs: int) -> float:
    """Return the peak memory of a program in MB."""
    run = [sys.executable, "-c", code + PEAK]
    return min(int(subprocess.run(run, capture_output=True, check=True).stdout) for _ in range(runs)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="Number of runs of each row.")
    runs = parser.parse_args().runs
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with ScriptedServer(response(body=b"x" * 1024)) as server:
        script = str(Path(sys.executable).with_name("httpconn"))
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import httpx": [sys.executable, "-c", "import httpx"],
            "import httpx, HTTPConnection()": [sys.executable, "-c", CONNECTION],
            "httpconn get --help": [script, "get", "--help"],
            "httpconn get URL": [script, "get", server.url],
        }
        times = {name: least_cpu(command, runs) for name, command in commands.items()}
        for name, time in times.items():
            print(f"{name:32} {time:6.1f} ms {time / times['python -c pass']:5.1f}")
        base = least_peak("import httpx", runs)
        print(f"{'an empty task of asyncio':32} {least_peak('import httpx' + EMPTY, runs) - base:6.1f} MB")
        rows = {"HTTPConnection()": "", **{f"{n} tasks": TASKS.format(url=server.url, tasks=n) for n in (1, 100, 1000)}}
        for name, code in rows.items():
            print(f"{name:32} {least_peak(CONNECTION + code, runs) - base:6.1f} MB")


if __name__ == "__main__":
    main()
