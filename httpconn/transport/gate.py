"""The gate before a pool: so many exchanges at once, and a fair queue whose cost does not grow with its length.

httpcore's own queue is scanned as a whole for every request, and a task that is cancelled while it waits there may
take its connection with it. Behind the gate there is always a free connection, so that queue stays empty.
"""

from __future__ import annotations

from collections.abc import Hashable

from ..options import Limits
from .books import Books
from .pool import Lease, Pool, Stage
from .runtimes import Runtime
from .signals import LOOK, await_turn

Place = Lease[None]


class Gate:
    """Who is inside, and who waits; in the order of their coming. Its places are connections that are never kept."""

    def __init__(self, limits: Limits, runtime: Runtime) -> None:
        self._runtime = runtime
        self._books: Books[Place] = Books()
        self._places: Pool[None] = Pool(
            max_connections=limits.max_connections, max_per_host=limits.max_per_host, max_waiting=limits.max_waiting
        )

    @property
    def held(self) -> int:
        """How many are inside."""
        return self._places.open

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._places.waiting

    async def enter(self, host: Hashable, end: float) -> Place:
        """Wait for a place, until ``end``; raises PoolTimedOut."""
        with self._books:
            place: Place = Lease(host)
            self._places.acquire(place, 0.0)
            if place.stage is Stage.WAITING:
                place.waiter = self._runtime.signal()
        self._books.catch_up(self._left, self._wake)
        if place.stage is Stage.GRANTED:
            return place
        try:
            while not await await_turn(place.waiter, end, LOOK):
                self._books.catch_up(self._left, self._wake)
        except BaseException:
            self.leave(place)  # handed over at the same moment, it goes to the next one
            raise
        return place

    def leave(self, place: Place) -> None:
        """Hand the place to the first who waits."""
        self._books.post(place, self._left, self._wake)

    def _left(self, place: Place) -> None:
        if place.stage is Stage.WAITING:
            self._places.cancel(place, 0.0)
        else:
            self._places.release(place, 0.0, reusable=False)

    def _wake(self, _: None) -> None:
        for place in list(self._places.to_wake):
            place.waiter.set()
            self._places.to_wake.pop(place, None)
