"""A file on several connections at once, each of which brings a part of it.

The answer that there is already brings the first bytes that are missing. Who joins takes over the second half of what
the slowest has left; so nobody waits for a slow connection for long, and a file has as many parts as it needs.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial as bound

from ..core import segments
from ..core.deadlines import Deadline
from ..core.filereads import Changed, Fail, FileVersion, Part, PartRequest, Refused, decide
from ..core.requestbuilder import RequestSpec
from ..core.segments import Parallelism, Segment, SegmentPlan
from ..errors import (
    DeadlineExceeded,
    FileChanged,
    HTTPConnError,
    LimitExceeded,
    RangesRefused,
    StatusError,
    StorageError,
    TruncatedBody,
)
from ..exchange.attempts import run_attempts
from ..exchange.body import BlockReader, BodySource
from ..exchange.requeststate import Call, OpenResponse, RequestState
from ..exchange.responseheads import keep_own_format, range_head, validator_of
from ..ports.base import Crew, Port, Repeated, Signal
from ..progress import Meter
from .downloadstate import Job

logger: logging.Logger = logging.getLogger("httpconn.download")

BLOCK = 1024 * 1024
"""Bytes that are written in one hop: a hop to a worker thread costs as much as copying 64 KiB."""

TICK = 0.1
"""Seconds between two looks at how far all have come."""

CHECKPOINT_EVERY = 1.0
CHECKPOINT_BYTES = 8 * 1024 * 1024
"""Seconds, and bytes, of a transfer that a crash may cost. A checkpoint waits for the disk, the transfer does not."""

BRIEF = 1.0
"""Seconds that one connection of several waits to ask again; who is to wait longer leaves its part to others."""

# These end the download, and not one of its connections alone.
_FATAL = (StorageError, LimitExceeded, DeadlineExceeded)


def connections_for(job: Job, answer: OpenResponse) -> int:
    """How many connections the rest of a file may have; 1 where nothing but this answer is to be had."""
    partial, wanted = job.partial, job.wanted.segments
    limits = answer.call.rules.limits
    most = min(limits.max_connections, limits.max_per_host or limits.max_connections, wanted or segments.MAX_AUTOMATIC)
    if wanted == 1 or partial.validator is None or partial.total is None:
        return 1
    rest = partial.total - partial.received
    if wanted is not None:
        return most if rest >= 2 * segments.MIN_SEGMENT else 1
    takes_ranges = answer.head.status == 206 or answer.head.field("accept-ranges") == "bytes"
    return most if takes_ranges and rest >= segments.MIN_REMAINING else 1


class Segmented:
    """One download on several connections.

    Args:
        job: whose partial file knows the version, and the size of the whole.
        spec: the request for the whole.
        answer: an open one whose body brings the first bytes that are missing, and more.
        body: that body.
        meter: is told how far it has come.
        most: connections at once.
    """

    def __init__(
        self, job: Job, spec: RequestSpec, answer: OpenResponse, body: BodySource, meter: Meter, most: int
    ) -> None:
        self._port = job.port
        self._course = job.course
        self._partial = job.partial
        self._spec = spec
        self._name = job.target.name
        self._answer = answer
        self._body = body
        self._meter = meter
        self._most = most
        self._call = job.course.call if most == 1 else _brief(job.course.call)
        self._parallelism = Parallelism(1 if job.wanted.segments is None else most)
        self._plan = SegmentPlan(job.partial.total or 0, [(0, job.partial.size), *job.partial.behind])
        self._first = self._plan.first()
        self._version = _version_of(answer, self._plan.total, job.partial.validator)
        self._errors: list[HTTPConnError] = []
        self._raised: list[Exception] = []
        self._attempts: list[int] = []
        self._working: set[object] = set()  # changed by threads, each step at once
        self._told = self._counted = job.partial.received
        self._signal: Signal = job.port.signal()
        self._looked = job.port.now()
        self._kept = job.partial.received
        self._incoming: dict[object, tuple[Segment, BlockReader]] = {}

    @property
    def used(self) -> int:
        """Connections that brought parts, most at once so far."""
        return self._plan.used

    async def run(self) -> None:
        """Fetch all that is missing. What there is when it fails is known to the partial file.

        Raises:
            FileChanged: there is another version now, and none that would bring the rest of the old one.
            RangesRefused: the server gives no more than one answer at a time, or none but the whole.
        """
        try:
            async with self._port.crew() as (crew, port):
                try:
                    self._partial.incoming = bound(_received, self._incoming)
                    self._start(crew, port, self._answer)
                    with self._port.repeat(self._partial.checkpoint, CHECKPOINT_EVERY) as checkpoints:
                        while not self._is_over():
                            self._grow(crew, port)
                            await self._tick(checkpoints)
                finally:
                    await self._answer.close()
        finally:
            self._course.attempts += sum(self._attempts)
            self._tell(self._port.now())
            self._partial.join()

    def _is_over(self) -> bool:
        """Whether all is there; raises what keeps it from ever being."""
        is_idle = not self._working  # before all else: who has left by now has told what there was to tell
        for raised in self._raised:
            raise raised
        if self._count() == self._plan.total:
            return True
        fatal = next((error for error in self._errors if isinstance(error, _FATAL)), None)
        if fatal is not None:
            raise fatal
        if is_idle and self._errors:  # without an error they were stopped, and so will this be
            raise _refusal(self._errors[-1]) if self._most > 1 else self._errors[-1]
        return False

    def _start(self, crew: Crew, port: Port, answer: OpenResponse | None = None) -> None:
        member = object()
        self._working.add(member)
        crew.start(self._labour, port, member, answer)

    def _grow(self, crew: Crew, port: Port) -> None:
        """More connections, unless the server has refused one."""
        if self._errors:
            return
        wanted = min(self._most, self._parallelism.connections) - len(self._working)
        for _ in range(wanted if self._plan.has_more else 0):
            self._start(crew, port)

    async def _tick(self, checkpoints: Repeated) -> None:
        """Tell how far it has come, keep it, and look at the speed."""
        now = self._port.now()
        self._course.deadline.check(now)
        received = self._tell(now)
        if now - self._looked >= segments.MEASURE_SECONDS:
            speed = (received - self._counted) / (now - self._looked)
            self._parallelism = self._parallelism.after(speed, self._plan.total - received)
            self._looked, self._counted = now, received
        if received - self._kept >= CHECKPOINT_BYTES:
            checkpoints.soon()
            self._kept = received
        checkpoints.check()
        if not self._partial.is_hashed:
            await self._port.blocking(self._partial.catch_up)
        else:
            await self._pause(now)

    def _tell(self, now: float) -> int:
        """How many bytes there are, for whoever wants to know."""
        self._partial.cover(self._plan.done)
        received = self._partial.received
        self._meter.advance(received - self._told, now)
        self._told = received
        return received

    async def _pause(self, now: float) -> None:
        signal = self._signal = self._port.signal()
        if self._is_over():  # before it could be told by the new signal
            return
        try:
            await self._port.wait(signal, Deadline.after(TICK, now).sooner(self._course.deadline))
        except DeadlineExceeded:
            self._course.deadline.check(self._port.now())

    def _count(self) -> int:
        return sum(end - start for start, end in self._plan.done)

    async def _labour(self, port: Port, member: object, answer: OpenResponse | None) -> None:
        """One connection's work, until nothing is left to take."""
        try:
            if answer is not None:
                await self._go_on(port, answer)
            while (segment := self._plan.take()) is not None:
                await self._fetch(port, segment)
        except HTTPConnError as error:
            logger.info("A connection is given up: %s", error)
            self._errors.append(error)
        except Exception as error:  # noqa: BLE001 - raised where the download is waited for
            self._raised.append(error)
        finally:
            self._working.remove(member)
            self._signal.set()

    async def _go_on(self, port: Port, answer: OpenResponse) -> None:
        """With the answer that there is; where it breaks, what is left of it is asked for like any other part."""
        try:
            await self._receive(port, self._body, self._first)
        except HTTPConnError as error:
            if isinstance(error, _FATAL) or not error.retryable:
                raise
            logger.info("The first connection broke: %s", error)
        finally:
            self._plan.release(self._first)
            await answer.close()

    async def _fetch(self, port: Port, segment: Segment) -> None:
        now = port.now()
        course = RequestState(self._call, self._course.url, now, self._course.deadline, progress_at=now)
        question = _Question(self._spec, self._version, segment, course)
        question.ask()
        try:
            await run_attempts(port, course, bound(self._take, port, question))
        finally:
            self._plan.release(segment)
            self._attempts.append(course.attempts)

    async def _take(self, port: Port, question: _Question, answer: OpenResponse) -> None:
        keep_own_format(answer, self._name)
        question.require_part(answer)
        answer.body.begin()
        segment = question.segment
        try:
            await self._receive(port, answer.body, segment)
            if segment.position < segment.end:
                raise TruncatedBody("The part ended early")
        except HTTPConnError:
            question.course.record_progress(segment.position - segment.start, port.now())
            question.ask()
            raise
        await answer.close()

    async def _receive(self, port: Port, body: BodySource, segment: Segment) -> None:
        blocks, key = BlockReader(body, BLOCK, lambda _: None), object()
        self._incoming[key] = segment, blocks
        try:
            while most := self._plan.reserve(segment, BLOCK):
                block = await blocks.receive(most)
                if not block:
                    break
                count = await port.blocking(self._partial.place, segment.position, block)
                self._plan.advance(segment, count)
        except HTTPConnError:
            del self._incoming[key]
            raise
        # Not after an interruption: then the pieces are there to be kept.
        del self._incoming[key]


