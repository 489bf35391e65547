"""The body of a 206: the bytes that follow on what there is."""

from __future__ import annotations

from ..core.ranges import Continue
from ..errors import ProtocolError, TruncatedBody
from .body import Body


class RangeBody:
    """A part without what is there already, held to the length that its Content-Range gave."""

    def __init__(self, body: Body, part: Continue) -> None:
        self._body = body
        self._unwanted = part.discard
        self._missing = part.length

    async def receive(self) -> bytes:
        """The next new bytes; empty at the end of the part.

        Raises:
            TruncatedBody: the part is shorter than it said.
            ProtocolError: it is longer.
        """
        while data := await self._body.receive():
            self._count(len(data))
            fresh = data[self._unwanted :] if self._unwanted else data
            self._unwanted = max(0, self._unwanted - len(data))
            if fresh:
                return fresh
        if self._missing:
            raise TruncatedBody(f"The part ended {self._missing} bytes early")
        return b""

    @property
    def remaining(self) -> int:
        """See :class:`httpconn.exchange.body.Body`; 0 while there is something to leave out."""
        return 0 if self._unwanted else self._body.remaining

    async def receive_into(self, buffer: memoryview) -> int:
        """See :class:`httpconn.exchange.body.Body`; errors as of ``receive``."""
        count = await self._body.receive_into(buffer)
        self._count(count)
        return count

    def _count(self, received: int) -> None:
        self._missing -= received
        if self._missing < 0:
            raise ProtocolError("The part is longer than its Content-Range")
