"""In-flight request sharing: equal calls that run at the same time share one transfer.

The leader makes the transfer. The waiters wait for its result, each until its own deadline. If the leader's deadline
passes or the leader is cancelled, one of the waiters becomes the leader and starts a new transfer.
"""

import copy
from collections.abc import Hashable
from dataclasses import dataclass, replace
from weakref import ref

from ..core.deadlines import Deadline
from ..errors import DeadlineExceeded, HTTPConnError, StatusError
from ..runtime.port import Event, Port
from .cached import obtain
from .content import Content
from .requeststate import RequestState
from .rules import Call

CHECK_EVERY = 5.0
"""Seconds between two checks of a waiter that the leader is alive. A signal handler may have interrupted the leader."""


class Leader:
    """An object that the leader holds. It is destroyed when the leader's call ends, also by an interruption."""

    __slots__ = ("__weakref__",)


@dataclass(eq=False, repr=False)
class Transfer:
    """A transfer that equal calls share."""

    done: Event
    leader: ref[Leader]
    # The content or the error, or None if the leader left before the end.
    outcome: Content | HTTPConnError | None = None


Transfers = dict[Hashable, Transfer]
"""The shared transfers of one connection object by key. Each change is one atomic operation."""


async def shared(port: Port, call: Call, transfers: Transfers) -> Content:
    """Return the content of a call from the transfer of an equal call, or make the transfer as its leader."""
    state = RequestState.of(call, port.now())
    key = port.place, *_key(call)
    while True:
        leader = Leader()
        own = Transfer(port.make_event(), ref(leader))
        transfer = transfers.setdefault(key, own)
        if transfer is own:
            return await _lead(port, state, transfers, key, transfer)
        await _wait(port, state, transfer)
        if isinstance(transfer.outcome, Content):
            return transfer.outcome
        if transfer.outcome is not None:
            raise _copy(transfer.outcome)
        if transfers.get(key) is transfer:  # an interrupted leader does not remove its entry
            transfers.pop(key, None)


def _key(call: Call) -> tuple[Hashable, ...]:
    url = call.spec.url
    request = url.origin, url.target, call.spec.fields
    return *request, call.accept, call.follow, call.max_bytes, replace(call.timeouts, total=None), call.rules.retries


async def _lead(port: Port, state: RequestState, transfers: Transfers, key: Hashable, transfer: Transfer) -> Content:
    try:
        transfer.outcome = content = await obtain(port, state)
        return content
    except DeadlineExceeded:
        raise
    except HTTPConnError as error:
        transfer.outcome = _copy(error)
        raise
    finally:
        transfers.pop(key, None)
        transfer.done.set()


async def _wait(port: Port, state: RequestState, transfer: Transfer) -> None:
    while transfer.leader() is not None:
        end = state.deadline.sooner(Deadline.after(CHECK_EVERY, port.now()))
        try:
            await port.aside(port.wait(transfer.done, end))
            return
        except HTTPConnError as error:
            if end == state.deadline:
                state.describe(error, port.now())
                raise


def _copy(error: HTTPConnError) -> HTTPConnError:
    """Copy an error for one waiter. An error that several calls raise would mix their tracebacks."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    copied._request = error._request
    if isinstance(error, StatusError) and isinstance(copied, StatusError):
        copied._response = error._response
    return copied
