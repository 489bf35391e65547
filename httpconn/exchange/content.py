"""The whole body of a response in memory. If a large body breaks, the next attempt requests the remaining part.

The request for the remaining part has a Range, and If-Range with a strong validator (RFC 9110 section 13.1.5), as in a
download. :func:`httpconn.core.ranges.decide` decides how to use its response.
"""

from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from io import BytesIO
from typing import NamedTuple

from ..core import ranges
from ..core.headers import CONDITIONS
from ..core.requestbuilder import RequestSpec
from ..core.sniffing import SNIFFED, require_accepted
from ..errors import HTTPConnError, LimitExceeded, ProtocolError, TruncatedBody
from ..options import MIB
from .attempts import Consume
from .body import Body, BodySource, RangeBody, expected_length
from .requeststate import OpenResponse, PartialBody
from .responseheads import range_head, validator_of

FIRST_BUFFER = MIB  # First size in bytes of the buffer for a body of known length. It doubles as the bytes arrive.
TRIM_THRESHOLD = 16 * MIB  # size in bytes of the freed block that makes glibc keep up to twice as much free memory

MIN_PARTIAL = MIB
"""Minimum bytes of a broken body that are kept. For fewer bytes, it is cheaper to request the whole body again."""


class Content(NamedTuple):
    """The body of a successful response and its Content-Type."""

    data: bytes
    kind: str | None


async def read_whole(response: OpenResponse, *, require_success: bool = False) -> tuple[OpenResponse, bytes]:
    """Read and close a response; return the response that delivered the first bytes, and the whole body."""
    part, call = _remaining_part(response), response.state.call
    if part is None:
        if require_success:
            response.require_content()
            if call.rules.screen is not None:
                call.rules.screen.response(response.head.fields)
        if call.accept:
            await require_type(response)
    partial_body = response.state.partial_body
    if partial_body is not None and part is not None:
        return await _complete(response, partial_body, part)
    content = await _read_body(response)
    if not response.exchange.complete:  # a complete exchange has closed itself
        await response.close()
    return response, content


read_success: Consume[tuple[OpenResponse, bytes]] = partial(read_whole, require_success=True)


async def read_content(response: OpenResponse) -> Content:
    """Read and close a successful response, and return its body and Content-Type."""
    first, data = await read_success(response)
    return Content(data, first.head.field("content-type"))


async def require_type(response: OpenResponse) -> None:
    """Check the type of a successful response by the first bytes of its body."""
    if 200 <= response.head.status < 300:
        head = await response.body.peek(SNIFFED)
        require_accepted(response.call.accept, response.head.field("content-type"), head)


def _remaining_part(response: OpenResponse) -> ranges.Continue | None:
    """Return the range that continues the partial body, or None if the response does not belong to it."""
    state, kept = response.state, response.state.partial_body
    if kept is None:
        return None
    decision = ranges.decide(kept.held, range_head(response, range_requested=True))
    if isinstance(decision, ranges.Continue):
        return decision
    if isinstance(decision, ranges.Complete):  # only the end of a chunked body was lost
        return ranges.Continue(0, 0, decision.total)
    state.call, state.partial_body = replace(state.call, spec=kept.whole), None
    if isinstance(decision, ranges.RequestWhole | ranges.Refuse):
        state.failures -= 1  # a response that leads to another request is not a failure
        raise ProtocolError(
            f"The server does not send the remaining part of the body: {decision.reason}", retryable=True
        )
    return None


async def _complete(response: OpenResponse, kept: PartialBody, part: ranges.Continue) -> tuple[OpenResponse, bytes]:
    limit, content = response.call.max_bytes, kept.content
    if limit is not None and part.total > limit:
        raise LimitExceeded(f"The body has {part.total} bytes; {limit} are allowed", "size", limit, part.total)
    try:
        if part.length:
            response.body.begin()
            await _append(RangeBody(response.body, part), content)
        if content.tell() < part.total:
            raise TruncatedBody(f"The server sent {part.length} bytes; the request was for all remaining bytes")
    except HTTPConnError:
        _resume_later(kept.response, content, part.total, kept.whole)
        raise
    await response.close()
    first = kept.response
    first.continued_bytes = content.tell() - first.body.wire_bytes
    return first, content.getvalue()


async def _read_body(response: OpenResponse) -> bytes:
    body = response.body
    _keep_freed_memory()
    start = body.take_buffered()
    if body.unthrottled:
        await body.throttle()
    if body.has_ended():
        return start
    # No list of chunks: if a body arrives byte by byte, the list takes fifty times the size of the body.
    content = BytesIO()
    content.write(start)
    try:
        await (_fill(body, content) if body.remaining else _append(body, content))
    except HTTPConnError as error:
        if error.retryable and _can_resume(response, content.tell()):
            received = BytesIO()  # a copy, because the failed transfer may still hold a view, so the buffer cannot grow
            received.write(content.getbuffer()[: content.tell()])
            _resume_later(response, received, expected_length(response.head), response.call.spec)
        raise
    return content.getvalue()


@cache
def _keep_freed_memory() -> None:
    """Make glibc keep freed memory for the next bodies. One call per process is enough."""
    # glibc returns the end of its heap to the system as soon as 128 KiB of it are free. After a program has freed a
    # large block, glibc keeps up to twice the size of that block (mallopt(3), M_TRIM_THRESHOLD). So this function
    # allocates and frees a block without writing to it. Otherwise page faults take half of the time of several
    # concurrent bodies of a few MiB.
    with suppress(MemoryError):
        bytes(TRIM_THRESHOLD)


async def _append(body: BodySource, content: BytesIO) -> None:
    while block := await body.receive():
        content.write(block)


async def _fill(body: Body, content: BytesIO) -> None:
    """Receive a body of known length into the buffer."""
    # The buffer grows as bytes arrive, because a server can declare a large length and send little.
    size = content.tell()
    try:
        while body.remaining:
            end = size + min(body.remaining, max(FIRST_BUFFER, size))
            content.seek(end - 1)
            content.write(b"\0")
            with content.getbuffer() as buffer:
                while size < end:
                    with buffer[size:end] as free:
                        size += await body.receive_into(free)
        await body.receive()
    finally:
        content.seek(size)


def _can_resume(response: OpenResponse, size: int) -> bool:
    """Return whether the next attempt should request only the remaining part."""
    head, spec = response.head, response.call.spec
    return (
        size >= MIN_PARTIAL
        and head.status == 200
        and spec.method == "GET"
        and not response.body.is_encoded
        and validator_of(head) is not None
        and all(name.lower() not in CONDITIONS for name, _ in spec.fields)
    )


def _resume_later(response: OpenResponse, content: BytesIO, total: int | None, whole: RequestSpec) -> None:
    """Keep the received part, and make the next attempt request the remaining part."""
    state = response.state
    held = ranges.ReceivedBytes(content.tell(), total, validator_of(response.head))
    state.record_progress(held.size, response.port.now())
    state.partial_body = PartialBody(response, content, held, whole)
    spec = whole.with_fields(((b"Accept-Encoding", b"identity"), *ranges.fields(held)))
    state.call = replace(state.call, spec=spec)
