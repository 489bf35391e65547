"""The engine's reading of HTTP/1.1 for what httpcore reads: through a proxy, or where HTTP/2 is declined.

h11 takes a lone LF for the end of a line, joins folded lines, sets no limit to chunk extensions or interim answers,
lets Transfer-Encoding win over Content-Length, and takes its time for each of many small chunks. So it is given an
answer written anew out of what the engine understood, and an answer means the same, or nothing, on every way.
"""

from __future__ import annotations

import re

from ..errors import HTTPConnError
from .blocks import TOKEN
from .faults import Disconnected, HeaderTooLarge, RemoteProtocolError
from .frames import PREFACE, Frames
from .http11 import Head, HTTP11Connection
from .passages import CURRENT, Passage

_request = re.compile(rb"(" + TOKEN + rb") [\x21-\x7e]++ HTTP/1\.1\r\n").match
_AHEAD = b"\0"
"""Bytes behind a response, whatever they were: they keep h11 from reusing the connection."""


class Screen:
    """Between one stream and h11. What is no HTTP/1.1, by what is sent, passes: HTTP/2, and the handshake of SOCKS.

    The frames of HTTP/2 are looked through.
    """

    __slots__ = ("_answer", "_fault", "_frames", "_headed")

    def __init__(self) -> None:
        self._answer: HTTP11Connection | None = None
        self._fault: HTTPConnError | None = None
        self._frames: Frames | None = None
        self._headed = False

    @property
    def allows_fewer(self) -> bool:
        """Whether fewer streams of HTTP/2 are allowed at once than were before."""
        return self._frames is not None and self._frames.allows_fewer

    def sent(self, data: bytes) -> None:
        """Take note of what is sent; h11 sends the head of a request in one piece."""
        if self._answer is not None and not self._answer.complete:
            return  # the body of a request, which may look like one
        if data.startswith(PREFACE):
            self._frames = Frames()
            return
        request = _request(data)
        if request:
            limits = (CURRENT.get() or Passage()).limits
            self._answer = HTTP11Connection(
                max_headers=limits.max_headers,
                max_header_bytes=limits.max_header_bytes,
                strict=limits.strict_framing,
            )
            self._answer.begin(request[1], keep_alive=True)
            self._headed = False

    def check(self) -> None:
        """Raise what was found behind the bytes that were passed last; see :meth:`passed`."""
        if self._fault is not None:
            raise self._fault

    def passed(self, data: bytes) -> bytes:
        """What h11 reads for the bytes that came, or for the end; nothing as long as there is nothing to say.

        ProtocolError, HeaderTooLarge, Disconnected: they break HTTP, exceed a limit of the call, or end too early. What
        came of the body before is passed first.
        """
        answer = self._answer
        if answer is None:
            return data if self._frames is None else self._frames.passed(data)
        if answer.complete:
            return _AHEAD if data else b""
        try:
            answer.receive(data)
        except (RemoteProtocolError, HeaderTooLarge, Disconnected) as fault:
            self._fault = fault
        written = self._written(answer)
        if not written:
            self.check()
        return written

    def _written(self, answer: HTTP11Connection) -> bytes:
        if answer.head is None:
            return b""
        start = b"" if self._headed else _head(answer.head)
        self._headed = True
        body = answer.take_body()
        if answer.chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"0\r\n\r\n" if answer.complete else b""
        ends = answer.complete and not answer.reusable and not answer.close_delimited
        return start + body + (_AHEAD if ends else b"")

    def end_tunnel_request(self) -> None:
        """TLS begins: the answer to CONNECT is over, whatever length it gave (RFC 9112 section 6.3, rule 2)."""
        self._answer = None


def _head(head: Head) -> bytes:
    lines = [b"%b %d %b" % (head.version, head.status, head.reason), *map(b": ".join, head.fields), b"", b""]
    return b"\r\n".join(lines)
