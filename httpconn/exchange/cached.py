"""Content from the cache of a connection object, or from the server; :mod:`httpconn.core.caching` has the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ..core import caching, redirects
from ..core.bodycounter import BodyCounter
from ..core.caching import Record, RequestDirectives, Store
from ..core.messages import Head, Request, Response
from ..core.requestbuilder import RequestSpec
from ..errors import TRANSIENT_STATUSES, HTTPConnError, ProtocolError, StatusError
from ..hooks import RedirectEvent
from ..ports.base import Port
from .attempts import run_attempts
from .body import is_close_delimited
from .content import Content, read_content
from .requeststate import OpenResponse, RequestState

T = TypeVar("T")


async def obtain(port: Port, course: RequestState) -> Content:
    """Return the content of a call: from the cache of its connection object, if it has one, or from the server."""
    store = course.call.rules.cache
    if store is None:
        return await run_attempts(port, course, read_content)
    wanted = caching.request_directives(course.call.spec)
    try:
        record = None if wanted.bypasses else await _look_up(port, store, course, wanted)
        if record is not None and caching.is_usable(record, wanted, port.timestamp()):
            return _given(port, course, record)
        if wanted.only_if_cached:
            raise _not_stored(course)
    except HTTPConnError as error:
        course.fail(error, port.now())
        raise
    if wanted.bypasses:
        return await run_attempts(port, course, read_content)
    return await _ask(port, store, course, wanted, record)


async def _look_up(port: Port, store: Store, course: RequestState, wanted: RequestDirectives) -> Record | None:
    """Follow stored redirects, and return the record of the URL that they lead to."""
    trail = redirects.Trail(course.call.rules.redirects, course.call.rules.builder)
    seen: set[str] = set()
    while (key := caching.key(course.call.spec)) not in seen:
        seen.add(key)
        spec, record = course.call.spec, await _at(port, store, store.get, key)
        is_usable = record is not None and caching.is_usable(record, wanted, port.timestamp())
        if record is None or record.location is None or not (is_usable and course.call.follow):
            return record
        following = trail.follow(spec, record.location)
        course.call = course.call._replace(spec=following)
        course.hops += 1
        for hook in course.call.rules.hooks.redirect:
            await port.tell(hook, RedirectEvent(spec.url.redacted, following.url.redacted, record.status))
    return None  # a loop of stored redirects may have been none for the server


def _given(port: Port, course: RequestState, record: Record) -> Content:
    """Return the content of a record, held to the limits of the call.

    Raises:
        StatusError: the status of the record is not a success.
        LimitExceeded: the call does not allow so many bytes.
    """
    call, size = course.call, len(record.data)
    if record.is_success:
        BodyCounter(max_bytes=call.max_bytes, limits=call.rules.limits, budget=call.budget).expect(size)
        if call.budget is not None:
            call.budget.spend(size)
    call.rules.counters.of(call.spec.url.origin.host).cached += 1
    if not record.is_success:
        raise StatusError(Response(call.rules.builder.build(call.spec), caching.head_of(record, port.timestamp())))
    return Content(record.data, record.fields.get("content-type"))


def _not_stored(course: RequestState) -> StatusError:
    """Return the error for ``only-if-cached`` (RFC 9111 section 5.2.1.7)."""
    request = course.call.rules.builder.build(course.call.spec)
    error = StatusError(Response(request, Head(504, b"Gateway Timeout", b"", [], {})))
    error.message = "504: the cache has no usable response, and only-if-cached forbids a request"
    error.retryable = False
    return error


async def _ask(
    port: Port, store: Store, course: RequestState, wanted: RequestDirectives, record: Record | None
) -> Content:
    """Ask the server, about the record if there is one that can be named."""
    visit = _Visit(port, store, record, course.call.spec, port.timestamp())
    if record is not None:
        course.call = course.call._replace(spec=course.call.spec.with_fields(caching.conditions(record)))
    try:
        return await run_attempts(port, course, visit.read)
    except HTTPConnError as error:
        if record is None or not _has_failed(error) or not caching.may_replace_error(record, wanted, port.timestamp()):
            raise
    try:
        return _given(port, course, record)
    except HTTPConnError as error:
        course.spent = False  # whatever the server's failure came to
        course.fail(error, port.now())
        raise


def _has_failed(error: HTTPConnError) -> bool:
    """Whether the server failed, rather than saying something else by now."""
    return error.retryable and (not isinstance(error, StatusError) or error.status_code >= 500)


@dataclass(frozen=True)
class _Visit:
    """A call that asks the server, and what it leaves in the cache.

    Attributes:
        record: the stored response that the server is asked about.
        whole: the request without conditions.
        asked_at: when it began, in seconds since the epoch.
    """

    port: Port
    store: Store
    record: Record | None
    whole: RequestSpec
    asked_at: float

    async def read(self, answer: OpenResponse) -> Content:
        """Read the content of a response, and store it and the redirects that led to it."""
        asked_about_it = answer.call.spec is not self.whole
        if answer.head.status == 304 and asked_about_it and self.record is not None:
            return await self._confirm(answer, self.record)
        spec = await self._store_redirects(answer)
        # A failure to send the rest of a body says nothing about the whole.
        if not 200 <= answer.head.status < 300 and answer.course.kept is None:
            await self._put(spec, answer.request, answer.head, b"")
        content = await read_content(answer)
        if is_close_delimited(answer.head):  # nothing proves that it is complete
            await self._drop(spec)
        else:
            await self._put(spec, answer.request, answer.head, content.data)
        return content

    async def _confirm(self, answer: OpenResponse, record: Record) -> Content:
        """Use the record, unless the 304 is about another version: then ask for the whole."""
        await answer.close()
        now = self.port.timestamp()
        fresh = None if answer.history else caching.validated(record, answer.head, self.asked_at, now)
        if fresh is None:
            await self._drop(self.whole)
            course = answer.course
            course.call = course.call._replace(spec=self.whole)
            course.failures -= 1  # an answer that leads to another question is no failure
            raise ProtocolError("The server speaks of another version than it was asked about", retryable=True)
        if not caching.may_be_stored(fresh):
            await self._drop(self.whole)
        elif caching.is_fresh(fresh, now):  # or it gained nothing that is worth storing
            await _at(self.port, self.store, self.store.put, caching.key(self.whole), fresh)
        return _given(self.port, answer.course, fresh)

    async def _store_redirects(self, answer: OpenResponse) -> RequestSpec:
        """Store the redirects on the way, and return the request that they led to."""
        call, spec = answer.call, answer.call.spec
        trail = redirects.Trail(call.rules.redirects, call.rules.builder)
        for request, head in answer.history:
            await self._put(spec, request, head, b"")
            spec = trail.follow(spec, redirects.location_of(head.fields) or b"")
        return spec

    async def _put(self, spec: RequestSpec, sent: Request, head: Head, data: bytes) -> None:
        """Store a response, if it may be stored and is the response to this very request."""
        if self.record is not None and head.status in TRANSIENT_STATUSES:
            return  # the record may be needed if the server keeps failing
        record = caching.record_of(head, data, self.asked_at, self.port.timestamp())
        if record is None or not caching.is_as_built(sent, spec):
            await self._drop(spec)
        else:
            await _at(self.port, self.store, self.store.put, caching.key(spec), record)

    async def _drop(self, spec: RequestSpec) -> None:
        """Remove the record that the server was asked about, if this is its request."""
        key = caching.key(spec)
        if self.record is not None and key == caching.key(self.whole):
            await _at(self.port, self.store, self.store.drop, key)


async def _at(port: Port, store: Store, function: Callable[..., T], *args: Any) -> T:
    """Ask a store, where that holds up nobody."""
    return await port.blocking(function, *args) if store.is_on_disk else function(*args)
