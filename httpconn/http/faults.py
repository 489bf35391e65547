"""What can be wrong with an exchange, as the errors that users catch."""

from __future__ import annotations

from ..errors import Disconnected, HeaderTooLarge, HTTPConnError, TruncatedBody
from ..errors import MalformedRequest as LocalProtocolError
from ..errors import ProtocolError as RemoteProtocolError

__all__ = ["Disconnected", "HeaderTooLarge", "LocalProtocolError", "RemoteProtocolError", "truncated"]


def truncated(*, answered: bool) -> HTTPConnError:
    """Return the error of a connection that ended before its response, in the words of h11, which users know.

    Args:
        answered: whether any of the response had come.
    """
    if answered:
        return TruncatedBody("peer closed connection without sending complete message")
    return Disconnected("Server disconnected without sending a response.")
