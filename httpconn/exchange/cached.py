"""Content from the cache of a connection object or from the server. :mod:`httpconn.core.caching` has the rules."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from ..core import caching, redirects
from ..core.bodycounter import BodyCounter
from ..core.caching import Record, RequestDirectives, Store
from ..core.messages import Head, Request, Response
from ..core.requestbuilder import RequestSpec
from ..core.sniffing import SNIFFED, require_accepted
from ..errors import TRANSIENT_STATUSES, HTTPConnError, ProtocolError, StatusError
from ..hooks import RedirectEvent
from ..runtime.port import Port
from .attempts import run_attempts
from .body import is_close_delimited
from .content import Content, read_content
from .requeststate import OpenResponse, RequestState

T = TypeVar("T")


async def obtain(port: Port, state: RequestState) -> Content:
    """Return the content of a call from the cache of the connection object, if any, or from the server."""
    store = state.call.rules.cache
    if store is None:
        return await run_attempts(port, state, read_content)
    directives = caching.request_directives(state.call.spec)
    try:
        record = None if directives.bypasses else await _look_up(port, store, state, directives)
        if record is not None and caching.is_usable(record, directives, port.timestamp()):
            return _use(port, state, record)
        if directives.only_if_cached:
            raise _not_stored(state)
    except HTTPConnError as error:
        state.fail(error, port.now())
        raise
    if directives.bypasses:
        return await run_attempts(port, state, read_content)
    return await _request(port, store, state, directives, record)


async def _look_up(port: Port, store: Store, state: RequestState, directives: RequestDirectives) -> Record | None:
    """Follow stored redirects and return the record of the last URL, or None."""
    trail = redirects.Trail(state.call.rules.redirects, state.call.rules.builder)
    seen: set[str] = set()
    while (key := caching.key(state.call.spec)) not in seen:
        seen.add(key)
        spec, record = state.call.spec, await _at(port, store, store.get, key)
        is_usable = record is not None and caching.is_usable(record, directives, port.timestamp())
        if record is None or record.location is None or not (is_usable and state.call.follow):
            return record
        following = trail.follow(spec, record.location)
        state.call = replace(state.call, spec=following)
        state.stored_redirects += 1
        for hook in state.call.rules.hooks.redirect:
            await port.notify(hook, RedirectEvent(spec.url.redacted, following.url.redacted, record.status))
    return None  # a loop of stored redirects: the server may have sent them at different times


def _use(port: Port, state: RequestState, record: Record) -> Content:
    """Return the content of a record if its status is a success and the limits of the call allow it."""
    call, size = state.call, len(record.data)
    if record.is_success:
        BodyCounter(max_bytes=call.max_bytes, limits=call.rules.limits, budget=call.budget).expect(size)
        if call.budget is not None:
            call.budget.spend(size)
        if call.accept:
            require_accepted(call.accept, record.fields.get("content-type"), record.data[:SNIFFED])
    call.rules.counters.of(call.spec.url.origin.host)["cached"] += 1
    if not record.is_success:
        raise StatusError(Response(call.rules.builder.build(call.spec), caching.head_of(record, port.timestamp())))
    return Content(record.data, record.fields.get("content-type"))


def _not_stored(state: RequestState) -> StatusError:
    """Return the error for ``only-if-cached`` (RFC 9111 section 5.2.1.7)."""
    request = state.call.rules.builder.build(state.call.spec)
    error = StatusError("504: the cache has no usable response, and only-if-cached forbids a request", 504)
    error._request, error._response = request, Response(request, Head(504, b"Gateway Timeout", b"", [], {}))
    error.retryable = False
    return error


async def _request(
    port: Port, store: Store, state: RequestState, directives: RequestDirectives, record: Record | None
) -> Content:
    """Request the content, with conditions for a record that has a validator."""
    update = _CacheUpdate(port, store, record, state.call.spec, port.timestamp())
    if record is not None:
        state.call = replace(state.call, spec=state.call.spec.with_fields(caching.conditions(record)))
    try:
        return await run_attempts(port, state, update.read)
    except HTTPConnError as error:
        if (
            record is None
            or not _has_failed(error)
            or not caching.may_replace_error(record, directives, port.timestamp())
        ):
            raise
    try:
        return _use(port, state, record)
    except HTTPConnError as error:
        state.budget_used_up = False  # the note about retries belongs to the server's error, not to this one
        state.fail(error, port.now())
        raise


def _has_failed(error: HTTPConnError) -> bool:
    """Return whether the error is a failure of the server or the network, rather than a new result such as 404."""
    return error.retryable and (not isinstance(error, StatusError) or error.status_code >= 500)


class _CacheUpdate(NamedTuple):
    """A request to the server, which stores its responses in the cache."""

    port: Port
    store: Store
    record: Record | None  # the stored response that the request validates, or None
    whole: RequestSpec  # the request without conditions
    requested_at: float

    async def read(self, response: OpenResponse) -> Content:
        """Read the content of a response. Store it and the redirects that led to it."""
        is_conditional = response.call.spec is not self.whole
        if response.head.status == 304 and is_conditional and self.record is not None:
            return await self._confirm(response, self.record)
        spec = await self._store_redirects(response)
        # A failed request for the remaining part of a body says nothing about the whole body.
        if not 200 <= response.head.status < 300 and response.state.partial_body is None:
            await self._put(spec, response.request, response.head, b"")
        content = await read_content(response)
        if is_close_delimited(response.head):  # the body may be incomplete
            await self._drop(spec)
        else:
            await self._put(spec, response.request, response.head, content.data)
        return content

    async def _confirm(self, response: OpenResponse, record: Record) -> Content:
        """Use the record. If the 304 names another version, make the next attempt request the whole content."""
        await response.close()
        now = self.port.timestamp()
        fresh = None if response.history else caching.validated(record, response.head, self.requested_at, now)
        if fresh is None:
            await self._drop(self.whole)
            state = response.state
            state.call = replace(state.call, spec=self.whole)
            state.failures -= 1  # a response that leads to another request is not a failure
            raise ProtocolError("The 304 response names another version than the request", retryable=True)
        if not caching.may_be_stored(fresh):
            await self._drop(self.whole)
        elif caching.is_fresh(fresh, now):  # otherwise the stored record stays as it is
            await _at(self.port, self.store, self.store.put, caching.key(self.whole), fresh)
        return _use(self.port, response.state, fresh)

    async def _store_redirects(self, response: OpenResponse) -> RequestSpec:
        """Store the redirects that were followed, and return the request after the last one."""
        call, spec = response.call, response.call.spec
        trail = redirects.Trail(call.rules.redirects, call.rules.builder)
        for request, head in response.history:
            await self._put(spec, request, head, b"")
            spec = trail.follow(spec, redirects.location_of(head.fields) or b"")
        return spec

    async def _put(self, spec: RequestSpec, sent: Request, head: Head, data: bytes) -> None:
        """Store a response if caching rules allow it and no hook has changed its request."""
        if self.record is not None and head.status in TRANSIENT_STATUSES:
            return  # the record may replace the response if the server keeps failing
        record = caching.record_of(head, data, self.requested_at, self.port.timestamp())
        if record is None or not caching.is_as_built(sent, spec):
            await self._drop(spec)
        else:
            await _at(self.port, self.store, self.store.put, caching.key(spec), record)

    async def _drop(self, spec: RequestSpec) -> None:
        """Remove the validated record if ``spec`` is the request that it was stored for."""
        key = caching.key(spec)
        if self.record is not None and key == caching.key(self.whole):
            await _at(self.port, self.store, self.store.drop, key)


async def _at(port: Port, store: Store, function: Callable[..., T], *args: Any) -> T:
    """Call a function of the store; in a worker thread if the store is on disk."""
    return await port.blocking(function, *args) if store.is_on_disk else function(*args)
