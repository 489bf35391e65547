"""The steps of a scripted response: bytes and actions, which a connection plays in order."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from . import link

GIB = 1024**3


class Action(Protocol):
    """A step that acts on the connection."""

    def play(self, link: link.Link, /) -> None:
        """Play the action on a connection."""


Step = bytes | Action
"""Bytes to send, or an action."""


@dataclass(frozen=True)
class Pause:
    """Wait for ``seconds``, or until the server stops."""

    seconds: float

    def play(self, link: link.Link) -> None:
        link.pause(self.seconds)


@dataclass(frozen=True)
class Until:
    """Wait until the test sets an event, or until the server stops."""

    event: threading.Event

    def play(self, link: link.Link) -> None:
        # The timeout is only for the check whether the server stops.
        while not self.event.wait(0.1):
            link.pause(0)


@dataclass(frozen=True)
class Close:
    """Close the connection with FIN. On TLS, send close_notify before it, unless ``notify`` is False."""

    notify: bool = True

    def play(self, link: link.Link) -> None:
        link.close(notify=self.notify)


@dataclass(frozen=True)
class Reset:
    """Reset the connection (RST). The client may lose bytes that are still in transit."""

    def play(self, link: link.Link) -> None:
        link.reset()


@dataclass(frozen=True)
class Stall:
    """Send nothing until the client closes the connection or the server stops."""

    def play(self, link: link.Link) -> None:
        link.read_until_end()


@dataclass(frozen=True)
class Drip:
    """Send the data in parts of ``size`` bytes, and wait ``every`` seconds after each part."""

    data: bytes
    every: float = 0.05
    size: int = 1

    def play(self, link: link.Link) -> None:
        for start in range(0, len(self.data), self.size):
            link.send(self.data[start : start + self.size])
            link.pause(self.every)


@dataclass(frozen=True)
class Forever:
    """Send a chunk repeatedly until the client closes the connection. Close it after ``limit`` bytes."""

    chunk: bytes
    limit: int = GIB

    def play(self, link: link.Link) -> None:
        for _ in range(self.limit // len(self.chunk)):
            link.send(self.chunk)
        link.close()


def cut(response: bytes, after: int, end: Action = Close()) -> list[Step]:
    """Return the steps of a response that ends in the middle of its body.

    Args:
        response: a whole response, as :func:`response` returns it.
        after: number of bytes of the body to send, 0 or more.
        end: action after these bytes.
    """
    head, blank, body = response.partition(b"\r\n\r\n")
    return [head + blank + body[:after], end]
