"""Requests and responses as plain values, which flows, the pool and the connections pass on.

httpx's objects are made of them where a caller gets to see one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx

from ..errors import MalformedRequest

RawFields = list[tuple[bytes, bytes]]
"""Header fields in their order, names in their case."""

FieldValues = dict[bytes, bytes]
"""Header fields by name in lower case; the lines of one name are joined (RFC 9110 section 5.3)."""

DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """An origin (RFC 6454 section 4); the host as A-labels, lower case, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """Host and port as they stand in a URL and in the Host header (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


class Request:
    """A request, complete for the wire. It is never changed, but by the hooks of its caller before it is sent.

    Args:
        origin: where it goes.
        target: the request target, as it is sent.
        fields: the header, the Host included. Never changed: requests share one.
        method: its method.
        body: None, bytes, or an iterable of bytes that the runtime can iterate over.
        server_name: the name for TLS, if it is another one than the host.
        trace: is told of each step, as httpcore's ``trace`` extension.
        fragment: of the URL; it is never sent.
        made: the httpx.Request of which this one was made.
    """

    __slots__ = ("body", "fields", "fragment", "made", "method", "origin", "server_name", "target", "trace")

    def __init__(
        self,
        origin: Origin,
        target: bytes,
        fields: RawFields,
        *,
        method: str = "GET",
        body: Any = None,
        server_name: str | None = None,
        trace: Any = None,
        fragment: str = "",
        made: httpx.Request | None = None,
    ) -> None:
        self.origin = origin
        self.target = target
        self.fields = fields
        self.method = method
        self.body = body
        self.server_name = server_name
        self.trace = trace
        self.fragment = fragment
        self.made = made

    @property
    def url(self) -> str:
        """The URL, its target as it is sent."""
        text = f"{self.origin.scheme}://{self.origin.netloc}{self.target.decode('ascii', 'replace')}"
        return f"{text}#{self.fragment}" if self.fragment else text

    def forwarded(self, fields: RawFields) -> Request:
        """Return the request as it is sent to a proxy that forwards it (RFC 9112 section 3.2.2).

        Raises:
            MalformedRequest: the target does not begin with a slash, so that it would change the host.
        """
        if self.target[:1] not in (b"/", b"*"):
            raise MalformedRequest("The target of a request through a proxy must begin with /")
        place = f"{self.origin.scheme}://{self.origin.netloc}".encode()
        target = place if self.target == b"*" else place + self.target
        return Request(
            self.origin,
            target,
            fields,
            method=self.method,
            body=self.body,
            server_name=self.server_name,
            trace=self.trace,
            fragment=self.fragment,
            made=self.made,
        )

    def as_httpx(self) -> httpx.Request:
        """The httpx.Request, made at the first look; the extension ``target`` holds what httpx would normalize."""
        if self.made is None:
            extensions = {"target": self.target}
            self.made = httpx.Request(self.method, httpx.URL(self.url), headers=self.fields, extensions=extensions)
        return self.made


class Head(NamedTuple):
    """The head of a response.

    Attributes:
        version: of HTTP, such as ``b"HTTP/1.1"``; empty if it is not known.
        fields: names in their original case and order.
        values: the same by name.
    """

    status: int
    reason: bytes
    version: bytes
    fields: RawFields
    values: FieldValues

    def field(self, name: str) -> str | None:
        """Return the value of a field; the name in lower case."""
        value = self.values.get(name.encode("ascii"))
        if value is None:
            return None
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")


class Response(NamedTuple):
    """A response without its body: a head, and the request that it belongs to."""

    request: Request
    head: Head

    @property
    def status_code(self) -> int:
        """The status."""
        return self.head.status

    @property
    def reason_phrase(self) -> str:
        """The reason phrase."""
        return self.head.reason.decode("ascii", "ignore")

    def as_httpx(self) -> httpx.Response:
        """Make the httpx.Response; its body cannot be read."""
        request, head = self
        extensions = {"http_version": head.version, "reason_phrase": head.reason} if head.version else {}
        return httpx.Response(
            head.status, headers=head.fields, request=request.as_httpx(), stream=_Closed(), extensions=extensions
        )


class _Closed(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a response whose exchange is over."""

    def __iter__(self) -> Any:
        raise httpx.StreamClosed

    def __aiter__(self) -> Any:
        raise httpx.StreamClosed
