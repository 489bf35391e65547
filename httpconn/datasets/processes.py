"""The processes of a job. Each one reads the source, and fetches and writes the rows of its own hosts."""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from ..core.bodycounter import ByteBudget
from ..errors import HTTPConnError, InvalidRequest
from .job import Job
from .outcomes import default_connection
from .run import Partition
from .storage import Storage

SPAWN = multiprocessing.get_context("spawn")  # a fork would copy the locks of other threads


def run_job(job: Job, processes: int) -> None:
    """Run all partitions of a job, in this process or in several other processes.

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
    # Only pipes connect the processes: after a SIGKILL, multiprocessing would warn of locks and queues that remain.
    watched, own = SPAWN.Pipe(duplex=False)
    started: dict[Connection, SpawnProcess] = {}
    try:
        with watched:
            for share in shares:
                result, process = _started(watched, job, share)
                started[result] = process
        _wait_all(list(started))
    finally:
        own.close()  # so the other processes end
        for result, process in started.items():
            process.join()
            result.close()


def _started(watched: Connection, job: Job, share: Sequence[int]) -> tuple[Connection, SpawnProcess]:
    """Start a process for a share of the partitions. Return the pipe for its result, and the process."""
    result, given = SPAWN.Pipe(duplex=False)
    with given:
        process = SPAWN.Process(target=_run_share, args=(watched, given, job, share))
        process.start()
    return result, process


def _wait_all(results: list[Connection]) -> None:
    """Wait until all processes have ended. Raise the first error."""
    while results:
        ready = wait(results)
        for each in [result for result in results if result in ready]:
            try:
                error = each.recv()
            except EOFError as ended:
                raise HTTPConnError("A process of the job was killed. The same call continues the job") from ended
            if error is not None:
                raise error
            results.remove(each)


def _run_share(parent: Connection, result: Connection, job: Job, share: Sequence[int]) -> None:
    """Run partitions in a process of their own, and send the exception or None."""
    _end_with(parent)
    error: BaseException | None = None
    try:
        run_partitions(job, share)
    except BaseException as raised:  # noqa: BLE001 - the parent raises it
        error = raised
    result.send(error)


def run_partitions(job: Job, numbers: Sequence[int]) -> None:
    """Run partitions one after the other in this process."""
    connection = job.connection or default_connection(job.concurrency)
    budget = None if job.total_bytes is None else ByteBudget(job.total_bytes)
    try:
        storage = Storage(job.sink, job.filesystem, job.drafts)
        for number in numbers:
            Partition(job, number, storage, connection, budget).run()
    finally:
        if connection is not job.connection:
            connection.close()


def _end_with(parent: Connection) -> None:
    """End this process when the parent closes its end of a pipe or is killed: two runs must not write together."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives the signal, too

    def watch() -> None:
        wait([parent])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
