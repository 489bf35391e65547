"""Workarounds: what httpcore does wrong with the connections that it keeps, mended from outside.

Each names the fault, which was seen in httpcore 1.0.9 and, where nothing else is said, in httpcore2 2.16. Here alone
is read what they keep to themselves; where it is not there, nothing is mended.
"""

from __future__ import annotations

import traceback
from typing import Any

import httpcore

MOST_UNREAD = 1024 * 1024
"""Bytes of answers left unread after which an HTTP/2 connection is asked for nothing more.

The fault: an answer that is left half-way is not cancelled (RFC 9113 section 5.4.2), so that its rest comes and uses up
the window of all; that of httpcore has 16 MiB.
"""

_ACQUIRE = (f"{httpcore.__name__}._synchronization", "acquire")  # of its semaphores


def is_ahead(connection: Any) -> bool:
    """Whether bytes came behind an answer over HTTP/1.1.

    The fault: they are taken for the beginning of the next one.
    """
    parser = getattr(_protocol(connection), "_h11_state", None)
    return parser is not None and bool(parser.trailing_data[0])


def allows_fewer(connection: Any) -> bool:
    """Whether the server allows fewer streams of HTTP/2 at once than it did.

    The fault, not of httpcore2: it waits then until so many have ended, and lets nobody receive what ends them. So it
    is not told: those that are open go on (RFC 9113 section 5.1.2), and nobody else is given the connection. Those who
    wait for a stream of it already may be refused one by the server, which is an error that can be tried again.
    """
    return getattr(getattr(_protocol(connection), "_network_stream", None), "allows_fewer", False)


def finish_places(connection: Any, error: BaseException) -> None:
    """Take the places of HTTP/2 streams that the server has not allowed yet, where that was interrupted.

    The fault: whoever begins a connection takes all but one of them, one after the other, and where it is cancelled
    over that the rest counts as free. More are given back then than were taken, which is a ValueError for whoever
    shares the connection. To be called before anybody else has a turn.
    """
    http2 = _protocol(connection)
    semaphore = getattr(http2, "_max_streams_semaphore", None)
    places = getattr(semaphore, "_anyio_semaphore", None) or getattr(semaphore, "_trio_semaphore", None)
    if places is None or not _took_places(error):
        return
    if http2._max_streams == 1 and not http2._h2_state.highest_outbound_stream_id:
        while places.value > 1:
            places.acquire_nowait()


def was_left_unbegun(connection: Any, error: BaseException) -> bool:
    """Whether a request waited for an HTTP/2 connection that another was beginning, and left.

    The fault: where that one is cancelled, h2 refuses to begin the connection again for whoever waited.
    """
    is_refused = type(error).__module__.partition(".")[0] == "h2"
    return is_refused and not getattr(_protocol(connection), "_sent_connection_init", True)


def took_nothing(error: BaseException) -> bool:
    """Whether the server ended a connection of HTTP/2 before it took any request (RFC 9113 section 6.8).

    The fault: of a GOAWAY that names a stream, those who came later hear that they may go elsewhere; of one that names
    none, nobody does.
    """
    return isinstance(error, httpcore.RemoteProtocolError) and any(
        getattr(each, "last_stream_id", None) == 0 for each in error.args
    )


def _took_places(error: BaseException) -> bool:
    """Whether it came while httpcore waited for the place of a stream, or took those not allowed yet."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return _ACQUIRE in [(frame.f_globals.get("__name__"), frame.f_code.co_name) for frame in frames]


def _protocol(connection: Any) -> Any:
    """What speaks HTTP, through a proxy and its tunnel."""
    while (inner := getattr(connection, "_connection", None)) is not None:
        connection = inner
    return connection
