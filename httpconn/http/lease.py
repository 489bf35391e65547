"""Leases of connections, their queues, and the pool's records of origins and shared connections."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeVar
from weakref import ref

C = TypeVar("C", bound=Hashable)


class Stage(Enum):
    """The state of a lease."""

    WAITING = auto()  # for a connection or a slot
    GRANTED = auto()  # the lease may use its connection, or dial one if it has none
    ENDED = auto()  # the pool does not know the lease: it is new, released or cancelled


WAITING, GRANTED, ENDED = Stage  # Python 3.11 takes three times as long to find a member in its class


@dataclass(slots=True, eq=False, repr=False, weakref_slot=True)
class Lease(Generic[C]):
    """The right to use a connection to an origin, from ``Pool.acquire`` until ``release`` or ``cancel``.

    Most connections serve one lease at a time. A shared connection serves several.

    If the owner drops a lease without ending it, the next operation of the pool closes its connection and frees its
    slot.
    """

    origin: Hashable  # the destination of the connection
    pool: object = None
    number: int = 0  # the rank: a later lease has a higher number
    stage: Stage = ENDED
    connection: C | None = None  # None before it is dialled
    reused: bool = False  # whether the connection served another lease before
    waiter: Any = None  # an event that the owner of a waiting lease assigns; the pool does not use it
    # Maximum number of connections to the origin, in place of the pool's limit; assigned by the owner.
    limit: int | None = None
    # Whether connections to the origin are shared, or may turn out to be; assigned by the owner.
    may_share: bool = False

    def __repr__(self) -> str:
        state = "to dial" if self.stage is GRANTED and self.connection is None else self.stage.name.lower()
        return f"<Lease {self.number} of {self.origin!r}: {state}>"


class WaitQueue(Generic[C]):
    """Waiting leases in the order of their numbers. A waiter that comes from another queue joins at its position.

    The queue holds weak references and skips a waiter that its owner has dropped. Joining at the end has a constant
    cost, any other operation a logarithmic cost.
    """

    __slots__ = ("_order", "_waiters")

    def __init__(self) -> None:
        self._waiters: dict[int, ref[Lease[C]]] = {}
        self._order: list[int] = []  # a heap, which may contain numbers of waiters that left

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self, waiter: Lease[C]) -> None:
        self._waiters[waiter.number] = ref(waiter)
        heappush(self._order, waiter.number)

    def leave(self, waiter: Lease[C]) -> bool:
        """Remove a waiter, and return whether it was in the queue."""
        if self._waiters.pop(waiter.number, None) is None:
            return False
        # The rebuild at least halves the heap, so its amortized cost per departure is constant.
        if len(self._order) > 2 * len(self._waiters):
            self._order = list(self._waiters)
            heapify(self._order)
        return True

    def first(self) -> Lease[C] | None:
        """Return the waiter with the lowest number, or None."""
        while self._order:
            reference = self._waiters.get(self._order[0])
            waiter = None if reference is None else reference()
            if waiter is not None:
                return waiter
            self._waiters.pop(heappop(self._order), None)
        return None


@dataclass(slots=True, eq=False, repr=False)
class Host(Generic[C]):
    """The pool's record of one origin."""

    origin: Hashable
    limit: int | None  # maximum number of connections to the origin, in place of the pool's limit
    open: int = 0
    reserved: int = 0  # slots of the origin reserved for leases in the pool's queue
    idle: deque[C] = field(default_factory=deque)  # by last use, the most recent last
    # The leases that wait for a slot of the origin, or for the shared connection.
    blocked: WaitQueue[C] = field(default_factory=WaitQueue)
    may_share: bool = False  # whether one connection may be enough: a second is dialled only if the first is not shared
    shared: C | None = None  # the shared connection that takes further leases
    retired: int = 0  # shared connections that take no more leases


@dataclass(slots=True, eq=False, repr=False)
class Share(Generic[C]):
    """The pool's record of a shared connection."""

    host: Host[C]
    limit: int
    leases: int = 1  # number of leases; 0 if the connection is idle
    is_retired: bool = False  # whether it takes no more leases, and closes when the last one ends
