"""Worker groups of threads, clean-up in threads, and threads that wait for further work."""

from __future__ import annotations

import _thread
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import ref

from ..errors import InvalidRequest
from .events import ThreadEvent
from .forking import renew_in_child
from .interruption import Interruption
from .stepping import run_sync

T = TypeVar("T")

JOIN_TIMEOUT = 1.0  # Seconds to wait for the end of stopped workers. A worker that is connecting ends later by itself.
MAX_SPARE = 256  # threads that may wait in addition to those that work
CHECK_INTERVAL = 0.05  # seconds between two checks of a waiting thread for other events, such as signals
WORKER_CHECK_INTERVAL = 0.5  # seconds between two checks of a waiting worker that the owner of its group still exists


class Stopped(BaseException):
    """The signal that the worker group was stopped. It is not an Exception, so that no flow handles or retries it."""


class ThreadChannel(Generic[T]):
    """A queue between threads; see :class:`httpconn.runtime.port.Channel`."""

    def __init__(self, group: ThreadWorkerGroup) -> None:
        self._group = group
        self._interruption = group.interruption
        self._items: SimpleQueue[T | Stopped] = SimpleQueue()
        self._reader = 0
        self._portion = 0.0
        # The bound method instead of an own method saves a call per item.
        self.send: Callable[[T | Stopped], None] = self._items.put

    async def receive(self, seconds: float | None = None) -> T | None:
        """Block until an item is queued. Raise Stopped if the group was stopped, even if items are queued."""
        if self._reader != threading.get_ident():
            # Python handles a signal that arrives just before a wait of the main thread only after the wait.
            is_main = threading.current_thread() is threading.main_thread()
            self._portion = CHECK_INTERVAL if is_main else WORKER_CHECK_INTERVAL
            self._reader = threading.get_ident()
        portion, left = self._portion, seconds
        while not self._interruption.is_requested:
            try:
                item = self._items.get(timeout=portion if left is None else min(portion, left))
            except Empty:
                self._group.check_owner()
                if left is not None and (left := left - portion) <= 0:
                    return None
                continue
            if self._interruption.is_requested or isinstance(item, Stopped):
                break
            return item
        raise Stopped


class ThreadWorkerGroup:
    """A worker group of threads; see :class:`httpconn.runtime.port.WorkerGroup`."""

    spare: int = MAX_SPARE

    lock = threading.Lock

    def __init__(self) -> None:
        self.interruption: Interruption = Interruption()
        self._channels: list[ThreadChannel[Any]] = []
        self._threads: dict[threading.Thread, ThreadEvent] = {}
        self._owner: ref[object] | None = None

    def stop_with(self, owner: object) -> None:
        """Stop the group when the owner is destroyed. A signal handler may have interrupted the regular stop."""
        self._owner = ref(owner)

    def check_owner(self) -> None:
        if self._owner is not None and self._owner() is None:
            self.stop()

    def channel(self) -> ThreadChannel[Any]:
        channel: ThreadChannel[Any] = ThreadChannel(self)
        self._channels.append(channel)
        return channel

    def start(self, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> bool:
        """Run a flow in a new thread, and return True. Without a new thread, the existing threads do the work."""
        if self.interruption.is_requested:
            raise Stopped
        for ended_thread in [each for each, ended in list(self._threads.items()) if ended.is_set()]:
            if not ended_thread.is_alive():
                self._threads.pop(ended_thread, None)
        run, ended = copy_context().run, ThreadEvent()
        # A daemon thread that is connecting does not delay the exit of the program.
        thread = background_thread("httpconn-worker", run, self._run, ended, flow, *args)
        self._threads[thread] = ended  # before the start, so that stop() reaches the thread
        try:
            with required_threads():
                start_thread(thread)
        except InvalidRequest:
            del self._threads[thread]
            if not self._threads:
                raise
            return False
        return True

    def _run(self, ended: ThreadEvent, flow: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        try:
            if not self.interruption.is_requested:
                with suppress(Stopped):
                    run_sync(flow(*args))
        finally:
            ended.set()

    def stop(self) -> None:
        """End all waits of the workers. This never blocks."""
        self.interruption.request()
        for channel in self._channels:
            for _ in range(len(self._threads)):
                channel.send(Stopped())

    def end(self) -> None:
        """Stop the group, and wait for its threads."""
        self.stop()
        self.join()

    def join(self) -> None:
        """Wait for the end of the workers, up to JOIN_TIMEOUT."""
        end = time.monotonic() + JOIN_TIMEOUT
        for thread, ended in list(self._threads.items()):
            if ended.block(max(0.0, end - time.monotonic())) and thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))


