"""The body of a response: decoding in bounded chunks, limits, speed and deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ..core.bodycounter import BodyCounter, SpeedFloor, declared_length
from ..core.deadlines import Deadline
from ..core.decoding import Decoder, codings_of, decoder_for
from ..core.messages import BODILESS, Head
from ..core.ranges import Continue, parse_content_range
from ..core.requestbuilder import RequestSpec
from ..errors import DecodingError, HTTPConnError, InvalidRequest, ProtocolError, TimedOut, TruncatedBody
from ..runtime.port import Exchange, Port

if TYPE_CHECKING:
    from .rules import Call

DECODED_CHUNK = 256 * 1024
"""Maximum bytes that a decoder returns at once. A small chunk lets a limit stop the decoder early."""

PARTIAL = 206
_MAX_DIGITS = 18

T = TypeVar("T", bytes, int)


class Body:
    """The body of a response. ``receive`` returns decoded bytes, ``receive_wire`` the bytes before content decoding.

    ``begin`` checks the header fields of the body. Before that call, the status can be handled without errors
    about the body.
    """

    def __init__(self, port: Port, exchange: Exchange, call: Call, spec: RequestSpec, deadline: Deadline) -> None:
        rules = call.rules
        self._port = port
        self._exchange = exchange
        self._deadline = deadline
        self._codings = spec.codings
        self._limits = rules.limits
        self._counter = BodyCounter(max_bytes=call.max_bytes, limits=rules.limits, budget=call.budget)
        self._has_floor = bool(call.min_speed and rules.limits.min_speed)
        self._floor: SpeedFloor | None = None  # until the first receive: many bodies arrive with their head
        self._bandwidths = () if call.bandwidth is None and rules.bandwidth is None else call.bandwidths
        self._host_counters = rules.counters.of(spec.url.origin.host)
        self.unthrottled: int = 0  # received bytes for which ``throttle`` has not yet waited
        self._is_decoded = True
        self._decoder: Decoder | None = None
        self._begun = False
        self._pending = False
        self._peeked: bytes | None = None
        # The header of a response to HEAD describes a body that is not sent (RFC 9110 section 9.3.2).
        self._ended = spec.method == "HEAD"

    @property
    def wire_bytes(self) -> int:
        return self._counter.wire

    @property
    def is_encoded(self) -> bool:
        """Whether ``receive`` decodes the received bytes."""
        head = self._exchange.head
        is_coded = self._is_decoded and b"content-encoding" in head.values
        return is_coded and bool(codings_of(head.field("content-encoding")))

    def keep_coding(self) -> None:
        """Do not decode the body, because its content coding is the format of the file."""
        self._is_decoded = False

    def begin(self) -> None:
        """Check the framing, the declared length and the content coding."""
        if self._ended:
            return
        head = self._exchange.head
        if self._limits.strict_framing and is_close_delimited(head):
            raise ProtocolError(
                "Only the end of the connection marks the end of the body, and strict_framing forbids that"
            )
        self._counter.expect(expected_length(head))
        if self._is_decoded and b"content-encoding" in head.values:
            self._decoder = decoder_for(head.field("content-encoding"), self._codings, self._count_between)
        self._begun = True

    def _count_between(self, count: int) -> None:
        self._counter.add_intermediate(count)
        self._deadline.check(self._port.now())

    async def receive(self) -> bytes:
        """Return the next decoded bytes, or ``b""`` at the end of a complete body."""
        if not self._begun:
            self.begin()
        if self._peeked:
            return self._take_peeked()
        if self._decoder is None:
            return await self.receive_wire()
        while not self._ended:
            if self._pending:
                block = self._decoder.take(DECODED_CHUNK)
                if block:
                    self._counter.add_decoded(len(block))
                    return block
            data = await self.receive_wire()
            self._pending = bool(data)
            if data:
                self._decoder.feed(data)
            else:
                self._finish(self._decoder)
        return b""

    async def peek(self, size: int) -> bytes:
        """Return the first bytes of the body, which later calls return again."""
        head = bytearray()
        while len(head) < size and (block := await self.receive()):
            head += block
        self._peeked = bytes(head)
        return self._peeked

    def _take_peeked(self) -> bytes:
        peeked, self._peeked = self._peeked, b""
        return peeked or b""

    def _finish(self, decoder: Decoder) -> None:
        # Without framing, only the content coding can show that bytes are missing. A retry may then receive all of
        # them.
        if not is_close_delimited(self._exchange.head):
            decoder.finish()
            return
        try:
            decoder.finish()
        except DecodingError as error:
            raise TruncatedBody(error.message) from error
        if not self._counter.wire:
            raise TruncatedBody("The connection ended before the first byte of the body")

    async def receive_wire(self) -> bytes:
        """Return the next bytes before content decoding, or ``b""`` at the end of a complete body."""
        if not self._begun:
            self.begin()
        if self._peeked:
            if self._decoder is not None:
                raise InvalidRequest("accept= has decoded the start of the body, so its raw bytes are not available")
            return self._take_peeked()
        if self._ended or self._exchange.complete:
            await self.throttle()
            return self._end()
        return await self._received(self._exchange.receive) or self._end()

    def take_buffered(self) -> bytes:
        """Begin the body and return the bytes that have arrived with the head, if the body has no content coding."""
        if self._peeked is not None:
            return self._take_peeked()
        self.begin()
        if self._decoder is not None:
            return b""
        data = self._exchange.take()
        self._counter.add_wire(len(data))
        self._host_counters["received"] += len(data)
        if self._bandwidths:
            self.unthrottled += len(data)
        return data

    def has_ended(self) -> bool:
        """Return whether the whole body is known to have arrived. If False, the next ``receive`` may return the end."""
        if self._decoder is None and self._exchange.complete:
            self._end()
        return self._ended

    @property
    def remaining(self) -> int:
        """Bytes that ``receive_into`` can still receive. 0 for small bodies and with a content coding."""
        return self._exchange.remaining if self._begun and self._decoder is None else 0

    async def receive_into(self, buffer: memoryview) -> int:
        """Receive the next bytes into a buffer, while ``remaining`` is positive, and return their number."""
        if self._bandwidths:
            buffer = buffer[: min(bandwidth.portion for bandwidth in self._bandwidths)]
        return await self._received(self._exchange.receive_into, buffer)

    async def _received(self, step: Callable[..., Awaitable[T]], *args: memoryview) -> T:
        if self.unthrottled:
            await self.throttle()
        if self._floor is not None:
            self._floor.check()
        elif self._has_floor:
            self._floor = SpeedFloor(self._limits)
        started_at = self._port.now()
        self._deadline.check(started_at)
        try:
            received = await step(*args)
        except TruncatedBody as error:
            raise self._counter.truncated() from error
        except TimedOut as error:
            if self._deadline.ended(error, self._port.now()):
                raise self._deadline.exceeded() from error
            raise
        count = received if isinstance(received, int) else len(received)
        self._counter.add_wire(count)
        self._host_counters["received"] += count
        if self._floor is not None and count:
            self._floor.add(count, self._port.now() - started_at)
        if self._bandwidths:
            self.unthrottled += count
        return received

    async def throttle(self) -> None:
        """Wait until the bandwidth limits allow further bytes, or raise at once if that is after the deadline."""
        # The wait follows the return of the received bytes, so that the caller keeps them if the deadline passes.
        if not self.unthrottled:
            return
        now, count = self._port.now(), self.unthrottled
        self.unthrottled = 0
        wait = max(bandwidth.spend(count, now) for bandwidth in self._bandwidths)
        if not wait:
            return
        if not self._deadline.allows(wait, now):
            raise self._deadline.exceeded()
        await self._port.sleep(wait)

    def _end(self) -> bytes:
        if not self._ended:
            self._counter.finish()
            self._ended = True
        return b""


def expected_length(head: Head) -> int | None:
    """Return the length of the body before content decoding, or None if it is not known."""
    if head.status in BODILESS:
        return None
    value = head.values.get(b"content-length")
    if value is not None and len(value) < _MAX_DIGITS and value.isdigit() and b"transfer-encoding" not in head.values:
        return int(value)  # fast path for nearly all responses
    length = declared_length(head.field("content-length"), head.field("transfer-encoding"))
    if length is None and head.status == PARTIAL:
        part = parse_content_range(head.field("content-range"))
        return None if part is None else part.length
    return length


def is_close_delimited(head: Head) -> bool:
    """Return whether only the end of the connection marks the end of the body (RFC 9112 section 6.3, rule 8)."""
    if head.field("content-length") is not None or head.status in BODILESS:
        return False
    if head.field("transfer-encoding") is not None:
        return False
    return head.version.startswith(b"HTTP/1")


class RangeBody:
    """The new bytes of a range, checked against the length in Content-Range."""

    def __init__(self, body: Body, part: Continue) -> None:
        self._body = body
        self._discard = part.discard
        self._missing = part.length

    async def receive(self) -> bytes:
        while data := await self._body.receive():
            self._count(len(data))
            new = data[self._discard :] if self._discard else data
            self._discard = max(0, self._discard - len(data))
            if new:
                return new
        if self._missing:
            raise TruncatedBody(f"The range ended {self._missing} bytes early")
        return b""

    @property
    def remaining(self) -> int:
        return 0 if self._discard else self._body.remaining

    async def receive_into(self, buffer: memoryview) -> int:
        count = await self._body.receive_into(buffer)
        self._count(count)
        return count

    def _count(self, received: int) -> None:
        self._missing -= received
        if self._missing < 0:
            raise ProtocolError("The range is longer than its Content-Range")


BodySource = Body | RangeBody


class BlockReader:
    """A reader that joins the chunks of a body into blocks, which are large enough to write in a worker thread.

    If the body breaks, the reader first returns the bytes received so far. The next call raises the error.
    """

    def __init__(self, body: BodySource, size: int, on_chunk: Callable[[int], None] | None = None) -> None:
        self._body = body
        self._size = size
        self._on_chunk = on_chunk
        self._error: HTTPConnError | None = None
        self.has_ended: bool = False
        self._buffer: memoryview | None = None
        self._surplus: bytes | memoryview = b""
        # The chunks of the current block. Each call of ``receive`` makes a new list. The caller may therefore empty the
        # list that it got.
        self.chunks: list[bytes | memoryview] = []

    async def receive(self, limit: int | None = None) -> list[bytes | memoryview]:
        """Return the chunks of the next block of the block size, or of ``limit`` bytes. The last block may be smaller.

        A chunk may be a view of a buffer that the next call overwrites.
        """
        if self._error is not None:
            raise self._error
        chunks = self.chunks = []
        if self.has_ended:
            return chunks
        missing = size = self._size if limit is None else limit
        try:
            while missing > 0 and (chunk := await self._next(size - missing, size)):
                self._surplus = chunk[missing:]
                chunks.append(chunk[:missing])
                missing -= len(chunks[-1])
                if self._on_chunk is not None:
                    self._on_chunk(len(chunks[-1]))
        except HTTPConnError as error:
            if not chunks:
                raise
            self._error = error
        else:
            self.has_ended = missing > 0
        return chunks

    async def _next(self, start: int, end: int) -> bytes | memoryview:
        """Return the next chunk. After the first chunk, receive into the buffer if the body allows it."""
        # The first chunk must be received by ``receive``: it includes the bytes that arrived with the head.
        if self._surplus:
            return self._surplus
        if self._buffer is not None and self._body.remaining:
            count = await self._body.receive_into(self._buffer[start:end])
            return self._buffer[start : start + count]
        chunk = await self._body.receive()
        if self._buffer is None and self._body.remaining:
            self._buffer = memoryview(bytearray(self._size))
        return chunk
