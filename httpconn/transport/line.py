"""The line of those who wait: first come, first served, left at any time, at constant cost."""

from __future__ import annotations

from collections import OrderedDict
from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar

__all__ = ["Line"]


class Waiter(Protocol):
    """Somebody in the line; ``number`` rises with the time of arrival."""

    @property
    def number(self) -> int: ...


W = TypeVar("W", bound=Waiter)


class Line(Generic[W]):
    """Waiters in order of their numbers.

    Most join at the end, which costs the same however long the line is. One who was held up elsewhere joins at the
    place of its number, at the logarithm of how many such there are.
    """

    __slots__ = ("_in_order", "_late", "_late_order")

    def __init__(self) -> None:
        self._in_order: OrderedDict[int, W] = OrderedDict()
        self._late: dict[int, W] = {}
        self._late_order: list[int] = []  # a heap; it may hold numbers that have left

    def __len__(self) -> int:
        return len(self._in_order) + len(self._late)

    def join(self, waiter: W) -> None:
        """Wait at the end: nobody in the line arrived later."""
        self._in_order[waiter.number] = waiter

    def join_late(self, waiter: W) -> None:
        """Wait at the place that the number gives."""
        self._late[waiter.number] = waiter
        heappush(self._late_order, waiter.number)

    def leave(self, waiter: W) -> None:
        """Wait no longer."""
        if self._in_order.pop(waiter.number, None) is None:
            del self._late[waiter.number]
            self._forget_departed()

    def first(self) -> W | None:
        """Who is next, if anybody waits."""
        if not self._late and not self._in_order:
            return None
        late = self._first_late()
        if not self._in_order:
            return late
        in_order = next(iter(self._in_order.values()))
        return late if late is not None and late.number < in_order.number else in_order

    def _first_late(self) -> W | None:
        order = self._late_order
        while order and order[0] not in self._late:
            heappop(order)
        return self._late[order[0]] if order else None

    def _forget_departed(self) -> None:
        # Halved at the least, so that the cost is spread over as many departures.
        if len(self._late_order) > 2 * len(self._late):
            self._late_order = list(self._late)
            heapify(self._late_order)
