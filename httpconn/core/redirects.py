"""Redirects: the next URL, and the header fields that are sent to it (RFC 9110 section 15.4)."""

from collections.abc import Iterable
from dataclasses import replace

from ..errors import InvalidURL, RedirectRefused, TooManyRedirects
from ..options import RedirectPolicy
from . import headers
from .auth import Credentials, combine
from .locations import resolve
from .messages import DEFAULT_PORTS, Origin, can_replay
from .requestbuilder import RequestBuilder, RequestSpec

# 304 concerns a stored response, and 305 and 306 concern proxies.
STATUSES = frozenset({300, 301, 302, 303, 307, 308})

REPEATING = frozenset({307, 308})
"""Statuses after which the request is repeated. After any other redirect, the next request is a GET without a body."""

_OF_THE_CALL = headers.CONDITIONS | {b"accept-encoding"}
"""Fields that the options of a host do not replace, because they determine how the response is read."""


def location_of(fields: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the Location of a redirect, or None if it has none. Identical fields count as one."""
    values = locations_of(fields)
    if len(values) > 1:
        raise RedirectRefused(f"The redirect has {len(values)} Location fields with different values")
    return values.pop() if values else None


def locations_of(fields: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    return {value.strip(b" \t") for name, value in fields if name.lower() == b"location"}


class Trail:
    """The redirects of one attempt, after ``hops`` earlier ones. Loops and endless chains end at the same limit.

    Some sites redirect to the same URL once and respond differently the second time.
    """

    def __init__(self, policy: RedirectPolicy, builder: RequestBuilder, hops: int = 0) -> None:
        self._policy = policy
        self._builder = builder
        self._hops = hops

    def follow(self, spec: RequestSpec, location: bytes, status: int = 302) -> RequestSpec:
        """Return the next request. Raises TooManyRedirects, RedirectRefused or AccessDenied."""
        if spec.method != "GET" or spec.body_fields:
            spec = _repeated(spec) if status in REPEATING else _as_get(spec)
        following = self._next(spec, location)
        self._hops += 1
        if self._hops > self._policy.max_hops:
            raise TooManyRedirects(f"More than {self._policy.max_hops} redirects")
        return following

    def _next(self, spec: RequestSpec, location: bytes) -> RequestSpec:
        try:
            url = resolve(spec.url, location)
        except InvalidURL as error:
            raise RedirectRefused(f"The redirect leads to an invalid URL: {error.message}") from error
        if spec.url.origin.scheme == "https" and url.origin.scheme == "http" and not self._policy.allow_downgrade:
            raise RedirectRefused(f"The redirect leads from https to http: {url.redacted}")
        if self._policy.ports == "same" and not _keeps_port(spec.url.origin, url.origin):
            old, new = spec.url.origin.port, url.origin.port
            raise RedirectRefused(f"The redirect changes the port from {old} to {new}: {url.redacted}")
        self._builder.admit(url)
        if url.origin == spec.url.origin or _is_upgrade(spec.url.origin, url.origin):
            return replace(spec, url=url)
        safe = headers.for_other_origin(spec.fields, self._policy.safe_headers)
        call = tuple(each for each in safe if each[0].lower() in _OF_THE_CALL)
        fields, auth = combine(Credentials(safe), self._builder.of_host(url), Credentials(call))
        return replace(spec, url=url, fields=fields, auth=auth)


def _keeps_port(old: Origin, new: Origin) -> bool:
    """Return whether the port stays the same, or both ports are the default ports of their schemes."""
    return old.port == new.port or (DEFAULT_PORTS[old.scheme], DEFAULT_PORTS[new.scheme]) == (old.port, new.port)


def _repeated(spec: RequestSpec) -> RequestSpec:
    if not can_replay(spec.body):
        raise RedirectRefused(
            "The redirect repeats the request, but the body can be sent only once: give bytes or a file that can seek"
        )
    return spec


def _as_get(spec: RequestSpec) -> RequestSpec:
    """Return the request without its body, and as a GET unless it is a HEAD (RFC 9110 section 15.4)."""
    return replace(spec, method="HEAD" if spec.method == "HEAD" else "GET", body=None, body_fields=())


def _is_upgrade(old: Origin, new: Origin) -> bool:
    """Return whether a redirect only adds TLS: the same host, on the default ports. The credentials are then kept."""
    return old.host == new.host and (old.scheme, old.port, new.scheme, new.port) == ("http", 80, "https", 443)
