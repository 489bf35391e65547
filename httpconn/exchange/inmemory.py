"""An exchange with its whole body in memory."""

from typing import Any

from ..core.bodycounter import BodyCounter
from ..core.dataurls import content_of
from ..core.messages import Head, Request, data_request
from ..core.requestbuilder import RequestSpec
from ..errors import InvalidRequest
from .rules import Call

_FRAMING = (b"content-encoding", b"content-length", b"transfer-encoding")


class InMemory:
    """An exchange whose decoded body is in memory; see :class:`httpconn.runtime.port.Exchange`."""

    remaining: int = 0

    def __init__(self, head: Head, content: bytes, extensions: dict[str, Any]) -> None:
        self.extensions: dict[str, Any] = extensions
        self.content: bytes = content
        self.complete: bool = False
        length = str(len(content)).encode("ascii")
        fields = [each for each in head.fields if each[0].lower() not in _FRAMING]
        values = {name: value for name, value in head.values.items() if name not in _FRAMING}
        self.head: Head = head._replace(
            fields=[*fields, (b"Content-Length", length)], values={**values, b"content-length": length}
        )

    def take(self) -> bytes:
        """Return the body at the first call."""
        content = b"" if self.complete else self.content
        self.complete = True
        return content

    async def receive(self) -> bytes:
        return self.take()

    async def receive_into(self, buffer: memoryview) -> int:
        """Raise NotImplementedError: ``remaining`` is 0, so no caller uses this method."""
        raise NotImplementedError

    async def close(self) -> None:
        """Do nothing: no connection is in use."""


def decoded(call: Call, spec: RequestSpec) -> tuple[Request, InMemory]:
    """Return the content of a ``data:`` URL as a response. Content that exceeds a limit is not decoded."""
    if spec.method != "GET":
        raise InvalidRequest("A data: URL accepts the method GET only")
    content = content_of(spec.url)
    BodyCounter(max_bytes=call.max_bytes, limits=call.rules.limits, budget=call.budget).expect(content.size)
    kind = content.kind.encode("ascii")
    head = Head(200, b"OK", b"", [(b"Content-Type", kind)], {b"content-type": kind})
    return data_request(spec.url.text), InMemory(head, content.decode(), {})
