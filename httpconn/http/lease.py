"""Leases of connections, and what the pool knows of an origin."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from .waitqueue import WaitQueue

__all__ = ["C", "Host", "Lease", "Share", "Stage"]

C = TypeVar("C", bound=Hashable)


class Stage(Enum):
    """What a lease permits."""

    WAITING = auto()
    """Nothing yet."""
    GRANTED = auto()
    """To use its connection or, where it has none, to dial one."""
    ENDED = auto()
    """Nothing: the pool does not know the lease yet, or does not know it any more."""


class Lease(Generic[C]):
    """A claim to a connection to an origin, from ``Pool.acquire`` until ``release`` or ``cancel``.

    Most connections serve one lease at a time. A shared one serves several.

    A lease that is dropped before that frees its slot: the next operation of the pool closes its connection.

    Args:
        origin: where the connection leads.

    Attributes:
        origin: where the connection leads.
        number: rises with the time of the claim.
        stage: what it permits.
        connection: the connection; None before it is dialled.
        reused: whether the connection served another lease before.
        waiter: an event or the like, set by the lease's owner while it waits. The pool does not touch it.
        pool: where it comes from.
        may_share: whether connections to the origin are shared, or that is not known yet; set by the lease's owner.
    """

    __slots__ = (
        "__weakref__",
        "connection",
        "may_share",
        "number",
        "origin",
        "pool",
        "reused",
        "stage",
        "waiter",
    )

    def __init__(self, origin: Hashable) -> None:
        self.pool: object = None
        self.origin: Hashable = origin
        self.number: int = 0
        self.stage: Stage = Stage.ENDED
        self.connection: C | None = None
        self.reused: bool = False
        self.waiter: Any = None
        self.may_share: bool = False

    def __repr__(self) -> str:
        state = "to dial" if self.stage is Stage.GRANTED and self.connection is None else self.stage.name.lower()
        return f"<Lease {self.number} of {self.origin!r}: {state}>"


class Host(Generic[C]):
    """One origin: its slots, its idle connections (the last used at the right), the leases that wait for a slot.

    Attributes:
        open: slots in use.
        claimed: slots of its share that are kept for leases in the pool's queue.
        idle: its idle connections.
        blocked: the leases that wait for a slot of its share, or for the shared connection.
        may_share: whether one connection is enough, so that a second one is dialled only if the first is not shared.
        shared: the shared connection that takes further leases.
        retired: its shared connections that take no more.
    """

    __slots__ = ("blocked", "claimed", "idle", "may_share", "open", "origin", "retired", "shared")

    def __init__(self, origin: Hashable) -> None:
        self.origin: Hashable = origin
        self.open: int = 0
        self.claimed: int = 0
        self.idle: deque[C] = deque()
        self.blocked: WaitQueue[Lease[C]] = WaitQueue()
        self.may_share: bool = False
        self.shared: C | None = None
        self.retired: int = 0


class Share(Generic[C]):
    """A connection that several leases use at the same time.

    Attributes:
        host: its origin.
        limit: how many leases may use it.
        leases: how many use it; none if it is idle.
        is_retired: whether it takes no more leases, and is closed when the last one ends.
    """

    __slots__ = ("host", "is_retired", "leases", "limit")

    def __init__(self, host: Host[C], limit: int) -> None:
        self.host: Host[C] = host
        self.limit: int = limit
        self.leases: int = 1
        self.is_retired: bool = False
