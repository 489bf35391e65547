"""Bytes, text, JSON, and answers as they are."""

from __future__ import annotations

from collections.abc import Awaitable
from io import BytesIO
from typing import Any, TypeVar

from ..core.text import decode_text, parse_json
from ..lazy import field
from ..ports.base import Port
from .body import Body
from .exchange import Answer, Call, perform

T = TypeVar("T")

ROOM = 1024 * 1024
"""Bytes that are made ready for a large body at first; then as much again as has come."""


async def fetch_bytes(port: Port, call: Call) -> bytes:
    """The body of a success."""
    return await perform(port, call, _content)


async def fetch_text(port: Port, call: Call) -> str:
    """The body of a success, decoded by its charset."""
    return await perform(port, call, _text)


async def fetch_json(port: Port, call: Call) -> Any:
    """The body of a success, parsed."""
    return await perform(port, call, _json)


async def fetch_answer(port: Port, call: Call) -> tuple[Answer, bytes]:
    """An answer of any status and its whole body."""
    return await perform(port, call, _read)


async def open_answer(port: Port, call: Call) -> Answer:
    """An answer of any status, its body still to come; who holds it closes it and releases the port."""
    try:
        return await perform(port, call, _as_it_is)
    except BaseException:
        await port.release()
        raise


async def finished(port: Port, flow: Awaitable[T]) -> T:
    """Run a flow that leaves nothing open."""
    try:
        return await flow
    finally:
        await port.release()


async def shut(port: Port, answer: Answer) -> None:
    """Close an answer that was handed out open."""
    try:
        await answer.close()
    finally:
        await port.release()


async def _as_it_is(answer: Answer) -> Answer:
    answer.body.begin()
    return answer


async def _content(answer: Answer) -> bytes:
    answer.require_content()
    return (await _read(answer))[1]


async def _text(answer: Answer) -> str:
    return decode_text(await _content(answer), field(answer.response, "content-type"))


async def _json(answer: Answer) -> Any:
    return parse_json(await _content(answer))


async def _read(answer: Answer) -> tuple[Answer, bytes]:
    content = await _whole(answer.body)
    await answer.close()
    return answer, content


async def _whole(body: Body) -> bytes:
    first = body.take()
    if body.has_ended():
        return first
    if body.rest:
        return await _with_rest(body, first)
    # Not a list: of a body that comes byte by byte, each would cost fifty times its size.
    content = BytesIO()
    content.write(first)
    while block := await body.receive():
        content.write(block)
    return content.getvalue()


async def _with_rest(body: Body, first: bytes) -> bytes:
    """A body of known length, received where it stays. Room is made as it comes: who declares much may send little."""
    content = BytesIO()
    content.write(first)
    while body.rest:
        have = content.tell()
        end = have + min(body.rest, max(ROOM, have))
        content.seek(end - 1)
        content.write(b"\0")
        with content.getbuffer() as whole:
            while have < end:
                with whole[have:end] as room:
                    have += await body.receive_into(room)
    await body.receive()
    return content.getvalue()
