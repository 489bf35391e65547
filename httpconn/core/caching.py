"""The rules of a private cache (RFC 9111): which responses are stored, under which key, and when they are used.

Many users can share one connection object, so a stored response is used only for a request with the same header.
This rule is stricter than Vary.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple, Protocol

from ..errors import TRANSIENT_STATUSES, InvalidURL
from . import ranges
from .dates import http_date, timestamp
from .headers import CONDITIONS, OF_THE_CONNECTION, Fields, tokens
from .locations import resolve
from .messages import Head, Request
from .redirects import STATUSES as REDIRECTS
from .redirects import locations_of
from .regexes import regex
from .requestbuilder import RequestSpec
from .urls import VettedURL

KEPT = ("cache-control", "content-type", "date", "etag", "expires", "last-modified")
"""The header fields that are stored with a success. No other field is used again."""

LONGEST = 2**31  # seconds of the longest time; longer times are shortened to it (RFC 9111 section 1.2.2)
OVERHEAD = 1024  # bytes that each response counts in addition to its header and body
SHARE = 8  # a response may have at most one eighth of the cache, or it would remove all others

HEURISTIC_DIVISOR = 10
"""A response without a lifetime is fresh for a tenth of the time since its last change (RFC 9111 section 4.2.2)."""

MAX_HEURISTIC = 24 * 3600  # the longest lifetime of a response without a lifetime, in seconds
BRIEF = 60  # the longest lifetime of a transient error, in seconds

_HEURISTIC = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
_UNDERSTOOD = frozenset(HTTPStatus)
# A 206 has only a part of a response. A 304 has no content, and confirms a stored response.
_NEVER_STORED = frozenset({206, 304})

_OF_A_PROXY = frozenset({"proxy-authenticate", "proxy-authentication-info", "proxy-authorization"})

_DIRECTIVE = regex(r'([^\s,;="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?')
_SECONDS = regex(r"[0-9]+", re.ASCII)
_SEPARATOR = regex(rb'("(?:[^"\\]|\\.)*")|[ \t]*,[ \t]*')

# Tracing adds these fields (W3C Trace Context, Baggage). The Host is part of the URL.
_OBSERVERS = frozenset({b"host", b"traceparent", b"tracestate", b"baggage"})
# These fields, and the fields that address the cache, do not select a response.
_NOT_SELECTING = _OBSERVERS | {b"cache-control", b"pragma"}
# RFC 9110 sections 12.5.2 to 12.5.4: the values are case-insensitive.
_CASELESS = frozenset({b"accept-charset", b"accept-encoding", b"accept-language"})


class RequestDirectives(NamedTuple):
    """The Cache-Control of a request (RFC 9111 section 5.2.1)."""

    bypasses: bool = False  # the cache is not used; the response is not stored
    max_age: float = LONGEST  # maximum age of a stored response in seconds; 0 if the server must validate it
    min_fresh: float = 0  # seconds for which a stored response must remain fresh
    max_stale: float = 0  # maximum seconds since a stored response expired
    only_if_cached: bool = False


class Record(NamedTuple):
    """A stored response."""

    born: float  # the time at which its age was 0, in seconds since the epoch
    # For a success, the fields of :data:`KEPT`; otherwise, the header without the fields of the connection.
    fields: dict[str, str]
    data: bytes
    status: int = 200

    @property
    def cost(self) -> int:
        return OVERHEAD + len(self.data) + sum(len(name) + len(value) for name, value in self.fields.items())

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def version(self) -> str | None:
        """The ETag or Last-Modified for a validation by the server; None unless the status is a success."""
        if not self.is_success:
            return None
        return ranges.version(self.fields.get("etag"), self.fields.get("last-modified"))

    @property
    def location(self) -> bytes | None:
        value = self.fields.get("location") if self.status in REDIRECTS else None
        return None if value is None else value.encode("latin-1")


class Store(Protocol):
    """A store of records. It may remove any record at any time."""

    is_on_disk: bool

    def get(self, key: str) -> Record | None:
        """Return the record of a key, or None."""

    def put(self, key: str, record: Record) -> None:
        """Store a record under a key, in place of an older one."""

    def drop(self, key: str) -> None:
        """Remove all records with keys that begin with ``key``."""


def request_directives(spec: RequestSpec) -> RequestDirectives:
    given = {name.lower(): value.decode("ascii") for name, value in spec.fields}
    control = given.get(b"cache-control")
    given_directives = directives(control if control is not None else given.get(b"pragma"))
    if control is None:  # Pragma has one directive (RFC 9111 section 5.4)
        given_directives = {name: value for name, value in given_directives.items() if name == "no-cache"}
    return RequestDirectives(
        bypasses="no-store" in given_directives or not CONDITIONS.isdisjoint(given),
        max_age=0 if "no-cache" in given_directives else _seconds(given_directives.get("max-age"), LONGEST),
        min_fresh=_seconds(given_directives.get("min-fresh"), 0, invalid=LONGEST),
        max_stale=LONGEST
        if given_directives.get("max-stale") == ""
        else _seconds(given_directives.get("max-stale"), 0),
        only_if_cached="only-if-cached" in given_directives,
    )


def key(spec: RequestSpec) -> str:
    """Return the key of a request: digests of its URL and of its header. They reveal no secret.

    The conditions that a revalidation adds are not part of the key. A request with conditions of its caller bypasses
    the cache.
    """
    selecting = [(name, _normal(name, value)) for name, value in _without(_NOT_SELECTING | CONDITIONS, spec.fields)]
    return url_key(spec.url) + _digest((spec.url.origin, spec.url.target, selecting))


def url_key(url: VettedURL) -> str:
    """Return the beginning of the keys of all requests for a URL."""
    return _digest((url.origin, url.target))


def _digest(place: object) -> str:
    return hashlib.sha256(repr(place).encode()).hexdigest()[:32]


def invalidated(spec: RequestSpec, head: Head) -> set[str]:
    """Return the beginnings of the keys that the response to an unsafe method makes invalid (RFC 9111 section 4.4)."""
    if not 200 <= head.status < 400:
        return set()
    urls = [spec.url]
    for name in ("location", "content-location"):
        with suppress(InvalidURL):
            urls.append(resolve(spec.url, (head.field(name) or "").encode("latin-1", "replace")))
    return {url_key(url) for url in urls if url.origin == spec.url.origin}


def _without(names: frozenset[bytes], fields: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the other fields, in an order that does not depend on the order of ``fields``."""
    return sorted((name, value) for each, value in fields if (name := each.lower()) not in names)


