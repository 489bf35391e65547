"""Name resolution in separate threads, because a lookup of the operating system cannot be cancelled."""

import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from weakref import ref

from .forking import renew_in_child
from .threads import background_thread, start_thread

MAX_LOOKUPS = 256  # limit of simultaneous lookups by all transports of the process
IDLE_TIME = 0.05  # seconds that a thread waits for its next lookup; a new thread takes as long as 2 warm requests


class Address(NamedTuple):
    """An address that a socket can connect to."""

    family: int
    name: Any


LookupResult = list[Address] | Exception
LookUp = Callable[..., list[Any]]
Report = Callable[[LookupResult], object]


class _Slot:
    """The right to run one lookup. Its destruction frees the right."""

    __slots__ = ("__weakref__",)


class _Lookup(NamedTuple):
    holder: list[_Slot]
    host: str
    port: int
    report: Report


class Resolver:
    """A resolver that runs lookups in daemon threads. A slow lookup delays no other, nor the end of the process.

    ``look_up`` has the parameters and the result of ``socket.getaddrinfo``.
    """

    def __init__(self, limit: int = MAX_LOOKUPS, look_up: LookUp = socket.getaddrinfo) -> None:
        self._limit = limit
        self._look_up = look_up
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Forget the lookups in the child process: their threads exist only in the parent."""
        self._slots: set[ref[_Slot]] = set()
        self._idle: deque[SimpleQueue[_Lookup]] = deque()  # the queue of each thread that waits for a lookup

    def start(self, host: str, port: int, report: Report) -> None:
        """Start a lookup. Its thread reports the result once, also after the caller stopped waiting."""
        places = self._slots
        holder = [_Slot()]
        places.add(ref(holder[0], places.discard))
        if len(places) > self._limit:
            holder.clear()
            raise OSError("too many names are being resolved at once")
        lookup = _Lookup(holder, host, port, report)
        try:
            self._idle.pop().put(lookup)
        except IndexError:
            self._start(lookup)

    def _start(self, lookup: _Lookup) -> None:
        queue: SimpleQueue[_Lookup] = SimpleQueue()
        queue.put(lookup)  # not an argument, because a thread keeps its arguments in memory
        try:
            start_thread(background_thread("httpconn-resolve", self._run, queue))
        except RuntimeError as error:  # the system has no more threads
            lookup.holder.clear()
            raise OSError(str(error)) from error

    def _run(self, queue: SimpleQueue[_Lookup]) -> None:
        idle = self._idle
        lookup: _Lookup | None = queue.get()
        while lookup is not None:
            self._perform(*lookup)
            lookup = None  # an idle thread keeps no event loop in memory
            idle.append(queue)
            with suppress(Empty):
                lookup = queue.get(timeout=IDLE_TIME)
            if lookup is None:
                with suppress(Empty):
                    lookup = _last(queue, idle)

    def _perform(self, holder: list[_Slot], host: str, port: int, report: Report) -> None:
        result: LookupResult
        try:
            # As bytes, because Python would encode text again, by the obsolete rules of IDNA 2003.
            found = self._look_up(host.encode("ascii"), port, type=socket.SOCK_STREAM)
            result = [Address(family, name) for family, _, _, _, name in found]
        except Exception as error:  # noqa: BLE001 - raised in the thread or task that waits
            result = error
        except BaseException as error:  # noqa: BLE001 - a thread that ends without a report leaves its caller waiting
            result = OSError(f"the resolver ended with {type(error).__name__}")
        holder.clear()  # first, because the report can block on an event loop that has stopped
        report(result)


def _last(queue: SimpleQueue[_Lookup], idle: deque[SimpleQueue[_Lookup]]) -> _Lookup | None:
    """Remove the queue of a thread that ends. Return a lookup that was queued at the same moment, or None."""
    try:
        idle.remove(queue)
    except ValueError:
        return queue.get(timeout=60)  # a signal handler can interrupt the caller before it has queued the lookup
    return None


def addresses_of(result: LookupResult) -> list[Address]:
    """Return the addresses of a lookup; an exception of the lookup is raised."""
    if isinstance(result, Exception):
        raise result
    return result


SHARED = Resolver()
