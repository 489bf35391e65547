"""Bytes, text, JSON, and answers as they are."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from ..core.text import decode_text, parse_json
from ..errors import HTTPConnError
from ..hooks import HookRaised
from ..ports.base import Port
from .attempts import perform
from .cached import obtain
from .content import Content, read_content, read_success, read_whole
from .requeststate import Call, OpenResponse, RequestState, count_failure
from .singleflight import shared

T = TypeVar("T")


async def fetch_bytes(port: Port, call: Call) -> bytes:
    """The body of a success."""
    others = _others(port, call)
    return await perform(port, call, _content) if others is None else (await others).data


async def fetch_text(port: Port, call: Call) -> str:
    """The body of a success, decoded by its charset."""
    others = _others(port, call)
    return await perform(port, call, _text) if others is None else decode_text(*await others)


async def fetch_json(port: Port, call: Call) -> Any:
    """The body of a success, parsed."""
    others = _others(port, call)
    return await perform(port, call, _json) if others is None else _parsed(call, await others)


def _others(port: Port, call: Call) -> Coroutine[Any, Any, Content] | None:
    """Has the content where it may come from a cache or with another call; None where it is this call's own matter."""
    rules = call.rules
    # A call that pays its bytes from a budget makes its own transfer.
    if rules.flights is not None and call.budget is None:
        return shared(port, call, rules.flights)
    if rules.cache is not None:
        return obtain(port, RequestState.of(call, port.now()))
    return None


def _parsed(call: Call, content: Content) -> Any:
    try:
        return parse_json(content.data)
    except HTTPConnError as error:
        error.url = call.spec.url.redacted
        raise


async def fetch_response(port: Port, call: Call) -> tuple[OpenResponse, bytes]:
    """An answer of any status and its whole body."""
    return await perform(port, call, read_whole)


async def open_response(port: Port, call: Call) -> OpenResponse:
    """An answer of any status, its body still to come; who holds it closes it and releases the port."""
    try:
        return await perform(port, call, _as_it_is)
    except HookRaised as raised:
        error = raised.error
    except BaseException as failure:
        if isinstance(failure, HTTPConnError):
            count_failure(call, failure)
        await port.release()
        raise
    await port.release()
    raise error


async def finished(port: Port, call: Call, flow: Awaitable[T]) -> T:
    """Run a flow that leaves nothing open."""
    try:
        return await flow
    except HTTPConnError as failure:
        count_failure(call, failure)
        raise
    except HookRaised as raised:
        error = raised.error
    finally:
        await port.release()
    raise error


async def shut(port: Port, answer: OpenResponse) -> None:
    """Close an answer that was handed out open."""
    try:
        await answer.close()
    finally:
        await port.release()


async def _as_it_is(answer: OpenResponse) -> OpenResponse:
    answer.body.begin()
    return answer


async def _content(answer: OpenResponse) -> bytes:
    return (await read_success(answer))[1]


async def _text(answer: OpenResponse) -> str:
    return decode_text(*await read_content(answer))


async def _json(answer: OpenResponse) -> Any:
    return parse_json(await _content(answer))