def _normal(name: bytes, value: bytes) -> bytes:
    """Normalize a value (RFC 9111 section 4.1): drop white space around commas, and case where it has no meaning."""
    # Two users cannot get the same key: their secrets also differ without white space.
    if b"," in value:
        value = _SEPARATOR.sub(lambda found: found[1] or b",", value)
    return value.lower() if name in _CASELESS else value


def is_as_built(sent: Request, spec: RequestSpec) -> bool:
    """Return whether no event hook changed a request. The key does not cover such a change."""
    made = sent.made
    if made is None:
        return True
    place = made.method, made.extensions.get("sni_hostname"), made.extensions.get("target")
    is_same_place = place == ("GET", None, spec.url.target)
    return is_same_place and _without(_OBSERVERS, made.headers.raw) == _without(_OBSERVERS, spec.fields)


def record_of(head: Head, data: bytes, asked_at: float, now: float) -> Record | None:
    """Return the record to store for a response; None if it must not be stored or could never be used."""
    fields = _texts(head)
    if len(locations_of(head.fields)) > 1:
        return None
    # A response that sets a cookie is for one user, even if its Cache-Control allows storing it.
    if head.status in _NEVER_STORED or "set-cookie" in fields or not _selects_by_key(fields.get("vary", "")):
        return None
    record = Record(_born(fields, asked_at, now), _kept(head.status, fields, now), data, head.status)
    is_useful = record.version is not None or lifetime(record) > 0
    return record if is_useful and may_be_stored(record) else None


def _texts(head: Head) -> dict[str, str]:
    """Return a header as text, which keeps each byte; equal Location fields count once."""
    texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.values.items()}
    for location in locations_of(head.fields):
        texts["location"] = location.decode("latin-1")
    return texts


def head_of(record: Record, now: float) -> Head:
    """Return the head of a stored response, with its Age (RFC 9111 section 4)."""
    texts = {**record.fields, "age": str(int(max(0.0, now - record.born)))}
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in texts.items()]
    phrase = HTTPStatus(record.status).phrase if record.status in _UNDERSTOOD else ""
    return Head(record.status, phrase.encode(), b"", fields, dict(fields))


def may_be_stored(record: Record) -> bool:
    """Return whether the server allows the client to store a response (RFC 9111 sections 3, 5.2.2.3 and 5.2.2.5)."""
    named = directives(record.fields.get("cache-control"))
    return record.status in _UNDERSTOOD if "must-understand" in named else "no-store" not in named


def _selects_by_key(vary: str) -> bool:
    """Return whether the key holds every field that selected a response."""
    return tokens(vary).isdisjoint({"*", *(name.decode() for name in _NOT_SELECTING)})


