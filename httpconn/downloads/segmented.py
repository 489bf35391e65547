"""The transfer of a file in segments, over several connections at once.

The open response delivers the first missing bytes. Each further connection takes over the second half of the largest
remaining segment. So a slow connection delays the file only a little, and a file has no more segments than it needs.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial as bound

from ..core import segments
from ..core.filereads import PartRequest, decide
from ..core.ranges import Changed, Continue, Fail, RequestWhole
from ..core.segments import Parallelism, Segment, SegmentPlan
from ..errors import (
    FileChanged,
    HTTPConnError,
    RangesRefused,
    StatusError,
    TruncatedBody,
)
from ..exchange.attempts import run_attempts
from ..exchange.body import BlockReader, BodySource
from ..exchange.requeststate import OpenResponse, RequestState
from ..exchange.responseheads import keep_own_format, range_head, version_of
from ..exchange.rules import Call
from ..progress import Meter
from ..runtime.port import Channel, Port, Repeated, WorkerGroup
from .expectations import require_type
from .options import FINAL, DownloadState

logger: logging.Logger = logging.getLogger("httpconn.download")

BLOCK = 1024 * 1024  # Bytes per write in a worker thread. A switch to a worker thread costs as much as copying 64 KiB.
TICK = 0.1  # seconds between two progress checks

CHECKPOINT_EVERY = 1.0
CHECKPOINT_BYTES = 8 * 1024 * 1024
"""Seconds and bytes between two checkpoints, which a crash can lose. The transfer continues during a checkpoint."""

MAX_WAIT = 1.0
"""Longest wait in seconds before a retry on one of several connections. A longer wait leaves the segment to others."""


def max_connections(state: DownloadState, response: OpenResponse) -> int:
    """Return how many connections may receive the missing bytes; 1 if only the open response can deliver them."""
    partial, requested = state.partial, state.options.segments
    if requested == 1 or partial.validator is None or partial.total is None:
        return 1
    smallest = segments.MIN_REMAINING if requested is None else 2 * segments.MIN_SEGMENT
    if partial.total - partial.received < smallest:
        return 1
    if requested is None and response.head.status != 206 and response.head.field("accept-ranges") != "bytes":
        return 1
    rules = response.call.rules
    of_host = rules.limit_for(response.request.origin) or rules.limits.per_host
    if not state.port.can_start_workers():
        return 1
    return min(rules.limits.max_connections, of_host, requested or segments.MAX_AUTOMATIC)


class SegmentedTransfer:
    """A download over several connections.

    Args:
        state: state of the download; its partial file knows the version and the size of the whole file.
        response: open response whose body begins with the first missing bytes.
    """

    def __init__(
        self, state: DownloadState, response: OpenResponse, body: BodySource, meter: Meter, limit: int
    ) -> None:
        self._port = state.port
        self._request = state.request
        self._partial = state.partial
        self._spec = state.spec
        self._name = state.target.name
        self._expect_type = state.options.expect_type
        self._response = response
        self._body = body
        self._meter = meter
        self._limit = limit
        self._call = state.request.call if limit == 1 else _with_short_waits(state.request.call)
        self._parallelism = Parallelism(1 if state.options.segments is None else limit)
        self._spare = state.options.spare if state.options.segments is None else None
        self._plan = SegmentPlan(state.partial.total or 0, [(0, state.partial.size), *state.partial.later_ranges])
        self._first = self._plan.first()
        self._version = version_of(response.head, self._plan.total, state.partial.validator)
        self._errors: list[HTTPConnError] = []
        self._raised: list[Exception] = []
        self._attempts: list[int] = []
        self._working: set[object] = set()  # each change by a thread is atomic
        self._reported = self._measured = self._saved = state.partial.received
        self._wakes: Channel[None]  # an item for each worker that has ended
        self._measured_at = state.port.now()
        self._incoming: dict[object, tuple[Segment, BlockReader]] = {}

    @property
    def used(self) -> int:
        """Highest number of simultaneous connections that received bytes."""
        return self._plan.used

    async def run(self) -> None:
        """Receive all missing bytes. After an error, the partial file has a record of the bytes received so far.

        Raises:
            FileChanged: the server has another version of the file now.
            RangesRefused: the server sends no further range.
            HTTPConnError: the transfer failed.
        """
        try:
            async with self._port.worker_group() as (workers, port):
                self._wakes = workers.channel()
                try:
                    self._partial.pending = bound(_pending, self._incoming)
                    self._start_worker(workers, port, self._response)
                    with self._port.repeat(self._partial.checkpoint, CHECKPOINT_EVERY) as checkpoints:
                        while not self._is_finished():
                            self._add_workers(workers, port)
                            await self._tick(checkpoints)
                finally:
                    await self._response.close()
        finally:
            self._request.attempts += sum(self._attempts)
            self._report(self._port.now())

    def _is_finished(self) -> bool:
        """Return whether all bytes are on disk; raise the error that prevents it."""
        is_idle = not self._working  # read before the bytes and errors, which a worker adds before it ends
        for raised in self._raised:
            raise raised
        if sum(end - start for start, end in self._plan.done) == self._plan.total:
            return True
        for error in self._errors:
            if isinstance(error, FINAL):
                raise error
        if is_idle and self._errors:  # without an error, the workers and this flow are cancelled
            raise _ranges_refused(self._errors[-1]) if self._limit > 1 else self._errors[-1]
        return False

    def _start_worker(self, workers: WorkerGroup, port: Port, response: OpenResponse | None = None) -> None:
        worker = object()
        self._working.add(worker)
        started = False
        try:
            started = workers.start(self._work, port, worker, response)
        finally:
            if not started:
                self._end_worker(worker, response)

    def _end_worker(self, worker: object, response: OpenResponse | None) -> None:
        if self._spare is not None and response is None:
            self._spare.give_back()
        self._working.remove(worker)

    def _add_workers(self, workers: WorkerGroup, port: Port) -> None:
        """Start workers up to the current number of connections, unless one has failed."""
        if self._errors:
            return
        missing = min(self._limit, self._parallelism.connections) - len(self._working)
        for _ in range(missing if self._plan.has_more else 0):
            if self._spare is not None and not self._spare.take():
                return
            self._start_worker(workers, port)

    async def _tick(self, checkpoints: Repeated) -> None:
        """Report the progress, request a checkpoint if it is due, and adapt the number of connections to the speed."""
        now = self._port.now()
        self._request.deadline.check(now)
        received = self._report(now)
        if now - self._measured_at >= self._parallelism.seconds:
            speed = (received - self._measured) / (now - self._measured_at)
            self._parallelism = self._parallelism.after(speed, self._plan.total - received)
            self._measured_at, self._measured = now, received
        if received - self._saved >= CHECKPOINT_BYTES:
            checkpoints.soon()
            self._saved = received
        checkpoints.check()
        if not self._partial.is_hashed:
            await self._port.blocking(self._partial.hash_more)
        else:
            end = self._request.deadline.at
            await self._wakes.receive(TICK if end is None else min(TICK, end - now))

    def _report(self, now: float) -> int:
        """Report the progress; return the number of bytes on disk."""
        self._partial.set_ranges(self._plan.done)
        received = self._partial.received
        self._meter.advance(received - self._reported, now)
        self._reported = received
        return received

    async def _work(self, port: Port, worker: object, response: OpenResponse | None) -> None:
        """Receive segments on one connection until none is left."""
        try:
            if response is not None:
                await self._receive_first(port, response)
            while (segment := self._plan.take()) is not None:
                await self._request_segment(port, segment)
        except HTTPConnError as error:
            logger.info("A connection of the download ended: %s", error)
            self._errors.append(error)
        except Exception as error:  # noqa: BLE001 - raised again in the flow that waits for the workers
            self._raised.append(error)
        finally:
            self._end_worker(worker, response)
            self._wakes.send(None)

    async def _receive_first(self, port: Port, response: OpenResponse) -> None:
        """Receive the body of the open response. If it breaks, its remaining bytes become an ordinary segment."""
        try:
            await self._receive(port, self._body, self._first)
        except HTTPConnError as error:
            if isinstance(error, FINAL) or not error.retryable:
                raise
            logger.info("The first connection of the download broke: %s", error)
        finally:
            self._plan.release(self._first)
            await response.close()

    async def _request_segment(self, port: Port, segment: Segment) -> None:
        now = port.now()
        state = RequestState(self._call, self._request.url, now, self._request.deadline, progress_at=now)
        part = self._prepare_request(state, segment)

        async def receive(response: OpenResponse) -> None:
            nonlocal part
            try:
                await self._receive_part(port, part, segment, response)
            except HTTPConnError:
                state.record_progress(segment.position - segment.start, port.now())
                part = self._prepare_request(state, segment)
                raise

        try:
            await run_attempts(port, state, receive)
        finally:
            self._plan.release(segment)
            self._attempts.append(state.attempts)

    def _prepare_request(self, state: RequestState, segment: Segment) -> PartRequest:
        """Set the range of the next attempt. Another connection may take over the end of the segment."""
        part = PartRequest(segment.position, segment.end - 1, self._version)
        state.call = replace(state.call, spec=self._spec.with_fields(part.fields))
        return part

    async def _receive_part(self, port: Port, part: PartRequest, segment: Segment, response: OpenResponse) -> None:
        keep_own_format(response, self._name)
        require_type(self._expect_type, response)
        _require_part(part, response)
        response.body.begin()
        await self._receive(port, response.body, segment)
        if segment.position < segment.end:
            raise TruncatedBody(f"The range ended {segment.end - segment.position} bytes early")
        await response.close()

    async def _receive(self, port: Port, body: BodySource, segment: Segment) -> None:
        reader, key = BlockReader(body, BLOCK), object()
        self._incoming[key] = segment, reader
        try:
            while limit := self._plan.reserve(segment, BLOCK):
                block = await reader.receive(limit)
                if not block:
                    break
                count = await port.blocking(self._partial.write_at, segment.position, block)
                self._plan.advance(segment, count)
        except HTTPConnError:
            del self._incoming[key]
            raise
        # No finally: after an interruption, the last checkpoint writes the chunks that are still in the reader.
        del self._incoming[key]


def _require_part(part: PartRequest, response: OpenResponse) -> None:
    """Raise an error, which ends the connection, unless the response is the requested range."""
    match decide(part, range_head(response, range_requested=True)):
        case Continue():
            return
        case Fail():
            raise StatusError(response.without_body)
        case Changed(reason):
            raise FileChanged(f"The file has changed: {reason}")
        case RequestWhole(reason):
            raise RangesRefused(f"The server does not send the requested range: {reason}")
    raise RangesRefused("The server does not send the requested range")


def _pending(incoming: dict[object, tuple[Segment, BlockReader]]) -> list[tuple[int, list[bytes | memoryview]]]:
    """Return the received bytes that are not written; see :data:`httpconn.downloads.partial.Pending`."""
    return [(segment.position, reader.chunks) for segment, reader in list(incoming.values())]


def _with_short_waits(call: Call) -> Call:
    """Limit the waits before retries to ``MAX_WAIT``."""
    retries = call.rules.retries
    waits = {name: min(getattr(retries, name), MAX_WAIT) for name in ("backoff", "backoff_max", "max_retry_after")}
    return replace(call, rules=replace(call.rules, retries=replace(retries, **waits)))


def _ranges_refused(error: HTTPConnError) -> HTTPConnError:
    """Return an error that lets the download continue on one connection, if a status ended the last connection."""
    if not isinstance(error, StatusError):
        return error
    refused = RangesRefused("The server does not accept further connections for this file")
    refused.__cause__ = error
    return refused
