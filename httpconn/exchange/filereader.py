"""The reader of a remote file: one version, a block cache, and the requests for missing ranges."""

import logging
from collections.abc import Awaitable, Callable

from ..core import rangeplan
from ..core.blockcache import BlockCache, Claim
from ..core.deadlines import Deadline
from ..core.filereads import FileVersion, PartRequest
from ..core.rangeplan import Span
from ..errors import HTTPConnError
from ..options import MIB
from ..runtime.port import Event, Port
from .batch import Batch, End
from .rangerequests import fetch_part
from .rules import Call

CACHE_SIZE = 8 * MIB  # Size of the block cache of a file in bytes. The cache holds at least four blocks.

logger: logging.Logger = logging.getLogger("httpconn.exchange")

# Starts a worker that runs a coroutine function, with a function that runs flows as its first argument. It returns
# False if no worker can be started.
StartWorker = Callable[..., bool]


class FileReader:
    """A reader of one version of a remote file, for one file object."""

    def __init__(self, block_size: int, connections: int, version: FileVersion | None = None) -> None:
        self._block_size = block_size
        self._connections = connections
        self.version: FileVersion = version or FileVersion(0)
        self.blocks: BlockCache[Event] = self._cache(block_size)
        self._working: set[object] = set()  # each change by a thread is atomic

    def _cache(self, size: int) -> BlockCache[Event]:
        return BlockCache(self.version.total, size, max(CACHE_SIZE // size, 4), self._connections)

    def after_fork(self) -> None:
        self._working.clear()
        self.blocks.after_fork()

    def clear(self) -> None:
        self.blocks.stop_ahead()
        self.blocks = self._cache(self._block_size)

    async def open(self, port: Port, call: Call, span: Span | None = None) -> bytes:
        """Fetch the version of the file, and its first block or another span."""
        span = span or (0, self._block_size)
        self.version, content = await fetch_part(port, call, PartRequest(span[0], span[1] - 1))
        # If the server sent the whole file, the file is one block.
        is_whole = len(content) == self.version.total
        self.blocks = self._cache(max(len(content), 1) if is_whole else self._block_size)
        if span[0] == 0 or is_whole:
            self.blocks.keep(0, content)
        return content

    async def read(self, port: Port, call: Call, start: int, end: int, start_worker: StartWorker) -> list[memoryview]:
        """Return the bytes from ``start`` to ``end`` in chunks, and read ahead with workers if there are any."""
        blocks, chunks, at = self.blocks, [], start  # another thread may replace ``blocks`` when it closes the file
        while at < end:
            self._read_ahead(call, blocks, blocks.plan_ahead(at, end), start_worker)
            chunk = blocks.at(at)
            if chunk is None:
                chunk = await self._load(port, call, blocks, at, end)
            chunks.append(chunk[: end - at])
            at += len(chunks[-1])
        return chunks

    async def _load(
        self, port: Port, call: Call, blocks: BlockCache[Event], at: int, end: int, *, is_alone: bool = False
    ) -> memoryview:
        """Request the missing bytes at an offset, or wait for the request of another reader, which may fail."""
        event = port.make_event()
        claim = blocks.claim(at, end, event)
        if claim.done is not event:
            await self._wait(port, call, claim.done)
            return claim.at(at)
        is_alone = is_alone or not self._working
        try:
            await self._fetch(port, call, blocks, claim)
        except HTTPConnError as error:
            if is_alone or not error.retryable:
                raise
            # A server that limits connections may have refused this request because of those that read ahead.
            for done in blocks.stop_ahead():
                await self._wait(port, call, done)
            return await self._load(port, call, blocks, at, end, is_alone=True)
        return claim.at(at)

    async def _wait(self, port: Port, call: Call, done: Event) -> None:
        await port.wait(done, Deadline.after(call.timeouts.total, port.now()))

    async def _fetch(self, port: Port, call: Call, blocks: BlockCache[Event], claim: Claim[Event]) -> None:
        try:
            claim.content = await self._fetch_part(port, call, claim.first, claim.last + 1)
        finally:
            blocks.release(claim)
            claim.done.set()

    async def _fetch_part(self, port: Port, call: Call, start: int, end: int) -> bytes:
        """Request a part. If the server has sent the whole file, keep all of it that the cache can hold."""
        self.version, content = await fetch_part(port, call, PartRequest(start, end - 1, self.version))
        if len(content) == end - start:
            return content
        self.blocks.keep(0, content)
        return content[start:end]

    def _read_ahead(self, call: Call, blocks: BlockCache[Event], requests: int, start_worker: StartWorker) -> None:
        for _ in range(min(requests, self._connections - len(self._working))):
            worker = object()
            self._working.add(worker)
            if not start_worker(self._work, call, blocks, worker):
                self._working.discard(worker)
                blocks.stop_ahead()
                return

    async def _work(
        self, run: Callable[..., Awaitable[bool]], call: Call, blocks: BlockCache[Event], worker: object
    ) -> None:
        try:
            while await run(self._fetch_ahead, call, blocks):
                pass
        except Exception as error:  # noqa: BLE001 - the reader makes the request itself and gets its error
            logger.info("Reading ahead ended: %s", error)
            blocks.stop_ahead()
        finally:
            self._working.discard(worker)

    async def _fetch_ahead(self, port: Port, call: Call, blocks: BlockCache[Event]) -> bool:
        """Fetch the next range to read ahead. Return whether there was one."""
        claim = blocks.claim_ahead(port.make_event())
        if claim is not None:
            await self._fetch(port, call, blocks, claim)
        return claim is not None

    async def read_ranges(self, port: Port, call: Call, ranges: list[slice]) -> list[bytes]:
        """Return the bytes of each range, from as few requests as :mod:`httpconn.core.rangeplan` makes."""
        return await self._read_spans(port, call, rangeplan.spans(ranges, self.version.total), {})

    async def fetch_ranges(self, port: Port, call: Call, ranges: list[slice]) -> list[bytes]:
        """Return the bytes of each range of a file that was not opened before."""
        first = rangeplan.opening(ranges)
        content = await self.open(port, call, first)
        if not content and self.version.total:  # the range is past the end, and a 416 need not name the version
            first, content = (0, 1), await self.open(port, call, (0, 1))
        received = {(0 if len(content) == self.version.total else first[0]): content}
        return await self._read_spans(port, call, rangeplan.spans(ranges, self.version.total), received)

    async def _read_spans(self, port: Port, call: Call, spans: list[Span], received: dict[int, bytes]) -> list[bytes]:
        missing, parts = list[Span](), dict[int, bytes]()
        for start, end in rangeplan.requests(spans):
            held = self.blocks.at(start) if start not in received else memoryview(received[start])
            if held is not None and len(held) >= end - start:
                parts[start] = bytes(held[: end - start])
            else:
                missing.append((start, end))
        await self._fetch_all(port, call, missing, parts)
        starts = sorted(parts)
        return [rangeplan.cut_out(span, parts, starts) for span in spans]

    async def _fetch_all(self, port: Port, call: Call, missing: list[Span], received: dict[int, bytes]) -> None:
        async def fetch(worker_port: Port, span: Span) -> None:
            received[span[0]] = await self._fetch_part(worker_port, call, *span)

        if len(missing) == 1 or self._connections == 1:
            for span in missing:
                await fetch(port, span)
        elif missing:
            async with port.worker_group() as (workers, worker_port):
                concurrency = min(self._connections, len(missing))
                batch = Batch(
                    workers,
                    iter(missing),
                    lambda _, span: fetch(worker_port, span),
                    concurrency=concurrency,
                    ordered=False,
                )
                while not isinstance(await batch.next(), End):
                    pass
