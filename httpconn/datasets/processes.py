"""The processes of a job. Each one reads the source, and fetches and writes the rows of its own hosts."""

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from ..core.bodycounter import ByteBudget
from ..errors import HTTPConnError, InvalidRequest
from ..runtime.threads import background_thread, required_threads, start_thread
from .job import Job
from .outcomes import default_connection
from .run import Partition

SPAWN = multiprocessing.get_context("spawn")  # a fork would copy the locks of other threads


def run_job(job: Job, processes: int) -> None:
    """Run all partitions of a job, in this process or in several other processes. Raise the first error."""
    shares = [range(each, job.partitions, processes) for each in range(min(processes, job.partitions))]
    if len(shares) == 1:
        run_partitions(job, shares[0])
        return
    try:
        data = pickle.dumps(job)
    except Exception as error:
        message = "For several processes, on_item, connection and filesystem must be picklable"
        raise InvalidRequest(f"{message}. Define functions in a module: {error}") from error
    # Only pipes connect the processes: after a SIGKILL, multiprocessing would warn of locks and queues that remain.
    watched, own = SPAWN.Pipe(duplex=False)
    started: dict[Connection, SpawnProcess] = {}
    try:
        with watched:
            for share in shares:
                link, process = _started(watched, share)
                started[link] = process
        for link in started:
            with suppress(OSError):  # the process has ended: see _wait_all
                link.send_bytes(data)
        _wait_all(list(started))
    finally:
        own.close()  # so the other processes end
        for link, process in started.items():
            process.join()
            link.close()


def _started(watched: Connection, share: Sequence[int]) -> tuple[Connection, SpawnProcess]:
    """Start a process for a share of the partitions. Return the pipe for its job and its result, and the process."""
    link, given = SPAWN.Pipe()
    with given:
        # The job does not fit into the buffer of a pipe. If the process died before it had read its arguments, start()
        # would wait forever.
        process = SPAWN.Process(target=_run_share, args=(watched, given, share))
        try:
            with _interrupts_blocked():
                process.start()
        except OSError as error:
            raise HTTPConnError(f"A process of the job could not be started: {error.strerror}") from error
    return link, process


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in this thread and in a process that it starts, which else could print a traceback on Ctrl-C."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # a start of the tracker would unblock SIGINT
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _wait_all(links: list[Connection]) -> None:
    """Wait until all processes have ended. Raise the first error."""
    while links:
        ready = wait(links)
        for each in [link for link in links if link in ready]:
            try:
                error = each.recv()
            except (EOFError, ConnectionError) as ended:
                raise HTTPConnError("A process of the job was killed. The same call continues the job") from ended
            if error is not None:
                raise error
            links.remove(each)


def _run_share(parent: Connection, link: Connection, share: Sequence[int]) -> None:
    """Receive a job, run partitions of it in a process of their own, and send the exception or None."""
    error: BaseException | None = None
    try:
        _end_with(parent)
        run_partitions(link.recv(), share)
    except BaseException as raised:  # noqa: BLE001 - the parent raises it
        error = raised
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - this process has written it
    except Exception:  # noqa: BLE001 - the class of the exception decides what it raises
        error = HTTPConnError(f"A process of the job failed with {error!r}"[:500])
    link.send(error)


def run_partitions(job: Job, numbers: Sequence[int]) -> None:
    """Run partitions one after the other in this process."""
    connection = job.connection or default_connection(job.concurrency)
    budget = None if job.total_bytes is None else ByteBudget(job.total_bytes)
    try:
        for number in numbers:
            Partition(job, number, connection, budget).run()
    finally:
        if connection is not job.connection:
            connection.close()


def _end_with(parent: Connection) -> None:
    """End this process when the parent closes its end of a pipe or is killed: two runs must not write together."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives the signal, too

    def watch() -> None:
        wait([parent])
        os._exit(1)

    with required_threads():
        start_thread(background_thread("httpconn-parent", watch))
