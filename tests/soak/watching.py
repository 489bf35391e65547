"""The records of a worker: the outcomes of calls, and the resources of the process."""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

import psutil

from httpconn import HTTPConnError

SAMPLES = 20
_process = psutil.Process()


@dataclass(frozen=True)
class Holdings:
    """The resources of a process: memory in bytes; numbers of memory blocks, descriptors and threads."""

    rss: int
    blocks: int
    descriptors: int
    threads: int


def holdings() -> Holdings:
    """Return the resources of this process."""
    return Holdings(_process.memory_info().rss, sys.getallocatedblocks(), _process.num_fds(), threading.active_count())


@dataclass
class Outcome:
    """The figures of one face.

    Attributes:
        right: calls with the correct body.
        wrong: numbers of the calls with another body.
        failed: numbers of the calls with an HTTPConnError, and the attempts of each.
        errors: count of each class of HTTPConnError.
        foreign: other exceptions.
        late: calls that ended after their deadline.
        complaints: warnings and uncaught exceptions.
        slowest: seconds of the slowest call.
        seconds: duration of the run.
        before: resources after the first call.
        after: resources after the connection object was closed.
        tasks: living tasks, before and after; empty for threads.
        samples: resources at each twentieth of the run.
    """

    face: str
    requests: int
    right: int = 0
    wrong: list[int] = field(default_factory=list)
    failed: dict[int, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    late: int = 0
    complaints: list[str] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0
    before: Holdings | None = None
    after: Holdings | None = None
    tasks: list[int] = field(default_factory=list)
    samples: list[Holdings] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """The number of ended calls."""
        return self.right + len(self.wrong) + len(self.failed) + len(self.foreign)


class Tally:
    """Counts the outcomes of all threads or tasks, and takes the samples."""

    def __init__(self, outcome: Outcome, deadline: float) -> None:
        self.outcome = outcome
        self._deadline = deadline
        self._every = max(1, outcome.requests // SAMPLES)
        self._lock = threading.Lock()

    def ended(self, number: int, result: bytes | Exception, expected: bytes, seconds: float) -> None:
        """Record the end of a call."""
        with self._lock:
            self._count(number, result, expected)
            self.outcome.slowest = max(self.outcome.slowest, seconds)
            self.outcome.late += seconds > self._deadline
            if self.outcome.ended % self._every == 0:
                self.outcome.samples.append(holdings())

    def _count(self, number: int, result: bytes | Exception, expected: bytes) -> None:
        if isinstance(result, HTTPConnError):
            self.outcome.failed[number] = result.attempts
            kind = type(result).__name__
            self.outcome.errors[kind] = self.outcome.errors.get(kind, 0) + 1
        elif isinstance(result, Exception):
            self.outcome.foreign.append(repr(result))
        elif result == expected:
            self.outcome.right += 1
        else:
            self.outcome.wrong.append(number)


class Complaints(logging.Handler):
    """Records the logs of event loops, and uncaught exceptions of finalizers and threads."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard
        logging.getLogger("asyncio").addHandler(self)
        sys.unraisablehook = self._note
        threading.excepthook = self._note

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(record.getMessage())

    def _note(self, raised: Any) -> None:
        self._heard.append(repr(raised.exc_value))
