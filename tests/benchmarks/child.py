"""One measurement in a process of its own: ``python -m tests.benchmarks.child WORKER JOB`` prints its figures."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from pathlib import Path

from .measuring import Figures, Job
from .workers import WORKERS


def measure(name: str, job: Job) -> Figures:
    """Run one worker, on trio if its kind says so."""
    worker = WORKERS[name]
    if inspect.iscoroutinefunction(worker):
        import anyio

        anyio.run(worker, job, backend="trio" if name.startswith("trio:") else "asyncio")
    else:
        worker(job)
    assert job.figures is not None
    return job.figures


if __name__ == "__main__":
    options = json.loads(sys.argv[2])
    print(json.dumps(dataclasses.asdict(measure(sys.argv[1], Job(**options | {"folder": Path(options["folder"])})))))
