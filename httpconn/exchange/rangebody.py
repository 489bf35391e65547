"""The body of a 206 response, without the bytes that were received before."""

from ..core.ranges import Continue
from ..errors import ProtocolError, TruncatedBody
from .body import Body


class RangeBody:
    """The new bytes of a range, checked against the length in Content-Range."""

    def __init__(self, body: Body, part: Continue) -> None:
        self._body = body
        self._discard = part.discard
        self._missing = part.length

    async def receive(self) -> bytes:
        """Return the next new bytes, or ``b""`` at the end of the range."""
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
        """Receive the next bytes into a buffer, while ``remaining`` is positive, and return their number."""
        count = await self._body.receive_into(buffer)
        self._count(count)
        return count

    def _count(self, received: int) -> None:
        self._missing -= received
        if self._missing < 0:
            raise ProtocolError("The range is longer than its Content-Range")
