"""Requests and responses, as the exchange, the pool and the connections pass them.

They are converted to objects of httpx only where a caller uses one.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple, Self

import httpx

from ..errors import MalformedRequest
from ..options import IDEMPOTENT

RawFields = list[tuple[bytes, bytes]]  # Header fields in their order. Names keep their case.

FieldValues = dict[bytes, bytes]
"""Header fields by their name in lower case. Several lines of one name are joined (RFC 9110 section 5.3)."""

DEFAULT_PORTS = {"http": 80, "https": 443}

BODILESS = frozenset({204, 304})  # statuses without a body, whatever the header says (RFC 9110 section 6.4.1)

_MAX_LENGTH_DIGITS = 19  # below 2 ** 64

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""The methods that change nothing on the server (RFC 9110 section 9.2.1)."""


class Origin(NamedTuple):
    """An origin (RFC 6454 section 4). The host is in A-labels and lower case, or an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The host and port as in a URL and in the Host header (RFC 9110 section 7.2)."""
        return self.authority_host if self.port == DEFAULT_PORTS.get(self.scheme, 0) else self.authority

    @property
    def authority(self) -> str:
        """The host and port, including a default port."""
        return f"{self.authority_host}:{self.port}"

    @property
    def authority_host(self) -> str:
        """The host as in a URL: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


DATA = Origin("data", "", 0)  # the origin of ``data:`` URLs, to which no request is sent


@dataclass(slots=True, eq=False, repr=False)
class Request:
    """A complete request. Only event hooks change it, before it is sent."""

    origin: Origin
    target: bytes
    fields: RawFields  # The header, including the Host. It must not be changed, because requests share it.
    _: KW_ONLY
    method: str = "GET"
    body: Any = None  # None, bytes, or an iterable of bytes that the runtime can iterate over
    server_name: str | None = None  # the name for TLS, if it differs from the host
    trace: Any = None
    fragment: str = ""
    made: httpx.Request | None = None  # the httpx.Request from which this request was made, or None
    # An object that awaits a free connection (``queue``) or a new one (``dial``), or None. If the object ``tries`` to
    # make the first connection to a host, ``reached`` reports a reused connection to it.
    dialler: Any = None

    @property
    def url(self) -> str:
        """The URL with the target as it is sent."""
        text = f"{self.origin.scheme}://{self.origin.netloc}{self.target.decode('ascii', 'replace')}"
        return f"{text}#{self.fragment}" if self.fragment else text

    def forwarded(self) -> Self:
        """Return a copy of the request in the form for a forwarding proxy (RFC 9112 section 3.2.2)."""
        if self.target[:1] not in (b"/", b"*"):
            raise MalformedRequest("The target of a request through a proxy must begin with /")
        origin = f"{self.origin.scheme}://{self.origin.netloc}".encode()
        forwarded = copy(self)
        forwarded.target = origin if self.target == b"*" else origin + self.target
        return forwarded

    def as_httpx(self) -> httpx.Request:
        """Return the httpx.Request, which is made once. Its extension ``target`` is not normalized by httpx."""
        if self.made is None:
            extensions, body = {"target": self.target}, self.body
            content = {"content": body} if body is None or isinstance(body, bytes) else {"stream": BodyStream(body)}
            url = httpx.URL(self.url)
            self.made = httpx.Request(self.method, url, headers=self.fields, extensions=extensions, **content)
        return self.made


def data_request(url: str) -> Request:
    """Return the request for a ``data:`` URL, given the URL without its content. It is never sent."""
    return Request(DATA, b"", [], made=httpx.Request("GET", url))


class SignedURL(httpx.URL):
    """A URL with the target as it is sent, because authentication flows such as Digest sign it."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.url)
        self._target = request.target

    @property
    def raw_path(self) -> bytes:
        return self._target


class BodyStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a request as a stream of httpx."""

    def __init__(self, body: Any) -> None:
        self.body: Any = body

    def __iter__(self) -> Any:
        return iter(self.body)

    def __aiter__(self) -> Any:
        return aiter(self.body)


def can_replay(body: Any) -> bool:
    """Return whether a body can be sent again, unlike that of a generator."""
    return body is None or isinstance(body, bytes) or getattr(body, "can_replay", False)


def has_key(fields: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether the request has an Idempotency-Key, so that the server processes repeated requests only once."""
    return any(name.lower() == b"idempotency-key" for name, _ in fields)


def may_be_repeated(request: Request) -> bool:
    """Return whether a request may be sent again even if the server processed it (RFC 9110 section 9.2.2)."""
    return can_replay(request.body) and (request.method in IDEMPOTENT or has_key(request.fields))


def by_name(fields: RawFields) -> FieldValues:
    """Map lower-case names to values, and join the values of repeated fields in order (RFC 9110 section 5.3)."""
    values = {name.lower(): value for name, value in fields}
    if len(values) < len(fields):
        values.clear()
        for name, value in fields:
            key = name.lower()
            values[key] = b"%b, %b" % (values[key], value) if key in values else value
    return values


def content_length(value: bytes) -> int | None:
    """Return the value of a Content-Length (RFC 9110 section 8.6); None if it is invalid. Equal values count once."""
    members = (each.strip(b" \t") for each in value.split(b","))
    lengths = {int(each) if each.isdigit() and len(each) <= _MAX_LENGTH_DIGITS else -1 for each in members}
    return None if len(lengths) > 1 or -1 in lengths else lengths.pop()


class Head(NamedTuple):
    """The head of a response."""

    status: int
    reason: bytes  # the reason phrase; empty over HTTP/2
    version: bytes  # the HTTP version, such as ``b"HTTP/1.1"``; empty if it is unknown
    fields: RawFields  # the header fields in their original order and case
    values: FieldValues  # the header fields by name
    size: int = 0  # in bytes, over HTTP/1.1 with the status line and the line ends; 0 if there is no limit

    def field(self, name: str) -> str | None:
        """Return the value of a field by its name in lower case, or None."""
        value = self.values.get(name.encode())
        if value is None:
            return None
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")


class Response(NamedTuple):
    """The head of a response, and its request."""

    request: Request
    head: Head

    @property
    def status_code(self) -> int:
        return self.head.status

    @property
    def reason_phrase(self) -> str:
        return self.head.reason.decode("ascii", "ignore")

    def as_httpx(self, content: bytes | None = None) -> httpx.Response:
        """Return the httpx.Response. Without ``content``, its body cannot be read."""
        request, head = self
        extensions = {"http_version": head.version, "reason_phrase": head.reason} if head.version else {}
        body: dict[str, Any] = {"stream": _Closed()} if content is None else {"content": content}
        return httpx.Response(
            head.status, headers=head.fields, request=request.as_httpx(), extensions=extensions, **body
        )


class _Closed(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a response after the end of its exchange."""

    def __iter__(self) -> Any:
        raise httpx.StreamClosed

    def __aiter__(self) -> Any:
        raise httpx.StreamClosed
