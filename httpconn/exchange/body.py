"""The body of an answer: decoded in bounded pieces, counted, held to its deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from ..core.bandwidth import Bandwidth
from ..core.bodycounter import BodyCounter, ByteBudget, SpeedFloor, declared_length
from ..core.counters import HostCounters
from ..core.deadlines import Deadline
from ..core.decoding import Decoder, codings_of, decoder_for
from ..core.messages import Head
from ..core.ranges import parse_content_range
from ..errors import DecodingError, HTTPConnError, ProtocolError, TimedOut, TruncatedBody
from ..options import Limits
from ..ports.base import Exchange, Port

PIECE = 256 * 1024
"""Bytes that a decoder may hand out at once, so that a limit is noticed before much is unpacked."""

# No body follows these, whatever their header says (RFC 9110 section 6.4.1).
BODILESS = frozenset({204, 304})

PARTIAL = 206
_PLAIN_DIGITS = 18

T = TypeVar("T", bytes, int)


class Body:
    """Pulled piece by piece: ``receive`` for content, ``receive_wire`` for the bytes as they were sent.

    Nothing is held against it until it is begun: an answer's status is judged before its body.

    Attributes:
        owed: bytes that ``take`` gave and that are still to be paid for, under a bandwidth.
    """

    def __init__(
        self,
        port: Port,
        exchange: Exchange,
        deadline: Deadline,
        *,
        codings: frozenset[str],
        limits: Limits,
        max_bytes: int | None,
        budget: ByteBudget | None,
        floor: bool,
        bandwidths: tuple[Bandwidth, ...],
        counters: HostCounters,
    ) -> None:
        self._port = port
        self._exchange = exchange
        self._deadline = deadline
        self._codings = codings
        self._limits = limits
        self._counter = BodyCounter(max_bytes=max_bytes, limits=limits, budget=budget)
        self._floor = SpeedFloor(limits) if floor and limits.min_speed else None
        self._bandwidths = bandwidths
        self._host_counters = counters
        self.owed: int = 0
        self._as_sent = False
        self._decoder: Decoder | None = None
        self._begun = False
        self._pending = False
        self._ended = False

    @property
    def wire_bytes(self) -> int:
        """Bytes received so far, as they were sent."""
        return self._counter.wire

    @property
    def is_encoded(self) -> bool:
        """Whether the bytes on the wire are not those of the content."""
        return not self._as_sent and bool(codings_of(self._exchange.head.field("content-encoding")))

    def keep_coding(self) -> None:
        """Receive the body as it is sent, because its coding is the format of the file."""
        self._as_sent = True

    def begin(self) -> None:
        """Vet the header: framing, declared length, content coding."""
        head = self._exchange.head
        if self._limits.strict_framing and is_close_delimited(head):
            raise ProtocolError("Nothing but the end of the connection marks the end of the body")
        self._counter.expect(expected_length(head))
        if not self._as_sent and b"content-encoding" in head.values:
            self._decoder = decoder_for(head.field("content-encoding"), self._codings, self._count_between)
        self._begun = True

    def _count_between(self, count: int) -> None:
        self._counter.add_intermediate(count)
        self._deadline.check(self._port.now())

    async def receive(self) -> bytes:
        """The next decoded bytes; empty at the proper end of the body."""
        if not self._begun:
            self.begin()
        if self._decoder is None:
            return await self.receive_wire()
        while not self._ended:
            if self._pending:
                block = self._decoder.take(PIECE)
                if block:
                    self._counter.add_decoded(len(block))
                    return block
            await self._feed(self._decoder)
        return b""

    async def _feed(self, decoder: Decoder) -> None:
        data = await self.receive_wire()
        self._pending = bool(data)
        if data:
            decoder.feed(data)
        else:
            self._finish(decoder)

    def _finish(self, decoder: Decoder) -> None:
        """Where no framing proves that the body is whole, its coding has to; a cut one may be whole the next time."""
        if not is_close_delimited(self._exchange.head):
            decoder.finish()
            return
        try:
            decoder.finish()
        except DecodingError as error:
            raise TruncatedBody(error.message) from error
        if not self._counter.wire:
            raise TruncatedBody("The body ended before it began")

    async def receive_wire(self) -> bytes:
        """The next bytes as the server sent them, transfer coding removed; empty at the proper end."""
        if not self._begun:
            self.begin()
        if self._ended or self._exchange.complete:
            await self.pay()
            return self._end()
        return await self._received(self._exchange.receive) or self._end()

    def take(self) -> bytes:
        """What came with the header of a body that has no content coding."""
        self.begin()
        if self._decoder is not None:
            return b""
        data = self._exchange.take()
        self._counter.add_wire(len(data))
        self._host_counters.received += len(data)
        if self._bandwidths:
            self.owed += len(data)
        return data

    def has_ended(self) -> bool:
        """Whether its proper end has come; where False, only ``receive`` can tell."""
        if self._decoder is None and self._exchange.complete:
            self._end()
        return self._ended

    @property
    def remaining(self) -> int:
        """Bytes still to come that ``receive_into`` can take: those of a large body without a content coding."""
        return self._exchange.remaining if self._begun and self._decoder is None else 0

    async def receive_into(self, buffer: memoryview) -> int:
        """The next bytes, while there is a rest: how many were put into the buffer."""
        if self._bandwidths:
            buffer = buffer[: min(bandwidth.portion for bandwidth in self._bandwidths)]
        return await self._received(self._exchange.receive_into, buffer)

    async def _received(self, step: Callable[..., Awaitable[T]], *args: memoryview) -> T:
        if self.owed:
            await self.pay()
        if self._floor is not None:
            self._floor.check()
        began = self._port.now()
        self._deadline.check(began)
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
        self._host_counters.received += count
        if self._floor is not None and count:
            self._floor.add(count, self._port.now() - began)
        if self._bandwidths:
            self.owed += count
        return received

    async def pay(self) -> None:
        """Wait as long as the bandwidth asks for what was handed out: who has the bytes loses none if time is up."""
        if not self.owed:
            return
        now, count = self._port.now(), self.owed
        self.owed = 0
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
    """Return the length that the body will have on the wire, or None."""
    if head.status in BODILESS:
        return None
    value = head.values.get(b"content-length")
    if value is not None and len(value) < _PLAIN_DIGITS and value.isdigit() and b"transfer-encoding" not in head.values:
        return int(value)  # nearly always
    length = declared_length(head.field("content-length"), head.field("transfer-encoding"))
    if length is None and head.status == PARTIAL:
        part = parse_content_range(head.field("content-range"))
        return None if part is None else part.length
    return length


def is_close_delimited(head: Head) -> bool:
    """Whether nothing but the closing of the connection marks the end of the body (RFC 9112 section 6.3, rule 8)."""
    if head.field("content-length") is not None or head.status in BODILESS:
        return False
    if head.field("transfer-encoding") is not None:
        return False
    return head.version.startswith(b"HTTP/1")


class BodySource(Protocol):
    """What is pulled piece by piece."""

    async def receive(self) -> bytes:
        """The next piece; empty at the end."""

    @property
    def remaining(self) -> int:
        """Bytes still to come that ``receive_into`` can take."""

    async def receive_into(self, buffer: memoryview) -> int:
        """The next bytes, while there is a rest: how many were put into the buffer."""


class BlockReader:
    """A body in blocks of a size worth a hop to a worker thread.

    A body that breaks hands over what it has, and raises at the next call: what came is never lost.

    Attributes:
        chunks: of the block that is being received, or was received last. The next call begins a new list, so that a
            list that was emptied by its user is never filled again.
    """

    def __init__(self, body: BodySource, size: int, on_piece: Callable[[int], None]) -> None:
        self._body = body
        self._size = size
        self._on_piece = on_piece
        self._error: HTTPConnError | None = None
        self._buffer: memoryview | None = None
        self._over: bytes | memoryview = b""
        self.chunks: list[bytes | memoryview] = []

    async def receive(self, most: int | None = None) -> list[bytes | memoryview]:
        """The next block as the pieces that came, less than the size only where the body ends or breaks.

        A piece may be a view of a buffer that the next call fills anew.

        Args:
            most: bytes that are wanted, if they are fewer than a block.
        """
        if self._error is not None:
            raise self._error
        pieces = self.chunks = []
        missing = size = self._size if most is None else most
        try:
            while missing > 0 and (piece := await self._next(size - missing, size)):
                self._over = piece[missing:]
                pieces.append(piece[:missing])
                missing -= len(pieces[-1])
                self._on_piece(len(pieces[-1]))
        except HTTPConnError as error:
            if not pieces:
                raise
            self._error = error
        return pieces

    async def _next(self, start: int, end: int) -> bytes | memoryview:
        """The next piece. After the first, with which comes what there is already, it is received where it stays."""
        if self._over:
            return self._over
        if self._buffer is not None and self._body.remaining:
            count = await self._body.receive_into(self._buffer[start:end])
            return self._buffer[start : start + count]
        piece = await self._body.receive()
        if self._buffer is None and self._body.remaining:
            self._buffer = memoryview(bytearray(self._size))
        return piece
