"""The processes of a job. Each one reads the source, and fetches and writes the rows of its own hosts."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Sequence
from contextlib import closing
from multiprocessing.connection import Connection, wait
from typing import Any

from ..core.bodycounter import ByteBudget
from ..errors import HTTPConnError, InvalidRequest
from .job import Job
from .outcomes import default_connection
from .run import Partition
from .storage import Storage

SPAWN = multiprocessing.get_context("spawn")  # a fork would copy the locks of other threads


def run_job(job: Job, processes: int) -> None:
    """Run all partitions of a job, in this process or in several other ones.

    Raises:
        HTTPConnError: a partition failed, or a process was killed.
    """
    shares = [range(each, job.partitions, processes) for each in range(min(processes, job.partitions))]
    if len(shares) == 1:
        run_partitions(job, shares[0])
        return
    try:
        pickle.dumps(job)
    except Exception as error:
        message = "For several processes, on_item, connection and filesystem must be picklable"
        raise InvalidRequest(f"{message}. Define functions in a module: {error}") from error
    workers = [_Worker(job, share) for share in shares]
    try:
        while running := {each.process.sentinel: each for each in workers if not each.ended}:
            for sentinel in wait(list(running)):
                running[sentinel].finish()  # type: ignore[index]
    finally:
        for each in workers:
            each.stop()


def run_partitions(job: Job, numbers: Sequence[int]) -> None:
    """Run partitions one after the other in this process."""
    connection = job.connection or default_connection(job.concurrency)
    budget = None if job.total_bytes is None else ByteBudget(job.total_bytes)
    try:
        with closing(Storage(job.sink, job.filesystem)) as storage:
            for number in numbers:
                Partition(job, number, storage, connection, budget).run()
    finally:
        if connection is not job.connection:
            connection.close()


class _Worker:
    """A process and the pipe for its error."""

    def __init__(self, job: Job, numbers: Sequence[int]) -> None:
        self._errors, sender = SPAWN.Pipe(duplex=False)
        self.ended = False
        self.process = SPAWN.Process(target=_work, args=(job, numbers, sender), name="httpconn-dataset")
        self.process.start()
        sender.close()

    def finish(self) -> None:
        """Raise the error with which the process ended, if there is one."""
        self.process.join()
        self.ended = True
        try:
            error = self._errors.recv()
        except EOFError:
            error = None
        code = self.process.exitcode or 0
        if error is None and code:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            error = HTTPConnError(f"A process of the job {how}. The same call continues the job")
        if error is not None:
            raise error

    def stop(self) -> None:
        if not self.ended:
            self.process.terminate()
            self.process.join()
        self._errors.close()


def _work(job: Job, numbers: Sequence[int], errors: Connection) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run_partitions(job, numbers)
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        errors.send(_portable(error))
    finally:
        if job.connection is not None:
            job.connection.close()


def _portable(error: Exception) -> Any:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - it was pickled here
    except Exception:  # noqa: BLE001 - any exception of any library
        return HTTPConnError(f"A process of the job failed: {type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    """End this process at once if the parent was killed, so that two runs never write at the same time."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
