"""Requests with an authentication flow, such as Digest or a flow that fetches tokens.

Each request of a flow passes the checks, the limits and the deadline of the call. Its redirects are not followed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from ..core import headers
from ..core.auth import AuthFlow
from ..core.messages import Request, Response, SignedURL, can_replay
from ..core.requestbuilder import RequestSpec
from ..core.urls import VettedURL, vet
from ..errors import InvalidRequest, ProtocolError
from ..options import MIB
from ..runtime.port import Exchange, Port
from .body import Body
from .inmemory import InMemory
from .requeststate import RequestState

MAX_REQUESTS = 8  # requests of one flow
MAX_BODY = MIB  # bytes of the body of a response to a request that the flow made

Send = Callable[[Port, RequestState, RequestSpec], Awaitable[tuple[Request, Exchange]]]


async def authenticated(
    port: Port, state: RequestState, spec: RequestSpec, auth: AuthFlow, send: Send
) -> tuple[Request, Exchange]:
    """Send a request through its authentication flow, and return the last request and its response."""
    plain = replace(spec, auth=None)
    request = state.call.rules.builder.build(plain)
    original = request.as_httpx()
    url = original.url = SignedURL(request)
    before, body_sent = original.headers.raw, False
    steps, response, last = port.auth_steps(auth, original), None, None
    try:
        for _ in range(MAX_REQUESTS):
            made = await steps.next(response)
            if made is None:
                if last is None:
                    raise InvalidRequest("auth: the authentication flow must yield a request")
                return last
            if last is not None:
                last[1].take()  # a body that has arrived with the head leaves the connection usable
                await last[1].close()
            if made is original and original.url is not url:
                url, plain = original.url, replace(plain, url=_changed_url(state, plain, str(original.url)))
            step = _changed(plain, before, original) if made is original else _fetched(state, made)
            if not can_replay(step.body) and body_sent:
                raise InvalidRequest("auth: the server requests authentication, but the body can be sent only once")
            body_sent = body_sent or made is original
            last = await send(port, state, step)
            if step.method != "HEAD" and (made is not original or auth.requires_response_body):
                limit = state.call.max_bytes if made is original else MAX_BODY
                last = last[0], await _in_memory(port, state, step, last[1], limit)
            response = _shown(*last)
            response.request = made
        raise ProtocolError(f"auth: the authentication flow sent {MAX_REQUESTS} requests and has not ended")
    except BaseException:
        if last is not None:
            await last[1].close()
        raise
    finally:
        await steps.close()


def _changed(spec: RequestSpec, before: Any, made: Any) -> RequestSpec:
    """Return the request of the call with the header fields that the flow has changed."""
    if made.method != spec.method:
        raise InvalidRequest("auth: the authentication flow cannot change the method of the request")
    own = {name.lower() for name, _ in spec.body_fields}
    after = [each for each in made.headers.raw if each[0].lower() not in own]
    kept = [each for each in after if each[0].lower() == b"host" or not _is_reserved(each)]
    headers.check_changed(before, kept)
    return replace(spec, fields=tuple(each for each in kept if not _is_reserved(each)))


def _changed_url(state: RequestState, spec: RequestSpec, text: str) -> VettedURL:
    """Return the URL of the call after a change by the flow, such as an API key in the query."""
    url = state.call.rules.builder.admit(vet(text))
    if url.origin != spec.url.origin:
        raise InvalidRequest("auth: the authentication flow cannot change the host of the request")
    return url


def _fetched(state: RequestState, made: Any) -> RequestSpec:
    """Return a request that the flow made, after the checks of the URLs of callers."""
    builder = state.call.rules.builder
    url = builder.admit(vet(str(made.url)))
    builder.admit_method(made.method, url)
    own = tuple(each for each in made.headers.raw if not _is_reserved(each))
    host = (b"Host", b"")
    headers.check_changed([host], [host, *own])
    fields = headers.merge(headers.for_other_origin(builder.fields, frozenset()), own)
    framing = ((b"Content-Length", str(len(made.content)).encode()),) if made.content else ()
    return RequestSpec(url, fields, builder.codings_of(fields), made.method, made.content or None, framing)


def _is_reserved(field: tuple[bytes, bytes]) -> bool:
    return field[0].decode("latin-1").lower() in headers.RESERVED


async def _in_memory(
    port: Port, state: RequestState, spec: RequestSpec, exchange: Exchange, limit: int | None
) -> Exchange:
    call = replace(state.call, max_bytes=state.call.rules.limits.max_bytes if limit is None else limit)
    body, content = Body(port, exchange, call, spec, state.attempt_deadline), bytearray()
    try:
        while chunk := await body.receive():
            content += chunk
    finally:
        await exchange.close()
    return InMemory(exchange.head, bytes(content), exchange.extensions)


def _shown(request: Request, exchange: Exchange) -> Any:
    """Return the response for the flow. Its body can be read if it is in memory."""
    content = exchange.content if isinstance(exchange, InMemory) else None
    return Response(request, exchange.head).as_httpx(content)
