"""The processes of a job. Each one reads the source, and fetches and writes the rows of its own hosts."""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection, wait

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
    watched, own = SPAWN.Pipe(duplex=False)
    with watched, ProcessPoolExecutor(len(shares), SPAWN, _end_with, (watched,)) as pool:
        try:
            for share in as_completed([pool.submit(run_partitions, job, each) for each in shares]):
                share.result()
        except BrokenProcessPool as error:
            raise HTTPConnError("A process of the job was killed. The same call continues the job") from error
        finally:
            own.close()  # so the other processes end


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