class CleanUp:
    """A function that runs in its own thread, where no signal handler raises and no cancellation arrives.

    If the wait for the function is interrupted, the function continues. The interpreter exits only after it returned.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._raised: list[BaseException] = []
        self._ended = ThreadEvent()
        try:
            start_thread(threading.Thread(target=self._run, name="httpconn-clean-up", daemon=False))
        except RuntimeError:  # the system has no more threads, or the interpreter exits
            self._run()

    def _run(self) -> None:
        try:
            self._function()
        except BaseException as error:  # noqa: BLE001 - ``has_ended`` raises it
            self._raised.append(error)
        finally:
            self._ended.set()

    def has_ended(self, seconds: float = 0.0) -> bool:
        """Wait at most ``seconds``; return whether the function has ended. Raise its exception, if any."""
        ended = self._ended.block(seconds)
        if ended and self._raised:
            raise self._raised.pop()
        return ended

    def wait(self) -> None:
        while not self.has_ended(CHECK_INTERVAL):
            pass


@contextmanager
def required_threads() -> Iterator[None]:
    """Raise InvalidRequest if the system has no thread for the block. Nothing else in the block raises RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        raise InvalidRequest("No thread can be started") from error


def background_thread(name: str, function: Callable[..., object], *args: object) -> threading.Thread:
    """Return a new thread that does not delay the exit of the program, where the interpreter has such threads."""
    thread = threading.Thread(target=function, args=args, name=name)
    with suppress(RuntimeError):  # a subinterpreter has no daemon threads
        thread.daemon = True
    return thread


def start_thread(thread: threading.Thread) -> None:
    """Start a thread, from a helper thread. If the system has no other thread, the helper does the work itself.

    ``Thread.start`` waits until the new thread runs. If a signal handler raises in that wait, it can leave a lock held
    that the new thread needs, and the new thread never begins. Signal handlers run in the main thread only.
    """
    _thread.start_new_thread(_start, (thread,))


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError:
        thread.run()


class _Slot:
    """The right to run one piece of work. Its destruction frees the right, also after an interruption."""

    __slots__ = ("__weakref__",)


class _Work(NamedTuple):
    holder: list[_Slot]
    function: Callable[[], Any]
    report: Callable[[Any], object]


class WorkerThreads:
    """A limited number of daemon threads. An idle one ends after ``idle_time`` seconds.

    A new thread takes as long as two warm requests.
    """

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
        """Call a function, which must not raise, and then ``report`` with its result.

        Return False if no thread is free: the limit is reached, or the system has no more threads.
        """
        slots = self._slots
        holder = [_Slot()]
        slots.add(ref(holder[0], slots.discard))
        if len(slots) > self._limit:
            return False
        work = _Work(holder, function, report)
        try:
            self._idle.pop().put(work)
        except IndexError:
            return self._start(work)
        return True

    def _start(self, work: _Work) -> bool:
        queue: SimpleQueue[_Work] = SimpleQueue()
        queue.put(work)  # not an argument, because a thread keeps its arguments in memory
        try:
            start_thread(background_thread(self._name, self._run, queue))
        except RuntimeError:
            return False
        return True

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
        return queue.get(timeout=60)  # a signal handler can interrupt the caller before the caller has queued the work
    return None
