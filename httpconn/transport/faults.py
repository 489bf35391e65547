"""What can be wrong with an exchange, and whose fault it is."""

from __future__ import annotations

__all__ = ["LocalProtocolError", "RemoteProtocolError", "TooLarge", "Truncated"]


class LocalProtocolError(Exception):
    """Ours: a request that HTTP/1.1 cannot express, or a call out of turn. Nothing of it was sent."""


class RemoteProtocolError(Exception):
    """Theirs: the answer breaks HTTP/1.1 or exceeds a bound. The connection is of no further use."""


class TooLarge(RemoteProtocolError):
    """The header, or the framing, is larger than allowed."""


class Truncated(RemoteProtocolError):
    """The connection ended before the answer did; ``answered`` says whether any of it had come."""

    def __init__(self, *, answered: bool) -> None:
        super().__init__(f"the connection ended {'within the answer' if answered else 'unanswered'}")
        self.answered = answered
