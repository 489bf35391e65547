"""What an answer is made of: bytes, and the steps below, played on the connection in turn."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .link import Link

GIB = 1024**3


class Action(Protocol):
    """A step that is more than bytes."""

    def play(self, link: Link, /) -> None:
        """Do it to a connection."""


Step = bytes | Action


@dataclass(frozen=True)
class Pause:
    """Wait; the stopping server waits no longer."""

    seconds: float

    def play(self, link: Link) -> None:
        """See :class:`Action`."""
        link.pause(self.seconds)


@dataclass(frozen=True)
class Until:
    """Hold the answer back until the test sets the event."""

    event: threading.Event

    def play(self, link: Link) -> None:
        """See :class:`Action`."""
        # The event wakes us at once; the bound is for noticing that the server stops.
        while not self.event.wait(0.1):
            link.pause(0)


@dataclass(frozen=True)
class Close:
    """End the connection properly (FIN), on TLS after a close_notify unless told otherwise."""

    notify: bool = True

    def play(self, link: Link) -> None:
        """See :class:`Action`."""
        link.close(notify=self.notify)


@dataclass(frozen=True)
class Reset:
    """Break the connection (RST). What is still on its way may be lost, as on any network."""

    def play(self, link: Link) -> None:
        """See :class:`Action`."""
        link.reset()


@dataclass(frozen=True)
class Stall:
    """Send nothing more, until the client goes or the server stops."""

    def play(self, link: Link) -> None:
        """See :class:`Action`."""
        link.outwait()


@dataclass(frozen=True)
class Drip:
    """Send ``size`` bytes of the data, then wait ``every`` seconds, and so on."""

    data: bytes
    every: float = 0.05
    size: int = 1

    def play(self, link: Link) -> None:
        """See :class:`Action`."""
        for start in range(0, len(self.data), self.size):
            link.send(self.data[start : start + self.size])
            link.pause(self.every)


@dataclass(frozen=True)
class Forever:
    """Send the chunk again and again until the client goes; after ``limit`` bytes end the connection."""

    chunk: bytes
    limit: int = GIB

    def play(self, link: Link) -> None:
        """See :class:`Action`."""
        for _ in range(self.limit // len(self.chunk)):
            link.send(self.chunk)
        link.close()


def cut(answer: bytes, after: int, end: Action = Close()) -> list[Step]:
    """An answer whose body breaks off.

    Args:
        answer: a whole one, such as :func:`response` makes.
        after: bytes of the body that are sent, 0 or more.
        end: what happens then.
    """
    head, blank, body = answer.partition(b"\r\n\r\n")
    return [head + blank + body[:after], end]
