"""A first-in, first-out queue of waiters, which can leave at any time at constant cost."""

from __future__ import annotations

from collections import OrderedDict
from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar
from weakref import ref

__all__ = ["WaitQueue"]


class Waiter(Protocol):
    """An object that waits. Its ``number`` increases with its time of arrival."""

    @property
    def number(self) -> int: ...


W = TypeVar("W", bound=Waiter)


class WaitQueue(Generic[W]):
    """Waiters in the order of their numbers.

    The queue holds weak references and skips a waiter that its owner has dropped.

    Most waiters join at the end, at constant cost. A waiter that comes from another queue joins at the position of its
    number, at logarithmic cost in the number of such waiters.
    """

    __slots__ = ("_in_order", "_late", "_late_order")

    def __init__(self) -> None:
        self._in_order: OrderedDict[int, ref[W]] = OrderedDict()
        self._late: dict[int, ref[W]] = {}
        self._late_order: list[int] = []  # a heap, which may contain numbers of waiters that left

    def __len__(self) -> int:
        return len(self._in_order) + len(self._late)

    def join(self, waiter: W) -> None:
        """Add a waiter that arrived after all others."""
        self._in_order[waiter.number] = ref(waiter)

    def join_late(self, waiter: W) -> None:
        """Add a waiter at the position of its number."""
        self._late[waiter.number] = ref(waiter)
        heappush(self._late_order, waiter.number)

    def leave(self, waiter: W) -> bool:
        """Remove a waiter, and return whether it was in the queue."""
        return self._remove(waiter.number)

    def first(self) -> W | None:
        """Return the waiter with the lowest number, or None."""
        while (number := self._first_number()) is not None:
            waiter = (self._in_order.get(number) or self._late[number])()
            if waiter is not None:
                return waiter
            self._remove(number)
        return None

    def _first_number(self) -> int | None:
        late = self._first_late()
        in_order = next(iter(self._in_order), None)
        if late is None or in_order is None:
            return in_order if late is None else late
        return min(late, in_order)

    def _first_late(self) -> int | None:
        order = self._late_order
        while order and order[0] not in self._late:
            heappop(order)
        return order[0] if order else None

    def _remove(self, number: int) -> bool:
        if self._in_order.pop(number, None) is not None:
            return True
        if self._late.pop(number, None) is None:
            return False
        # The rebuild at least halves the heap, so its amortized cost per departure is constant.
        if len(self._late_order) > 2 * len(self._late):
            self._late_order = list(self._late)
            heapify(self._late_order)
        return True
