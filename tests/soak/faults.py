"""What the server does wrong, and how often: a table to be extended.

A fault answers one request on a line, which is whatever offers the methods of :class:`Line`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

STALL = 0.05
IDLE = 0.01
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy"
UNASKED = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nunasked"


class Line(Protocol):
    """One connection, as the server sees it."""

    def send(self, data: bytes) -> None:
        """Send; in one piece if it is short."""

    def close(self) -> None:
        """End properly, once all is sent."""

    def reset(self) -> None:
        """End by a TCP reset."""

    def later(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """Call after a while, unless the connection has ended."""


class Fault(NamedTuple):
    """One thing that goes wrong.

    Attributes:
        probability: of the requests, from 0 to 1.
        costs_an_attempt: whether it may; what a client must get over on its own does not.
        play: answers a request; is handed the line and the right answer.
    """

    name: str
    probability: float
    costs_an_attempt: bool
    play: Callable[[Line, bytes], None]


def close_idle(line: Line, answer: bytes) -> None:
    line.send(answer)
    line.later(IDLE, line.close)


def close_after(line: Line, answer: bytes) -> None:
    line.send(answer)
    line.close()


def reset(line: Line, answer: bytes) -> None:
    line.reset()


def reset_midway(line: Line, answer: bytes) -> None:
    line.send(answer[:-1])
    line.later(STALL, line.reset)  # a reset at once might overtake what was sent


def truncate(line: Line, answer: bytes) -> None:
    line.send(answer[:-1])
    line.close()


def stall(line: Line, answer: bytes) -> None:
    line.send(answer[:-1])
    line.later(STALL, line.send, answer[-1:])


def unavailable(line: Line, answer: bytes) -> None:
    line.send(BUSY)


def extra(line: Line, answer: bytes) -> None:
    line.send(answer + UNASKED)


FAULTS = (
    Fault("close_idle", 0.01, False, close_idle),
    Fault("close_after", 0.01, False, close_after),
    Fault("reset", 0.01, True, reset),
    Fault("reset_midway", 0.01, True, reset_midway),
    Fault("truncate", 0.01, True, truncate),
    Fault("stall", 0.01, False, stall),
    Fault("unavailable", 0.01, True, unavailable),
    Fault("extra", 0.01, False, extra),
)


def failing(requests: int, attempts: int) -> float:
    """How many of the requests are expected to meet a fault in each of their attempts: at most, on the average."""
    return requests * sum(fault.probability for fault in FAULTS if fault.costs_an_attempt) ** attempts
