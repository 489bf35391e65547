"""Equal calls that are under way at once share one transfer.

One of them leads and makes it; the others wait, each no longer than its own deadline. A leader that leaves, by its
deadline or because it is cancelled, takes nothing with it: the next one leads, from the start.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable
from dataclasses import dataclass, replace
from weakref import ref

from ..core.deadlines import Deadline
from ..errors import DeadlineExceeded, HTTPConnError, StatusError
from ..ports.base import Port, Signal
from .cached import obtain
from .content import Content
from .requeststate import Call, RequestState

LOOK = 5.0
"""Seconds after which a call that waits looks whether the leader is alive: a signal handler may have interrupted it."""


class Leader:
    """Held by the call that makes a transfer. It is destroyed with that call, wherever an exception ends the call."""

    __slots__ = ("__weakref__",)


@dataclass(eq=False)
class Flight:
    """A transfer that is shared.

    Attributes:
        landed: set when it is over.
        leader: the call that makes it.
        outcome: what it came to, or None where its leader left.
    """

    landed: Signal
    leader: ref[Leader]
    outcome: Content | HTTPConnError | None = None


Flights = dict[Hashable, Flight]
"""The transfers of one connection object that are shared, one entry for each; changed in single, atomic steps."""


async def shared(port: Port, call: Call, flights: Flights) -> Content:
    """The content of a call, of whose kind only one is under way among those that can wait for each other."""
    course = RequestState.of(call, port.now())
    key = port.place, *_likeness(call)
    while True:
        leader = Leader()
        mine = Flight(port.signal(), ref(leader))
        flight = flights.setdefault(key, mine)
        if flight is mine:
            return await _lead(port, course, flights, key, flight)
        await _follow(port, course, flight)
        if flight.outcome is not None:
            return _taken(flight.outcome)
        if flights.get(key) is flight:  # its leader was destroyed before it could remove the entry
            flights.pop(key, None)


def _likeness(call: Call) -> tuple[Hashable, ...]:
    url = call.spec.url
    place = url.origin, url.target, call.spec.fields
    return *place, call.follow, call.max_bytes, replace(call.timeouts, total=None), call.rules.retries


async def _lead(port: Port, course: RequestState, flights: Flights, key: Hashable, flight: Flight) -> Content:
    try:
        flight.outcome = content = await obtain(port, course)
        return content
    except DeadlineExceeded:
        raise
    except HTTPConnError as error:
        flight.outcome = _copied(error)
        raise
    finally:
        flights.pop(key, None)
        flight.landed.set()


async def _follow(port: Port, course: RequestState, flight: Flight) -> None:
    while flight.leader() is not None:
        end = course.deadline.sooner(Deadline.after(LOOK, port.now()))
        try:
            await port.wait(flight.landed, end)
            return
        except HTTPConnError as error:
            if end == course.deadline:
                course.describe(error, port.now())
                raise


def _taken(outcome: Content | HTTPConnError) -> Content:
    if isinstance(outcome, Content):
        return outcome
    raise _copied(outcome)


def _copied(error: HTTPConnError) -> HTTPConnError:
    """An error for each who waited: one that is raised in several places mixes up its tracebacks."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    copied._request = error._request
    if isinstance(error, StatusError) and isinstance(copied, StatusError):
        copied._response = error._response
    return copied
