"""The faults of the server and their probabilities.

A fault responds to one request on a :class:`Line`.
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
        """Send bytes."""

    def close(self) -> None:
        """Close the connection after all bytes are sent."""

    def reset(self) -> None:
        """Reset the connection."""

    def later(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """Call a function later, unless the connection has ended."""


class Fault(NamedTuple):
    """A fault.

    Attributes:
        probability: share of the requests, from 0 to 1.
        costs_an_attempt: whether it may cost an attempt. A client must handle the other faults without one.
        play: responds to a request, with the line and the correct response.
    """

    name: str
    probability: float
    costs_an_attempt: bool
    play: Callable[[Line, bytes], None]


def close_idle(line: Line, response: bytes) -> None:
    line.send(response)
    line.later(IDLE, line.close)


def close_after(line: Line, response: bytes) -> None:
    line.send(response)
    line.close()


def reset(line: Line, response: bytes) -> None:
    line.reset()


def reset_midway(line: Line, response: bytes) -> None:
    line.send(response[:-1])
    line.later(STALL, line.reset)  # an immediate reset could discard the sent bytes


def truncate(line: Line, response: bytes) -> None:
    line.send(response[:-1])
    line.close()


def stall(line: Line, response: bytes) -> None:
    line.send(response[:-1])
    line.later(STALL, line.send, response[-1:])


def unavailable(line: Line, response: bytes) -> None:
    line.send(BUSY)


def extra(line: Line, response: bytes) -> None:
    line.send(response + UNASKED)


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
    """Return the expected number of requests with a fault in each attempt: an upper limit of the average."""
    return requests * sum(fault.probability for fault in FAULTS if fault.costs_an_attempt) ** attempts
