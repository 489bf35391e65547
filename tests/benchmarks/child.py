"""One measurement in its own process: ``python -m tests.benchmarks.child WORKER JOB`` prints its figures."""

from __future__ import annotations

import inspect
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import Job
from tests.benchmarks.open_loop import OpenLoop
from tests.benchmarks.workers import workers


def job_of(name: str, options: dict[str, Any]) -> Job | OpenLoop:
    """Return the job for this kind of worker."""
    if name.startswith("open:"):
        return OpenLoop(**options)
    return Job(**options | {"folder": Path(options["folder"])})


def runtime(name: str) -> str:
    """Return the last runtime in the worker's name, so that a peer can run on another one than its kind."""
    words = name.replace(":", "-").split("-")
    return next((word for word in reversed(words) if word in ("trio", "uvloop", "asyncio")), "asyncio")


def measure(name: str, options: dict[str, Any]) -> Any:
    """Run one worker on its runtime; return its figures."""
    worker, job = workers()[name], job_of(name, options)
    if not inspect.iscoroutinefunction(worker):
        worker(job)
    elif runtime(name) == "trio":
        import trio

        trio.run(worker, job)
    elif runtime(name) == "uvloop":
        import uvloop

        uvloop.run(worker(job))
    else:
        import asyncio

        asyncio.run(worker(job))
    return asdict(job)["figures"]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], json.loads(sys.argv[2]))), flush=True)
    os._exit(0)  # pyreqwest 0.15 can abort while the interpreter ends
