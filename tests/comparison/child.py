"""The child process of one library: it fetches the cases, and prints the connections, results, time and memory."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.comparison.drivers import DRIVERS, Fetch
from tests.comparison.network import Internet

STATUS = Path("/proc/self/status")


def peak() -> int:
    """Return the peak memory of this process in bytes."""
    line = next(each for each in STATUS.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def attempt(fetch: Fetch, internet: Internet, case: dict[str, Any]) -> dict[str, Any]:
    before, begun = peak(), time.perf_counter()
    with internet.case(case["lookups"]):
        try:
            result = f"{len(fetch(case['url'], case['method']))} bytes"
        except Exception as error:  # noqa: BLE001 - whatever a library raises
            result = type(error).__name__
    seconds = time.perf_counter() - begun
    return {"result": result, "dialled": internet.dialled, "seconds": seconds, "grown": peak() - before}


def main() -> None:
    name, host, port, timeout = sys.argv[1:]
    internet = Internet((host, int(port)))
    internet.install()  # before a library imports a function of the socket module
    begun = time.perf_counter()
    fetch = DRIVERS[name](float(timeout))
    start = time.perf_counter() - begun
    cases = json.load(sys.stdin)
    json.dump({"start": start, "cases": [attempt(fetch, internet, case) for case in cases]}, sys.stdout)


if __name__ == "__main__":
    main()