def _kept(status: int, fields: Mapping[str, str], now: float) -> dict[str, str]:
    """Return the fields to store, with the date of receipt if the server sent none (RFC 9110 section 6.6.1)."""
    if 200 <= status < 300 or status == 304:
        kept = {name: fields[name] for name in KEPT if name in fields}
    else:
        left_out = OF_THE_CONNECTION | _OF_A_PROXY | tokens(fields.get("connection", ""))
        kept = {name: value for name, value in fields.items() if name not in left_out}
    return kept if timestamp(kept.get("date")) else {**kept, "date": formatdate(now, usegmt=True)}


def _born(fields: Mapping[str, str], asked_at: float, now: float) -> float:
    """Return the moment at which the age was 0 (RFC 9111 section 4.2.3)."""
    # Of several ages, the first counts. An invalid age is ignored (RFC 9111 section 5.1).
    age = fields.get("age", "").partition(",")[0].strip(" \t")
    return min(timestamp(fields.get("date")) or now, asked_at - _seconds(age, 0))


def lifetime(record: Record) -> float:
    """Return the seconds for which a response is fresh (RFC 9111 section 4.2.1)."""
    explicit = _explicit_lifetime(record)
    found = _heuristic_lifetime(record) if explicit is None else explicit
    return min(found, BRIEF) if record.status in TRANSIENT_STATUSES else found


def _explicit_lifetime(record: Record) -> float | None:
    named = directives(record.fields.get("cache-control"))
    if "no-cache" in named:
        return 0
    if "max-age" in named:
        return _seconds(named["max-age"], 0)
    if "expires" not in record.fields:
        return None
    expires, date = http_date(record.fields["expires"]), timestamp(record.fields.get("date"))
    return 0 if expires is None or date is None else expires - date


def _heuristic_lifetime(record: Record) -> float:
    """Return a tenth of the time since Last-Modified, at most 24 hours (RFC 9111 section 4.2.2)."""
    modified, date = timestamp(record.fields.get("last-modified")), timestamp(record.fields.get("date"))
    is_allowed = record.status in _HEURISTIC or "public" in directives(record.fields.get("cache-control"))
    if not is_allowed or modified is None or date is None:
        return 0
    return max(0, min((date - modified) / HEURISTIC_DIVISOR, MAX_HEURISTIC))


def is_usable(record: Record, wanted: RequestDirectives, now: float) -> bool:
    """Return whether a stored response is used without a request (RFC 9111 section 4)."""
    age = now - record.born
    allowed = wanted.max_stale if _may_be_stale(record) else 0
    return 0 <= age < wanted.max_age and age + wanted.min_fresh < lifetime(record) + allowed


def is_fresh(record: Record, now: float) -> bool:
    """Return whether a stored response has not expired (RFC 9111 section 4.2)."""
    return is_usable(record, RequestDirectives(), now)


def may_replace_error(record: Record, wanted: RequestDirectives, now: float) -> bool:
    """Return whether a stored response may replace an error (RFC 5861 section 4)."""
    age = now - record.born
    if not record.is_success or not _may_be_stale(record) or age >= wanted.max_age:
        return False
    named = directives(record.fields.get("cache-control"))
    return age - lifetime(record) < _seconds(named.get("stale-if-error"), 0)


def _may_be_stale(record: Record) -> bool:
    """Return whether the server allows the use of an expired response (RFC 9111 section 4.2.4)."""
    return {"no-cache", "must-revalidate"}.isdisjoint(directives(record.fields.get("cache-control")))


def conditions(record: Record) -> Fields:
    """Return the fields that ask whether a stored response is still valid (RFC 9111 section 4.3.1)."""
    return () if record.version is None else ranges.conditions(record.version, record.born)


def validated(record: Record, head: Head, asked_at: float, now: float) -> Record | None:
    """Return a record updated by the header of a 304 (RFC 9111 section 4.3.4); None if the 304 has another ETag."""
    fields = _texts(head)
    etag = fields.get("etag")
    if etag is not None and etag.removeprefix("W/") != record.fields.get("etag", etag).removeprefix("W/"):
        return None
    updated = _kept(304, fields, now)
    updated.pop("content-type", None)  # the Content-Type of a 304 does not describe the stored body
    return record._replace(born=_born(fields, asked_at, now), fields={**record.fields, **updated})


def directives(value: str | None) -> dict[str, str]:
    """Return the directives of a Cache-Control, the first of each name (RFC 9111 section 5.2)."""
    found: dict[str, str] = {}
    for name, quoted, plain in _DIRECTIVE.findall(value or ""):
        found.setdefault(name.lower(), quoted or plain)
    return found


def _seconds(value: str | None, missing: float, invalid: float = 0) -> float:
    """Parse delta-seconds. An invalid lifetime counts as 0, so that the server is asked too often, not too rarely."""
    if value is None:
        return missing
    return min(int(value[:20]), LONGEST) if _SECONDS.fullmatch(value) else invalid
