"""Bytes, text, JSON, and answers as they are."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from ..core.text import decode_text, parse_json
from ..core.urls import redact
from ..errors import HTTPConnError
from ..hooks import HookRaised
from ..lazy import field
from ..ports.base import Port
from .coalesce import Content, flights_of, shared
from .exchange import Answer, Call, perform
from .whole import read_success, read_whole

T = TypeVar("T")


async def fetch_bytes(port: Port, call: Call) -> bytes:
    """The body of a success."""
    flights = flights_of(call)
    if flights is not None:
        return (await shared(port, call, flights)).data
    return await perform(port, call, _content)


async def fetch_text(port: Port, call: Call) -> str:
    """The body of a success, decoded by its charset."""
    flights = flights_of(call)
    if flights is not None:
        return decode_text(*await shared(port, call, flights))
    return await perform(port, call, _text)


async def fetch_json(port: Port, call: Call) -> Any:
    """The body of a success, parsed."""
    flights = flights_of(call)
    if flights is not None:
        return _parsed(call, await shared(port, call, flights))
    return await perform(port, call, _json)


def _parsed(call: Call, content: Content) -> Any:
    try:
        return parse_json(content.data)
    except HTTPConnError as error:
        error.url = redact(call.spec.url.url)
        raise


async def fetch_answer(port: Port, call: Call) -> tuple[Answer, bytes]:
    """An answer of any status and its whole body."""
    return await perform(port, call, read_whole)


async def open_answer(port: Port, call: Call) -> Answer:
    """An answer of any status, its body still to come; who holds it closes it and releases the port."""
    try:
        return await perform(port, call, _as_it_is)
    except HookRaised as raised:
        error = raised.error
    except BaseException:
        await port.release()
        raise
    await port.release()
    raise error


async def finished(port: Port, flow: Awaitable[T]) -> T:
    """Run a flow that leaves nothing open."""
    try:
        return await flow
    except HookRaised as raised:
        error = raised.error
    finally:
        await port.release()
    raise error


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
    return (await read_success(answer))[1]


async def _text(answer: Answer) -> str:
    begun, content = await read_success(answer)
    return decode_text(content, field(begun.response, "content-type"))


async def _json(answer: Answer) -> Any:
    return parse_json(await _content(answer))
