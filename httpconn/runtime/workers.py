"""Threads that wait for further work, because a new thread takes as long as two warm requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from weakref import ref

from .forking import renew_in_child
from .threads import background_thread, start_thread


class _Slot:
    """The right to run one piece of work. Its destruction frees the right, also after an interruption."""

    __slots__ = ("__weakref__",)


class _Work(NamedTuple):
    holder: list[_Slot]
    function: Callable[[], Any]
    report: Callable[[Any], object]


class WorkerThreads:
    """A limited number of daemon threads. An idle one ends after ``idle_time`` seconds."""

    def __init__(self, name: str, limit: int, idle_time: float) -> None:
        self._name = name
        self._limit = limit
        self._idle_time = idle_time
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Forget the work in the child process: its threads exist only in the parent."""
        self._slots: set[ref[_Slot]] = set()
        self._idle: deque[SimpleQueue[_Work]] = deque()  # the queue of each thread that waits for work

    @property
    def are_busy(self) -> bool:
        return bool(self._slots)

    def start(self, function: Callable[[], Any], report: Callable[[Any], object]) -> bool:
        """Call a function, which must not raise, and then ``report`` with its result. False: the limit is reached."""
        slots = self._slots
        holder = [_Slot()]
        slots.add(ref(holder[0], slots.discard))
        if len(slots) > self._limit:
            return False
        work = _Work(holder, function, report)
        try:
            self._idle.pop().put(work)
        except IndexError:
            self._start(work)
        return True

    def _start(self, work: _Work) -> None:
        queue: SimpleQueue[_Work] = SimpleQueue()
        queue.put(work)  # not an argument, because a thread keeps its arguments in memory
        try:
            start_thread(background_thread(self._name, self._run, queue))
        except RuntimeError:  # the system has no more threads
            work.holder.clear()  # the exception keeps the work in memory
            raise

    def _run(self, queue: SimpleQueue[_Work]) -> None:
        idle = self._idle
        work: _Work | None = queue.get()
        while work is not None:
            _perform(*work)
            work = None  # an idle thread keeps no event loop in memory
            idle.append(queue)
            with suppress(Empty):
                work = queue.get(timeout=self._idle_time)
            if work is None:
                with suppress(Empty):
                    work = _last(queue, idle)


def _perform(holder: list[_Slot], function: Callable[[], Any], report: Callable[[Any], object]) -> None:
    result = function()
    holder.clear()  # first, because the report can block on an event loop that has stopped
    report(result)


def _last(queue: SimpleQueue[_Work], idle: deque[SimpleQueue[_Work]]) -> _Work | None:
    """Remove the queue of a thread that ends. Return work that was queued at the same moment, or None."""
    try:
        idle.remove(queue)
    except ValueError:
        return queue.get(timeout=60)  # a signal handler can interrupt the caller before it has queued the work
    return None
