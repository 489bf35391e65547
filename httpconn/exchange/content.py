"""The whole body of an answer, held in memory; a large one that breaks is gone on with where it broke.

The rest is asked for as a download's is: by a Range, on a strong validator alone (RFC 9110 section 13.1.5), and
:func:`httpconn.core.ranges.decide` says what the answer means for what there is.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from io import BytesIO
from typing import NamedTuple

from ..core import ranges
from ..core.headers import CONDITIONS
from ..core.requestbuilder import RequestSpec
from ..errors import HTTPConnError, LimitExceeded, ProtocolError, TruncatedBody
from ..options import MIB
from .body import Body, expected_length
from .rangebody import RangeBody
from .requeststate import Kept, OpenResponse
from .responseheads import range_head, validator_of

ROOM = 1024 * 1024
"""Bytes that are made ready for a large body at first; then as much again as has come."""

REUSED = 16 * MIB
"""Memory that is kept for further bodies, twice so much at most."""

WORTH_KEEPING = MIB
"""Bytes of a body from which on less is lost by a second question than by fetching them again."""


class Content(NamedTuple):
    """The body of a success, and its Content-Type."""

    data: bytes
    kind: str | None


async def read_success(answer: OpenResponse) -> tuple[OpenResponse, bytes]:
    """The whole body of a success, and the answer that began it; it is closed then."""
    rest = _rest(answer)
    if rest is None:
        answer.require_content()
    return await _read(answer, rest)


async def read_content(answer: OpenResponse) -> Content:
    """The body of a success, and what it is."""
    begun, data = await read_success(answer)
    return Content(data, begun.head.field("content-type"))


async def read_whole(answer: OpenResponse) -> tuple[OpenResponse, bytes]:
    """The same for an answer of any status."""
    return await _read(answer, _rest(answer))


async def _read(answer: OpenResponse, rest: ranges.Continue | None) -> tuple[OpenResponse, bytes]:
    kept = answer.course.kept
    if kept is not None and rest is not None:
        return await _go_on(answer, kept, rest)
    content = await _whole(answer)
    if not answer.exchange.complete:  # else it has closed itself
        await answer.close()
    return answer, content


def _rest(answer: OpenResponse) -> ranges.Continue | None:
    """What an answer brings of the rest that was asked for; None where it stands for itself."""
    course, kept = answer.course, answer.course.kept
    if kept is None:
        return None
    decision = ranges.decide(kept.held, range_head(answer, range_requested=True))
    if isinstance(decision, ranges.Continue):
        return decision
    if isinstance(decision, ranges.Complete):  # the end of a chunked body was lost, and nothing else
        return ranges.Continue(0, 0, kept.held.size)
    course.call, course.kept = course.call._replace(spec=kept.whole), None
    if isinstance(decision, ranges.RequestWhole | ranges.Refuse):
        course.failures -= 1  # an answer that leads to another question is no failure
        raise ProtocolError(f"The rest of the body is not to be had: {decision.reason}", retryable=True)
    return None


async def _go_on(answer: OpenResponse, kept: Kept, part: ranges.Continue) -> tuple[OpenResponse, bytes]:
    """Add the rest, or a part of it, to what there is."""
    most, content = answer.call.max_bytes, kept.content
    if most is not None and part.total > most:
        raise LimitExceeded(f"The body has {part.total} bytes; {most} are allowed")
    try:
        if part.length:
            await _add(answer, content, part)
        if content.tell() < part.total:
            raise TruncatedBody(f"The server gave {part.length} bytes where all of the rest was asked for")
    except HTTPConnError:
        _keep(kept.answer, content, part.total, kept.whole)
        raise
    await answer.close()
    begun = kept.answer
    begun.followed = content.tell() - begun.body.wire_bytes
    return begun, content.getvalue()


async def _add(answer: OpenResponse, content: BytesIO, part: ranges.Continue) -> None:
    answer.body.begin()
    rest = RangeBody(answer.body, part)
    while block := await rest.receive():
        content.write(block)


async def _whole(answer: OpenResponse) -> bytes:
    body = answer.body
    first = body.take()
    if body.owed:
        await body.pay()
    if body.has_ended():
        return first
    _have_memory_reused()
    # Not a list: of a body that comes byte by byte, each would cost fifty times its size.
    content = BytesIO()
    content.write(first)
    try:
        await (_fill(body, content) if body.remaining else _gather(body, content))
    except HTTPConnError as error:
        if error.retryable and _can_go_on(answer, content.tell()):
            # Copied: what broke may still hold a view of it, and then it cannot grow.
            _keep(answer, _first(content), expected_length(answer.head), answer.call.spec)
        raise
    return content.getvalue()


@cache
def _have_memory_reused() -> None:
    """Once: have the C library keep what is freed, for the next bodies, instead of giving it back each time.

    glibc gives back the end of its heap as soon as 128 KiB of it are free, unless the program has freed a large block
    before: then it keeps up to twice the size of that (mallopt(3), M_TRIM_THRESHOLD). So one is freed, to which nothing
    was written. Without it, page faults are half of what several bodies of a few MiB at once cost.
    """
    with suppress(MemoryError):
        bytes(REUSED)


def _first(content: BytesIO) -> BytesIO:
    """A copy of what was received, which ends where the next bytes would have stood."""
    copy = BytesIO()
    copy.write(content.getbuffer()[: content.tell()])
    return copy


async def _gather(body: Body, content: BytesIO) -> None:
    while block := await body.receive():
        content.write(block)


async def _fill(body: Body, content: BytesIO) -> None:
    """A body of known length, received where it stays. Room is made as it comes: who declares much may send little."""
    have = content.tell()
    try:
        while body.remaining:
            end = have + min(body.remaining, max(ROOM, have))
            content.seek(end - 1)
            content.write(b"\0")
            with content.getbuffer() as whole:
                while have < end:
                    with whole[have:end] as room:
                        have += await body.receive_into(room)
        await body.receive()
    finally:
        content.seek(have)


def _can_go_on(answer: OpenResponse, size: int) -> bool:
    """Whether the rest can be asked for alone, and is worth it."""
    head, spec = answer.head, answer.call.spec
    return (
        size >= WORTH_KEEPING
        and head.status == 200
        and not answer.body.is_encoded
        and validator_of(head) is not None
        and all(name.lower() not in CONDITIONS for name, _ in spec.fields)
    )


def _keep(answer: OpenResponse, content: BytesIO, total: int | None, whole: RequestSpec) -> None:
    """The next attempt asks for the rest of what an answer began."""
    course = answer.course
    held = ranges.ReceivedBytes(content.tell(), total, validator_of(answer.head))
    course.record_progress(held.size, answer.port.now())
    course.kept = Kept(answer, content, held, whole)
    spec = whole.with_fields(((b"Accept-Encoding", b"identity"), *ranges.fields(held)))
    course.call = course.call._replace(spec=spec)