class _Question:
    """What the next attempt to fetch a segment asks for; meanwhile others may take over its end."""

    def __init__(self, spec: RequestSpec, version: FileVersion, segment: Segment, course: RequestState) -> None:
        self.segment = segment
        self.course = course
        self._spec = spec
        self._version = version

    def ask(self) -> None:
        """For what is missing now."""
        self._wanted = PartRequest(self.segment.position, self.segment.end - 1, self._version)
        self.course.call = self.course.call._replace(spec=self._spec.with_fields(self._wanted.fields))

    def require_part(self, answer: OpenResponse) -> None:
        """Anything but what was asked for is an error, after which nothing more is asked for on this connection."""
        match decide(self._wanted, range_head(answer, range_requested=True)):
            case Part():
                return
            case Fail():
                raise StatusError(answer.without_body)
            case Changed(reason):
                raise FileChanged(f"The file has changed: {reason}")
            case Refused(reason):
                raise RangesRefused(f"No further part is to be had: {reason}")
        raise RangesRefused("No further part is to be had")


def _received(incoming: dict[object, tuple[Segment, BlockReader]]) -> list[tuple[int, list[bytes | memoryview]]]:
    """See :data:`httpconn.downloads.partial.Incoming`."""
    return [(segment.position, blocks.chunks) for segment, blocks in list(incoming.values())]


def _brief(call: Call) -> Call:
    """The same, with no long pause between two attempts."""
    retries = call.rules.retries
    waits = {name: min(getattr(retries, name), BRIEF) for name in ("backoff", "backoff_max", "max_retry_after")}
    return call._replace(rules=replace(call.rules, retries=replace(retries, **waits)))


def _refusal(error: HTTPConnError) -> HTTPConnError:
    """What a status says to one connection of many is not said to one alone."""
    if not isinstance(error, StatusError):
        return error
    refused = RangesRefused("No further connection is to be had")
    refused.__cause__ = error
    return refused


def _version_of(answer: OpenResponse, total: int, validator: str | None) -> FileVersion:
    """What the further answers have to name: what this one does, which belongs to what there is."""
    head = answer.head
    etag, modified = head.field("etag"), head.field("last-modified")
    return FileVersion(total, etag, modified, validator or validator_of(head))
