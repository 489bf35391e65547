"""The flows behind the methods that return bytes, text, JSON and responses."""

from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from ..core import digests
from ..core.text import decode_text, parse_json
from ..errors import HTTPConnError, IntegrityError
from ..hooks import HookRaised
from ..runtime.port import Port
from .attempts import perform
from .cached import obtain
from .content import Content, read_content, read_success, read_whole, require_type
from .requeststate import OpenResponse, RequestState, count_failure
from .rules import Call
from .singleflight import shared

T = TypeVar("T")


async def fetch_bytes(port: Port, call: Call) -> bytes:
    content = _shared_content(port, call)
    return (await perform(port, call, read_success))[1] if content is None else (await content).data


Delivered = tuple[OpenResponse | None, bytes]
"""A successful response and its body. The response is None if an equal call or the cache delivered the body."""


def fetch_delivered(port: Port, call: Call) -> Coroutine[Any, Any, Delivered]:
    content = _shared_content(port, call)
    return perform(port, call, read_success) if content is None else _without_response(content)


async def _without_response(content: Coroutine[Any, Any, Content]) -> Delivered:
    return None, (await content).data


class ContentCheck(NamedTuple):
    """The expected digest and size of a body in memory."""

    digest: digests.Expected | None
    size: int | None

    async def fetch(self, port: Port, call: Call) -> Delivered:
        """Do the same as :func:`fetch_delivered`. Raises IntegrityError: the body has another digest or size."""
        delivered = await fetch_delivered(port, call)
        try:
            await port.blocking(self._verify, delivered[1])
        except IntegrityError as error:
            error.url = call.spec.url.redacted
            raise
        return delivered

    def _verify(self, content: bytes) -> None:
        if self.size not in (None, len(content)):
            raise IntegrityError(f"The content has {len(content)} bytes, not {self.size}")
        if self.digest is not None:
            actual = digests.hasher(self.digest.algorithm)
            actual.update(content)
            digests.require(self.digest, actual)


async def fetch_text(port: Port, call: Call) -> str:
    content = _shared_content(port, call)
    return await perform(port, call, _read_text) if content is None else decode_text(*await content)


async def fetch_json(port: Port, call: Call) -> Any:
    content = _shared_content(port, call)
    return await perform(port, call, _read_json) if content is None else _parse(call, await content)


def _shared_content(port: Port, call: Call) -> Coroutine[Any, Any, Content] | None:
    """Return a coroutine that gets the content from an equal call or the cache, or None if neither applies."""
    rules = call.rules
    # The key of a shared response does not include ``auth``. A shared or stored response would bypass the screen.
    if call.spec.auth is not None or rules.screen is not None:
        return None
    # A call with a budget makes its own transfer, because the bytes count against its budget.
    if rules.in_flight is not None and call.budget is None:
        return shared(port, call, rules.in_flight)
    if rules.cache is not None:
        return obtain(port, RequestState.of(call, port.now()))
    return None


def _parse(call: Call, content: Content) -> Any:
    try:
        return parse_json(content.data)
    except HTTPConnError as error:
        error.url = call.spec.url.redacted
        raise


async def respond(port: Port, call: Call, stream: bool) -> tuple[OpenResponse, bytes | None]:
    """Return a response of any status and its body; with ``stream``, None for a body that is still to be read."""
    if not stream:
        return await run_call(port, call, perform(port, call, read_whole))
    beginning = perform(port, replace(call, min_speed=False), _begin)
    return await run_call(port, call, beginning, stays_open=True), None  # until ``close_response``


async def run_call(port: Port, call: Call, flow: Awaitable[T], *, stays_open: bool = False) -> T:
    """Run the flow of a call, and count its failure. Release the port, unless a result is still to be read from it."""
    is_over = True
    try:
        result = await flow
        is_over = not stays_open
        return result
    except HTTPConnError as failure:
        count_failure(call, failure)
        raise
    except HookRaised as raised:
        error = raised.error
    finally:
        if port.owned and is_over:
            await port.release()
    raise error


async def close_response(response: OpenResponse) -> None:
    """Close a response whose body was still to be read, and release its port."""
    try:
        await response.close()
    finally:
        await response.port.release()


async def _begin(response: OpenResponse) -> OpenResponse:
    if response.call.accept:
        await require_type(response)
    else:
        response.body.begin()
    return response


async def _read_text(response: OpenResponse) -> str:
    return decode_text(*await read_content(response))


async def _read_json(response: OpenResponse) -> Any:
    return parse_json((await read_success(response))[1])
