"""What may be kept of an answer, and when it answers in place of the server: the rules of a private cache (RFC 9111).

Only those that need no guess: what has no explicit lifetime is asked about each time, and is not read off as fresh from
its age. A call shares an answer only with calls that ask for it with the very same header, so that Vary is met and
whoever is named by a header has answers of their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, NamedTuple, Protocol

from . import ranges
from .dates import timestamp
from .headers import CONDITIONS, Fields
from .messages import Request
from .requests import RequestSpec

KEPT = ("cache-control", "content-type", "date", "etag", "expires", "last-modified")
"""The fields of an answer that are kept with it: what rules it, and how its text is to be read."""

LONGEST = 2**31
"""Seconds that stand for all longer times (RFC 9111 section 1.2.2)."""

OVERHEAD = 1024
"""Bytes that an answer is counted as beside its body."""

SHARE = 8
"""One answer has at most this part of the room, or it would push out all others."""

_DIRECTIVE = re.compile(r'([^\s,;="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?')
_SECONDS = re.compile(r"[0-9]+", re.ASCII)

# What an observer adds to a request on its way does not choose the answer (W3C Trace Context, Baggage).
_OBSERVERS = frozenset({b"traceparent", b"tracestate", b"baggage"})

Field = Callable[[str], str | None]
"""A field of an answer, by its name in lower case."""


class Question(NamedTuple):
    """What may be asked of a cache.

    Attributes:
        key: the same for the same URL, asked for with the same header; no secret can be read from it.
        oldest: seconds that an answer may be old, which is 0 where the caller wants the server to be asked.
    """

    key: str
    oldest: float


class Record(NamedTuple):
    """An answer that is kept.

    Attributes:
        born: when it left its origin, in seconds since the epoch.
        fields: those of :data:`KEPT` that it has.
        data: its body, decoded.
    """

    born: float
    fields: dict[str, str]
    data: bytes

    @property
    def cost(self) -> int:
        """Bytes that it is counted as."""
        return OVERHEAD + len(self.data)

    @property
    def version(self) -> str | None:
        """What the server can be asked about it by."""
        return ranges.version(self.fields.get("etag"), self.fields.get("last-modified"))


class Store(Protocol):
    """Where records are kept; it may lose any of them."""

    is_on_disk: bool

    def get(self, key: str) -> Record | None:
        """The record of a key."""

    def put(self, key: str, record: Record) -> None:
        """Keep a record in place of the last one."""

    def drop(self, key: str) -> None:
        """Forget the record of a key."""


def question(spec: RequestSpec) -> Question | None:
    """What a request asks of a cache; None where it is for the server alone."""
    asked = {name.lower(): value for name, value in spec.fields}
    wanted = directives(asked.get(b"cache-control", b"").decode("ascii"))
    if "no-store" in wanted or not CONDITIONS.isdisjoint(asked):
        return None
    forced = "no-cache" in wanted or asked.get(b"pragma", b"").lower() == b"no-cache"
    oldest = 0.0 if forced else _seconds(wanted.get("max-age"), LONGEST)
    place = repr((spec.url.origin, spec.url.target, sorted(asked.items())))
    return Question(hashlib.sha256(place.encode()).hexdigest(), oldest)


def record_of(field: Field, data: bytes, asked_at: float, now: float) -> Record | None:
    """What is kept of a success; None where it must not be, or would be of no use.

    Args:
        field: its header.
        data: its body, decoded.
        asked_at: when it was asked for, in seconds since the epoch.
        now: when it came.
    """
    # What sets a cookie is meant for the one who gets it, whatever else its header says.
    if "no-store" in directives(field("cache-control")) or "*" in (field("vary") or "") or field("set-cookie"):
        return None
    record = Record(_born(field, asked_at, now), _kept(field, now), data)
    return record if record.version is not None or _lifetime(record) > 0 else None


def _kept(field: Field, now: float) -> dict[str, str]:
    """With the date at which it came where it has none (RFC 9110 section 6.6.1)."""
    kept = {name: value for name in KEPT if (value := field(name)) is not None}
    return kept if timestamp(kept.get("date")) else {**kept, "date": formatdate(now, usegmt=True)}


def _born(field: Field, asked_at: float, now: float) -> float:
    """The corrected initial age (RFC 9111 section 4.2.3), as the moment at which it was 0."""
    return min(timestamp(field("date")) or now, asked_at - _seconds(field("age"), 0))


def _lifetime(record: Record) -> float:
    """Seconds that an answer is fresh (RFC 9111 section 4.2.1)."""
    ruled = directives(record.fields.get("cache-control"))
    if "no-cache" in ruled:
        return 0
    if "max-age" in ruled:
        return _seconds(ruled["max-age"], 0)
    expires, date = timestamp(record.fields.get("expires")), timestamp(record.fields.get("date"))
    return 0 if expires is None or date is None else expires - date


def is_fresh(record: Record, asked: Question, now: float) -> bool:
    """Whether a record answers without the server (RFC 9111 section 4.2)."""
    age = now - record.born
    return 0 <= age < min(_lifetime(record), asked.oldest)


def stands_in(record: Record, now: float) -> bool:
    """Whether a record may answer where the server fails to: if it said so, and for how long (RFC 5861 section 4)."""
    ruled = directives(record.fields.get("cache-control"))
    if not {"no-cache", "must-revalidate"}.isdisjoint(ruled):
        return False
    past = now - record.born - _lifetime(record)
    return past < _seconds(ruled.get("stale-if-error"), 0)


def conditions(record: Record) -> Fields:
    """The fields that ask whether a record is still what the server has (RFC 9111 section 4.3.1)."""
    return () if record.version is None else ranges.conditions(record.version, record.born)


def validated(record: Record, field: Field, asked_at: float, now: float) -> Record | None:
    """A record under the header of the 304 that confirms it (RFC 9111 section 4.3.4); None where it is of another."""
    etag = field("etag")
    if etag is not None and _opaque(etag) != _opaque(record.fields.get("etag", etag)):
        return None
    told = _kept(field, now)
    told.pop("content-type", None)  # that of a 304 is not the body's
    return record._replace(born=_born(field, asked_at, now), fields={**record.fields, **told})


def _opaque(etag: str) -> str:
    return etag.removeprefix("W/")


def asks_alike(sent: Request, built: Request) -> bool:
    """Whether two requests ask for the same thing, so that the answer to one is the answer to the other.

    Nobody has changed a request of which no httpx.Request was made.
    """
    return sent.made is None or _likeness(sent) == _likeness(built)


def _likeness(request: Request) -> tuple[Any, ...]:
    made = request.as_httpx()
    fields = sorted((name.lower(), value) for name, value in made.headers.raw if name.lower() not in _OBSERVERS)
    extensions = [made.extensions.get(name) for name in ("target", "sni_hostname")]
    return made.method, str(made.url), fields, extensions


def directives(value: str | None) -> dict[str, str]:
    """The directives of a Cache-Control, the first of each name (RFC 9111 section 5.2); empty without a value."""
    found: dict[str, str] = {}
    for name, quoted, plain in _DIRECTIVE.findall(value or ""):
        found.setdefault(name.lower(), quoted or plain)
    return found


def _seconds(value: str | None, missing: float) -> float:
    """Delta-seconds; what is none counts as 0, so that an answer is rather asked about than used for too long."""
    if value is None:
        return missing
    return min(int(value[:10]), LONGEST) if _SECONDS.fullmatch(value) else 0
