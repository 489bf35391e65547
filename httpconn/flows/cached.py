"""Content that a cache may give in place of the server; :mod:`httpconn.core.caching` has the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ..core import caching
from ..core.caching import Question, Record, Store
from ..core.intake import Intake
from ..core.requests import RequestSpec
from ..errors import HTTPConnError, ProtocolError, StatusError
from ..ports.base import Port
from .body import ends_with_the_connection
from .course import Answer, Course
from .exchange import pursue
from .whole import Content, read_content

T = TypeVar("T")


async def obtain(port: Port, course: Course) -> Content:
    """The content of a call: from the cache of its connection object, if that has one, or from the server."""
    store, asked = course.call.rules.cache, caching.question(course.call.spec)
    if store is None or asked is None:
        return await pursue(port, course, read_content)
    record = await _at(port, store, store.get, asked.key)
    if record is not None and caching.is_fresh(record, asked, port.timestamp()):
        return _without_server(port, course, record)
    visit = _Visit(port, store, asked, record, course.call.spec, port.timestamp())
    if record is not None:
        course.call = course.call._replace(spec=course.call.spec.asking(caching.conditions(record)))
    try:
        return await pursue(port, course, visit.read)
    except HTTPConnError as error:
        if record is None or not _has_failed(error) or not caching.stands_in(record, port.timestamp()):
            raise
        return _without_server(port, course, record)


def _has_failed(error: HTTPConnError) -> bool:
    """Whether the server failed, rather than saying something else by now."""
    return error.retryable and (not isinstance(error, StatusError) or error.status_code >= 500)


def _without_server(port: Port, course: Course, record: Record) -> Content:
    try:
        return _given(course, record)
    except HTTPConnError as error:
        course.spent = False  # whatever the server's failure came to
        course.fail(error, port.now())
        raise


def _given(course: Course, record: Record) -> Content:
    """A record, held to what its call may bring."""
    call, size = course.call, len(record.data)
    Intake(max_bytes=call.max_bytes, limits=call.rules.limits, budget=call.budget).expect(size)
    if call.budget is not None:
        call.budget.spend(size)
    call.rules.counts.of(call.spec.url.origin.host).cached += 1
    return Content(record.data, record.fields.get("content-type"))


@dataclass(frozen=True)
class _Visit:
    """A call that asks the server, and what it leaves in the cache.

    Attributes:
        record: what the server is asked about.
        whole: the request for it without conditions.
        asked_at: when it began, in seconds since the epoch.
    """

    port: Port
    store: Store
    asked: Question
    record: Record | None
    whole: RequestSpec
    asked_at: float

    async def read(self, answer: Answer) -> Content:
        """Consume an answer."""
        asked_about_it = answer.call.spec is not self.whole
        if answer.head.status == 304 and asked_about_it and self.record is not None:
            return await self._confirm(answer, self.record)
        content = await read_content(answer)
        record = self._record(answer, content.data)
        if record is not None:
            await _at(self.port, self.store, self.store.put, self.asked.key, record)
        elif self.record is not None:
            await _at(self.port, self.store, self.store.drop, self.asked.key)
        return content

    async def _confirm(self, answer: Answer, record: Record) -> Content:
        """The record is still right, unless the 304 is of something else: then the whole is asked for."""
        await answer.close()
        now = self.port.timestamp()
        fresh = None if answer.history else caching.validated(record, answer.head.field, self.asked_at, now)
        if fresh is None:
            await _at(self.port, self.store, self.store.drop, self.asked.key)
            course = answer.course
            course.call = course.call._replace(spec=self.whole)
            course.failures -= 1  # an answer that leads to another question is no failure
            raise ProtocolError("The server speaks of another version than it was asked about", retryable=True)
        if caching.is_fresh(fresh, self.asked, now):  # or it gained nothing that is worth keeping
            await _at(self.port, self.store, self.store.put, self.asked.key, fresh)
        return _given(answer.course, fresh)

    def _record(self, answer: Answer, data: bytes) -> Record | None:
        """What is kept: answers of this very URL to this very request, of which it is sure that they are whole."""
        head = answer.head
        if answer.history or head.status != 200 or ends_with_the_connection(head):
            return None
        if not _is_as_built(answer):
            return None
        return caching.record_of(head.field, data, self.asked_at, self.port.timestamp())


def _is_as_built(answer: Answer) -> bool:
    """Whether no hook made another request of it on its way, of whom the key knows nothing."""
    sent, call = answer.course.request, answer.call
    return sent is None or caching.asks_alike(sent, call.rules.builder.build(call.spec))


async def _at(port: Port, store: Store, function: Callable[..., T], *args: Any) -> T:
    """Ask a store, where that holds up nobody."""
    return await port.blocking(function, *args) if store.is_on_disk else function(*args)
