"""HTTP/1.1 messages of a server: received requests and the bytes of responses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

Text = str | bytes
Headers = Mapping[str, Text] | Iterable[tuple[Text, Text]]

CHUNK = 16 * 1024


@dataclass(frozen=True)
class Received:
    """A request as the server received it.

    Attributes:
        method: the method, such as "GET".
        target: the path and query in the request line, byte for byte.
        headers: names and values of the header fields in their order.
        body: the body, if the request has a Content-Length.
        connection: number of the connection of the server, from 1.
        peer_port: port of the client.
    """

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    connection: int
    peer_port: int

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.decode("latin-1").partition("?")[0]

    def header(self, name: str) -> str | None:
        """Return the value of the first header field with a name, or None."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)


def parse_head(head: bytes) -> tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]:
    """Return the method, target and header fields of the head of a request."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, target, _version = first.split(b" ")
    fields = (line.partition(b":") for line in lines)
    return method.decode(), target, tuple((name, value.strip()) for name, _, value in fields)


def response(
    status: int = 200,
    headers: Headers = (),
    body: bytes = b"",
    *,
    reason: str | None = None,
    framing: Literal["length", "chunked", "close"] = "length",
) -> bytes:
    """Return the bytes of a response.

    Args:
        status: the status.
        headers: header fields. A Content-Length replaces the correct one, and may be wrong.
        body: the body.
        reason: the reason phrase. The default is the standard phrase of the status.
        framing: how the end of the body is marked. With "close", a :class:`Close` must follow the response.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    fields = [(_octets(name), _octets(value)) for name, value in pairs]
    fields += _framing_fields(status, {name.lower() for name, _ in fields}, body, framing)
    phrase = HTTPStatus(status).phrase if reason is None else reason
    lines = [f"HTTP/1.1 {status} {phrase}".encode(), *(name + b": " + value for name, value in fields)]
    return b"\r\n".join([*lines, b"", chunked(body) if framing == "chunked" else body])


def redirect(location: Text, status: int = 302) -> bytes:
    """Return the bytes of a redirect."""
    return response(status, {"Location": location})


def chunked(body: bytes, size: int = CHUNK) -> bytes:
    """Return a body in the chunked transfer coding."""
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])


def _octets(text: Text) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


def _framing_fields(status: int, given: set[bytes], body: bytes, framing: str) -> list[tuple[bytes, bytes]]:
    # RFC 9110 section 8.6: 1xx and 204 have no Content-Length; a 304 needs none.
    if status < 200 or status in (204, 304) or framing == "close":
        return []
    if framing == "chunked":
        return [(b"Transfer-Encoding", b"chunked")]
    return [] if b"content-length" in given else [(b"Content-Length", str(len(body)).encode())]
