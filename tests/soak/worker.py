"""One face in its own process: ``python -m tests.soak.worker JOB`` prints its outcome.

Threads and tasks run the same coroutine, which never suspends in threads.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import anyio

from httpconn import HTTPConnection, RetryPolicy
from httpconn.runtime.stepping import run_sync
from tests.soak.content import body_of
from tests.soak.watching import Complaints, Outcome, Tally, holdings

Fetch = Callable[[str], Awaitable[bytes]]

ATTEMPTS = 3
TIMEOUT = 60.0
GRACE = 2.0
"""Seconds by which a busy machine may report a passed deadline late."""


@dataclasses.dataclass(frozen=True)
class Job:
    """The work of a face.

    Attributes:
        at_once: threads or tasks.
        max_wait: seconds after which a hanging run is ended, with a traceback of each thread.
    """

    face: str
    port: int
    requests: int
    at_once: int
    max_wait: float


async def ask(fetch: Fetch, job: Job, number: int) -> bytes:
    """Fetch the body of a number."""
    return await fetch(f"http://127.0.0.1:{job.port}/{number}")


async def work(fetch: Fetch, job: Job, tally: Tally, numbers: Iterator[int]) -> None:
    """Make calls as long as there are numbers."""
    for number in numbers:
        began = time.monotonic()
        try:
            result: bytes | Exception = await ask(fetch, job, number)
        except Exception as error:  # noqa: BLE001 - whatever is raised is an outcome
            result = error
        tally.ended(number, result, body_of(number), time.monotonic() - began)


def run_threads(job: Job, tally: Tally) -> None:
    """Run the synchronous face."""
    outcome, numbers = tally.outcome, iter(range(job.requests))
    with HTTPConnection(retries=policy(), trust_env=False) as connection:

        async def fetch(url: str) -> bytes:
            return connection.get_bytes(url, timeout=TIMEOUT)

        run_sync(warm_up(fetch, job))
        outcome.before = holdings()
        with ThreadPoolExecutor(job.at_once) as threads:
            done = [threads.submit(run_sync, work(fetch, job, tally, numbers)) for _ in range(job.at_once)]
        for each in done:
            each.result()
    gc.collect()
    outcome.after = holdings()


async def run_tasks(job: Job, tally: Tally) -> None:
    """Run the face of an event loop."""
    outcome, numbers = tally.outcome, iter(range(job.requests))
    async with HTTPConnection(retries=policy(), trust_env=False) as connection:
        fetch = partial(connection.async_get_bytes, timeout=TIMEOUT)
        await warm_up(fetch, job)
        outcome.before = holdings()
        outcome.tasks.append(len(anyio.get_running_tasks()))
        async with anyio.create_task_group() as tasks:
            for _ in range(job.at_once):
                tasks.start_soon(work, fetch, job, tally, numbers)
    gc.collect()
    outcome.after = holdings()
    outcome.tasks.append(len(anyio.get_running_tasks()))


def policy() -> RetryPolicy:
    return RetryPolicy(attempts=ATTEMPTS, backoff=0.01)


async def warm_up(fetch: Fetch, job: Job) -> None:
    """Create the objects that a process creates once, such as the resolver's threads."""
    await fetch(f"http://127.0.0.1:{job.port}/tally/1")


def run(job: Job) -> Outcome:
    """Run the face and print its outcome."""
    faulthandler.dump_traceback_later(job.max_wait, exit=True)
    outcome = Outcome(job.face, job.requests)
    tally = Tally(outcome, TIMEOUT + GRACE)
    Complaints(outcome.complaints)
    began = time.monotonic()
    if job.face == "sync":
        run_threads(job, tally)
    else:
        anyio.run(run_tasks, job, tally, backend=job.face)
    outcome.seconds = time.monotonic() - began
    return outcome


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(run(Job(**json.loads(sys.argv[1]))))))
