"""A file on a correct server, with a validator and ranges. Faults can be added."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from httpconn.testing import Close, Received, Step, response

Fault = Callable[["Served", Received], Sequence[Step]]
"""A function that returns another response instead."""


@dataclass
class Served:
    """The script of a server with one file.

    Attributes:
        faults: faults of the first requests, one for each.
        ranges: whether the server supports Range.
    """

    body: bytes
    etag: str | None = '"v1"'
    modified: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    ranges: bool = True

    def __call__(self, request: Received) -> Sequence[Step]:
        """Return the response to a GET (RFC 9110 section 14)."""
        steps = self.faults.pop(0)(self, request) if self.faults else self.respond(request)
        if request.method == "HEAD" and isinstance(steps[0], bytes):
            return [steps[0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"]
        return steps

    def respond(self, request: Received) -> list[Step]:
        """Return the correct response."""
        if request.header("If-None-Match") == self.etag is not None:
            return [response(304, self.fields())]
        if self.modified is not None and request.header("If-Modified-Since") == self.modified:
            return [response(304, self.fields())]
        first = self.first(request)
        if first is None:
            return [response(200, self.fields(), self.body)]
        if first >= len(self.body):
            return [response(416, {"Content-Range": f"bytes */{len(self.body)}"}, b"no such part")]
        return [self.part(first, self.last(request))]

    def part(self, first: int, last: int | None = None, **headers: str) -> bytes:
        """Return a 206 response."""
        end = len(self.body) if last is None else last + 1
        told = {"Content-Range": f"bytes {first}-{end - 1}/{len(self.body)}"}
        return response(206, {**self.fields(), **told, **headers}, self.body[first:end])

    def fields(self) -> dict[str, str]:
        """Return the header fields of the version, and further fields."""
        named = {"ETag": self.etag, "Last-Modified": self.modified}
        return {**{name: value for name, value in named.items() if value is not None}, **self.headers}

    def first(self, request: Received) -> int | None:
        """Return the first requested byte, if the version matches If-Range."""
        asked = re.fullmatch(r"bytes=(\d+)-\d*", request.header("Range") or "")
        meant = request.header("If-Range")
        if asked is None or not self.ranges or (meant is not None and meant not in (self.etag, self.modified)):
            return None
        return int(asked[1])

    def last(self, request: Received) -> int | None:
        """Return the last requested byte, if the request names one."""
        named = (request.header("Range") or "").rpartition("-")[2]
        return min(int(named), len(self.body) - 1) if named else None


def cut(size: int, end: Step = Close()) -> Fault:  # noqa: B008 - frozen
    """Return the correct response with a truncated body."""

    def respond(served: Served, request: Received) -> list[Step]:
        head, blank, body = served.respond(request)[0].partition(b"\r\n\r\n")  # type: ignore[union-attr]
        return [head + blank + body[:size], end]

    return respond


def instead(*steps: Step) -> Fault:
    """Return a fault that sends another response."""
    return lambda _served, _request: list(steps)


def changed(**to: Any) -> Fault:
    """Return a fault that changes the file or the server from now on."""

    def respond(served: Served, request: Received) -> Sequence[Step]:
        vars(served).update(vars(replace(served, faults=served.faults, **to)))
        return served(request)

    return respond
