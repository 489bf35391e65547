"""A set with a limit, for checks whose results are remembered."""

from collections.abc import Hashable

MAX_REMEMBERED = 1024  # limit of the items of one set


class Remembered(set[Hashable]):
    """A set that begins again when it is full."""

    def add(self, item: Hashable) -> None:
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        super().add(item)
