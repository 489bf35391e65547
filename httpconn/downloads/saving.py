"""The bodies of a download's responses, written to the partial file."""

from functools import partial as bound
from typing import NoReturn

from ..core import digests
from ..core.hubs import HubFile, no_field
from ..core.ranges import Continue, RangeResponse
from ..errors import HTTPConnError, IntegrityError, LimitExceeded, TruncatedBody, UnexpectedContent
from ..exchange.body import BlockReader, BodySource, RangeBody, is_close_delimited
from ..exchange.requeststate import OpenResponse
from ..progress import Meter
from .options import DownloadState
from .segmented import BLOCK, CHECKPOINT_BYTES, CHECKPOINT_EVERY, SegmentedTransfer, max_connections

MIN_RANGE = 64 * 1024
"""Bytes below which a range that is shorter than requested is an error. Some servers send large files in ranges."""


def unexpected(state: DownloadState, reason: str) -> UnexpectedContent:
    """Return the error of a body that is probably not the file."""
    kept = ". The received bytes are kept; resume=False discards them" if state.options.resume else ""
    return UnexpectedContent(reason + kept)


class BodyWriter:
    """Writes response bodies to the partial file, and records the progress of attempts that failed."""

    def __init__(self, state: DownloadState) -> None:
        self.is_length_proven: bool = True  # whether more than the end of the connection proves the length
        self.connections: int = 1  # highest number of simultaneous connections so far
        self.single_connection: bool = False  # use one connection from now on
        self._state = state
        self._port = state.port
        self._partial = state.partial
        state.request.most_received = state.partial.received
        self._size: int | None = None
        self._meter: Meter | None = None

    async def write_whole(self, response: OpenResponse, facts: RangeResponse, size: int | None, hub: HubFile) -> None:
        """Write a body that is the whole file, of the expected size if that is not None."""
        self._size = size
        if not self._partial.is_new:
            await self._port.blocking(bound(self._partial.restart, keep=True))
        response.body.begin()
        self._partial.begin_whole(facts)
        self._add_announced(response, hub, partial=False)
        is_framed = facts.length is not None or not is_close_delimited(response.head)
        self.is_length_proven = size is not None or is_framed
        await self._receive(response, response.body)
        if size is not None and self._partial.size < size:
            if not is_framed:
                raise TruncatedBody(f"The body ended after {self._partial.size} of {size} bytes")
            await self._reject(f"The file has {self._partial.size} bytes, but {size} were expected")
        if self._is_doubtful(facts):
            received = self._partial.size
            await self._port.blocking(self._partial.restart)
            raise unexpected(self._state, f"{received} bytes arrived instead of the remaining part of the file")
        self._partial.end()

    def _is_doubtful(self, facts: RangeResponse) -> bool:
        """Return whether a received body is not proven to be the file, while proven bytes of the file are kept."""
        partial, kept = self._partial, self._partial.kept
        if kept is None or partial.digest is not None or (facts.etag, facts.last_modified) != (None, None):
            return False
        return not self.is_length_proven or 2 * partial.size < (kept.total or 0)

    def _add_announced(self, response: OpenResponse, hub: HubFile, *, partial: bool) -> None:
        """Use the digests in the header; the digest from a hub describes the file even if the body is encoded."""
        if hub.digest is None and digests.NAMES.isdisjoint(response.head.values):  # as in most responses
            self._partial.add_announced(digests.Announced(None, ()))
            return
        field = no_field if response.body.is_encoded else response.head.field
        self._partial.add_announced(digests.announced(field, partial=partial, linked=hub.digest))

    async def write_range(self, response: OpenResponse, part: Continue, hub: HubFile) -> None:
        """Write a body that is a range of missing bytes."""
        limit, self._size = response.call.max_bytes, part.total
        if limit is not None and part.total > limit:
            raise LimitExceeded(f"The file has {part.total} bytes; the limit is {limit}", "size", limit, part.total)
        response.body.begin()
        self._partial.begin_range(part.total)
        self._add_announced(response, hub, partial=True)
        self.is_length_proven = True
        await self._receive(response, RangeBody(response.body, part))
        if not self._partial.is_complete and part.length - part.discard < MIN_RANGE:
            self._record_progress()
            raise TruncatedBody(f"The server sent {part.length} bytes where all remaining bytes were requested")

    def finish(self) -> None:
        """Report that the file is at its path."""
        if self._state.options.progress is not None:
            meter = self._meter or self._start_meter(self._state.request.attempts)
            meter.finish(self._port.now())

    def fail(self) -> None:
        """Report that the download has failed, so that its progress bar is removed."""
        if self._meter is not None:
            self._meter.fail(self._port.now())

    async def _receive(self, response: OpenResponse, body: BodySource) -> None:
        if self._partial.is_large:
            await self._port.blocking(self._partial.reserve)
        meter = self._meter = self._start_meter(response.state.attempts)
        now, has_display = self._port.now, self._state.options.progress is not None
        limit = 1 if self.single_connection else max_connections(self._state, response)
        try:
            if limit > 1 or self._partial.later_ranges:
                await self._receive_segments(SegmentedTransfer(self._state, response, body, meter, limit))
            else:
                on_chunk = (lambda count: meter.advance(count, now())) if has_display else None
                await self._append(BlockReader(body, BLOCK, on_chunk))
        except HTTPConnError:
            self._record_progress()
            raise
        await response.close()

    async def _receive_segments(self, transfer: SegmentedTransfer) -> None:
        try:
            await transfer.run()
        finally:
            self.connections = max(self.connections, transfer.used)

    async def _append(self, reader: BlockReader) -> None:
        partial, start = self._partial, self._partial.size
        # This function must not refer to the partial file: a cycle would keep the file open after the last reference.
        partial.pending = lambda: [(start, reader.chunks)]
        saved = start
        with self._port.repeat(partial.checkpoint, CHECKPOINT_EVERY) as checkpoints:
            while block := await reader.receive():
                if not (reader.has_ended and partial.append_last(block)):
                    await self._port.blocking(partial.append, block)
                start = partial.size
                if self._size is not None and start > self._size:
                    await self._reject(f"The file has more than {self._size} bytes, the expected size")
                if start - saved >= CHECKPOINT_BYTES:
                    checkpoints.soon()
                    saved = start
                checkpoints.check()

    async def _reject(self, reason: str) -> NoReturn:
        """Discard a file that cannot be the expected one."""
        await self._port.blocking(self._partial.restart)
        raise IntegrityError(reason)

    def _record_progress(self) -> None:
        """Count the received bytes as progress if the next attempt can continue from them."""
        if self._partial.held.resumable:
            self._state.request.record_progress(self._partial.received, self._port.now())

    def _start_meter(self, attempt: int) -> Meter:
        state = self._state
        return Meter(
            state.options.progress,
            total=self._size if self._partial.total is None else self._partial.total,
            url="" if state.options.progress is None else state.request.call.spec.url.redacted,
            path=state.target,
            attempt=attempt,
            started_at=self._port.now(),
            start=self._partial.received,
        )
