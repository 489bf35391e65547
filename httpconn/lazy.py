"""httpx's Request and Response, worked out only when somebody looks at them.

Most are never looked at: a fetch needs the bytes for the wire, the status and a few fields. Both are made by httpx's
own constructors, at the first look at what is not there yet or the first change.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeGuard

import httpx

__all__ = ["LazyRequest", "LazyResponse", "Origin", "RawFields", "Rest", "field", "is_untouched", "raw_fields"]

RawFields = list[tuple[bytes, bytes]]
"""Header fields in their order, names in their case."""


class Origin(NamedTuple):
    """An origin (RFC 6454 section 4); the host as A-labels, lower case."""

    scheme: str
    host: str
    port: int


class Source(Protocol):
    """What a URL can be had from."""

    @property
    def url(self) -> httpx.URL: ...


class _Lazy:
    """``_parts`` stands in an object's dictionary as long as nobody has looked."""

    @abstractmethod
    def _make(self, lazy: dict[str, Any]) -> None:
        """Call httpx's constructor, with what is in the dictionary of one at which nobody has looked."""

    def _look(self) -> None:
        """Make all of it apart, and then put it in place in one step: another thread may look at the same moment."""
        lazy = self.__dict__
        if "_parts" in lazy:
            made = object.__new__(type(self))
            made._make(lazy)
            # Where several threads have made it, all take the first: something may have been changed in that already.
            object.__setattr__(self, "__dict__", lazy.setdefault("_made", made.__dict__))

    def __getattr__(self, name: str) -> Any:
        self._look()
        if name not in self.__dict__:  # where it may be by now, though this thread has not put it there
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.__dict__[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._look()
        super().__setattr__(name, value)

    def __getstate__(self) -> Any:
        self._look()
        return super().__getstate__()


class LazyRequest(_Lazy, httpx.Request):
    """A GET without a body, complete for the wire.

    Args:
        origin: where it goes.
        target: the request target, as it is sent.
        fields: the header, the Host included. Never changed: requests share one.
        source: makes ``request.url``.

    Attributes:
        made_url: what that made, once somebody has looked.
    """

    origin: Origin
    fields: RawFields
    made_url: httpx.URL

    def __init__(self, origin: Origin, target: bytes, fields: RawFields, source: Source) -> None:
        extensions = {"target": target}
        self.__dict__.update(method="GET", origin=origin, fields=fields, extensions=extensions, _parts=source)

    def _make(self, lazy: dict[str, Any]) -> None:
        url, fields = lazy["_parts"].url, lazy["fields"]
        self.__dict__.update(origin=lazy["origin"], fields=fields, made_url=url)
        super().__init__(lazy["method"], url, headers=fields, extensions=lazy["extensions"])


def is_untouched(request: httpx.Request) -> TypeGuard[LazyRequest]:
    """Whether it is lazy and nobody has looked, so that nobody can have changed anything."""
    return isinstance(request, LazyRequest) and "_parts" in request.__dict__


class Rest(NamedTuple):
    """What of a response is seldom looked at."""

    stream: httpx.SyncByteStream | httpx.AsyncByteStream
    extensions: dict[str, Any]


class _ResponseParts(NamedTuple):
    fields: RawFields
    values: dict[bytes, bytes]
    request: httpx.Request
    rest: Callable[[], Rest]


class LazyResponse(_Lazy, httpx.Response):
    """The head of an answer, and its body still to come.

    Args:
        status: its code.
        fields: its header.
        values: the same by name, in lower case; what has one name is joined (RFC 9110 section 5.3).
        request: what it answers.
        rest: makes its body, and its extensions as httpx's transports fill them.
    """

    def __init__(
        self,
        status: int,
        fields: RawFields,
        values: dict[bytes, bytes],
        request: httpx.Request,
        rest: Callable[[], Rest],
    ) -> None:
        self.__dict__.update(status_code=status, _parts=_ResponseParts(fields, values, request, rest))

    def _make(self, lazy: dict[str, Any]) -> None:
        parts: _ResponseParts = lazy["_parts"]
        stream, extensions = parts.rest()
        super().__init__(
            lazy["status_code"], headers=parts.fields, request=parts.request, stream=stream, extensions=extensions
        )

    @property
    def raw_fields(self) -> RawFields:
        """The header as it was sent."""
        parts = self.__dict__.get("_parts")
        return self.headers.raw if parts is None else parts.fields

    def field(self, name: str) -> str | None:
        """One field, all of its lines joined (RFC 9110 section 5.3); the name in lower case."""
        parts: _ResponseParts | None = self.__dict__.get("_parts")
        if parts is None:
            known: str | None = self.headers.get(name)
            return known
        value = parts.values.get(name.encode("ascii"))
        if value is None:
            return None
        if value.isascii():
            return value.decode("ascii")
        return httpx.Headers(parts.fields)[name]  # which chooses one encoding for all of them


def raw_fields(response: httpx.Response) -> RawFields:
    """The header of any response."""
    return response.raw_fields if isinstance(response, LazyResponse) else response.headers.raw


def field(response: httpx.Response, name: str) -> str | None:
    """One field of any response; the name in lower case."""
    return response.field(name) if isinstance(response, LazyResponse) else response.headers.get(name)
