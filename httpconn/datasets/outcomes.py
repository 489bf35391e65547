"""The values of a row for a response or an error, and the default connection."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..access import AccessPolicy
from ..api.arguments import require
from ..api.outcomes import Fetched
from ..connection import HTTPConnection
from ..core import mediatypes
from ..core.messages import Head, by_name
from ..core.urls import redact
from ..errors import HTTPConnError, InvalidRequest, InvalidURL, StatusError, printable
from ..options import MIB, Limits

Values = dict[str, Any]

MAX_MESSAGE = 500


def default_connection(concurrency: int) -> HTTPConnection:
    """Return a connection object that can reach the public internet only."""
    limits = Limits(max_connections=max(100, concurrency), max_bytes=64 * MIB)
    return HTTPConnection(access=AccessPolicy.public_internet(), limits=limits)


def require_connection(connection: HTTPConnection | None, kind: str) -> None:
    """Require that a connection object with a transport of the caller has the kind of transport that is used.

    Otherwise, calls would reach the network although the caller replaced it.
    """
    require(connection=(connection, HTTPConnection | None))
    options = None if connection is None else connection._clients.options
    if options and (options.transport or options.async_transport) and not getattr(options, kind):
        raise InvalidRequest(f"The connection has no {kind}=, which this function uses. Pass both transports")


def response_values(fetched: Fetched, stored: Sequence[str] = ()) -> Values:
    """Return the values of the response or of the error, with the header fields to store."""
    error, raw, status = fetched.error, fetched._fields or [], fetched.status_code
    if isinstance(error, StatusError):
        raw, status = error.response.headers.raw, error.status_code
    head = Head(status or 0, b"", b"", raw, by_name(raw))
    found = {name: head.field(name) for name in stored}
    return {
        "final_url": error.url if error else fetched.moved_to or redact(fetched.url),
        "status": status,
        "attempts": error.attempts if error else fetched.attempts,
        "elapsed": error.elapsed if error else fetched.elapsed,
        "media_type": mediatypes.media_type(head.field("content-type")),
        "headers": {name: value for name, value in found.items() if value is not None},
    }


def error_values(error: Exception) -> Values:
    """Return the name and the message of an error. The message of an error of httpconn has no secrets."""
    message = error.message if isinstance(error, HTTPConnError) else str(error)
    return {"error": type(error).__name__, "message": printable(message, MAX_MESSAGE)}


def body_values(body: bytes) -> Values:
    return {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}


class Broken(NamedTuple):
    """The URL of a row whose line or record in the source is not valid."""

    message: str


def url_text(url: Any) -> Any:
    """Return the text of a value of a URL column. ``None`` and :class:`Broken` stay."""
    if isinstance(url, bytes):
        return url.decode("utf-8", "replace")
    return url if url is None or isinstance(url, (str, Broken)) else str(url)


def missing_url(url: Any) -> InvalidURL | None:
    """Return the error for a value that is not a text, or None."""
    if isinstance(url, str):
        return None
    if isinstance(url, Broken):
        return InvalidURL(url.message)
    return InvalidURL("The URL is missing" if url is None else f"The URL is a {type(url).__name__}, not a text")
