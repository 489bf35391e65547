"""The signal that a server did not process a request."""

from __future__ import annotations

from ..errors import HTTPConnError


class Unprocessed(Exception):
    """The server did not process the request, so it can be sent again on another connection."""

    def __init__(self, error: HTTPConnError, *, responded: bool, requires_http1: bool = False) -> None:
        super().__init__(error.message)
        self.error = error  # the error to raise if the request cannot be sent again
        self.responded = responded  # whether the server sent other responses on the connection in the meantime
        self.requires_http1 = requires_http1  # whether the request must be sent over HTTP/1.1
