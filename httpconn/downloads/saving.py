"""The bodies of a download, one behind the other on disk."""

from __future__ import annotations

from ..core import digests, ranges
from ..core.requestbuilder import RequestSpec
from ..errors import HTTPConnError, LimitExceeded, TruncatedBody
from ..exchange.body import BlockReader, BodySource, expected_length, is_close_delimited
from ..exchange.rangebody import RangeBody
from ..exchange.requeststate import OpenResponse
from ..exchange.responseheads import validator_of
from ..progress import Meter
from .downloadstate import Job
from .segmented import BLOCK, CHECKPOINT_BYTES, CHECKPOINT_EVERY, Segmented, connections_for

LEAST_PART = 64 * 1024
"""Bytes of a part that is shorter than what was asked for and yet no failure; some servers give large files so."""


class Saving:
    """Takes answers' bodies to the partial file, and says which failure was progress nevertheless.

    Attributes:
        proven: more than the end of a connection says that the file is complete.
        spec: the request for the whole file.
        connections: most at once so far.
        alone: no further connection is to join any more.
    """

    def __init__(self, job: Job) -> None:
        self.proven: bool = True
        self.spec: RequestSpec = job.course.call.spec
        self.connections: int = 1
        self.alone: bool = False
        self._job = job
        self._port = job.port
        self._partial = job.partial
        job.course.most_received = job.partial.received
        self._meter: Meter | None = None

    async def whole(self, answer: OpenResponse) -> None:
        """Take a body for the whole file."""
        head = answer.head
        answer.body.begin()
        encoded = answer.body.is_encoded
        # What a coded body will unpack to is not known before it has.
        total = None if encoded else expected_length(head)
        await self._port.blocking(self._partial.begin, total, validator_of(head), encoded)
        if not encoded:
            self._partial.announce(digests.announced(head.field, partial=False))
        self.proven = not is_close_delimited(head)
        await self._receive(answer, answer.body)
        self._partial.end()

    async def rest(self, answer: OpenResponse, part: ranges.Continue) -> None:
        """Take a body for the rest, or for the next part of it."""
        most = answer.call.max_bytes
        if most is not None and part.total > most:
            raise LimitExceeded(f"The file has {part.total} bytes; {most} are allowed")
        answer.body.begin()
        await self._port.blocking(self._partial.go_on, part.total)
        self._partial.announce(digests.announced(answer.head.field, partial=True))
        self.proven = True
        await self._receive(answer, RangeBody(answer.body, part))
        if not self._partial.is_complete and part.length - part.discard < LEAST_PART:
            self._note_progress()
            raise TruncatedBody(f"The server gave {part.length} bytes where all of the rest was asked for")

    def finish(self, answer: OpenResponse) -> None:
        """The file stands under its name."""
        meter = self._meter or self._start(answer.state.attempts)
        meter.finish(self._port.now())

    def fail(self) -> None:
        """The download has failed: a bar that shows it has to go."""
        if self._meter is not None:
            self._meter.fail(self._port.now())

    async def _receive(self, answer: OpenResponse, body: BodySource) -> None:
        meter = self._meter = self._start(answer.state.attempts)
        now = self._port.now
        most = 1 if self.alone else connections_for(self._job, answer)
        try:
            if most > 1 or self._partial.behind:
                await self._in_segments(Segmented(self._job, self.spec, answer, body, meter, most))
            else:
                await self._write(BlockReader(body, BLOCK, lambda count: meter.advance(count, now())))
        except HTTPConnError:
            self._note_progress()
            raise
        await answer.close()

    async def _in_segments(self, segmented: Segmented) -> None:
        try:
            await segmented.run()
        finally:
            self.connections = max(self.connections, segmented.used)

    async def _write(self, blocks: BlockReader) -> None:
        partial, start = self._partial, self._partial.size
        # No function here refers to the partial file: it would not be dropped with the last reference outside.
        partial.incoming = lambda: [(start, blocks.chunks)]
        kept = start
        with self._port.repeat(partial.checkpoint, CHECKPOINT_EVERY) as checkpoints:
            while block := await blocks.receive():
                await self._port.blocking(partial.append, block)
                start = partial.size
                if start - kept >= CHECKPOINT_BYTES:
                    checkpoints.soon()
                    kept = start
                checkpoints.check()

    def _note_progress(self) -> None:
        """What an attempt has brought counts where the next one can go on with it."""
        if self._partial.held.resumable:
            self._job.course.record_progress(self._partial.received, self._port.now())

    def _start(self, attempt: int) -> Meter:
        job = self._job
        return Meter(
            job.wanted.progress,
            total=self._partial.total,
            url=job.course.call.spec.url.redacted,
            path=job.target,
            attempt=attempt,
            now=self._port.now(),
            start=self._partial.received,
        )
