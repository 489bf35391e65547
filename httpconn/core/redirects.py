"""Redirects: where the next hop leads, and what it may carry (RFC 9110 section 15.4)."""

from __future__ import annotations

from ..errors import InvalidURL, RedirectRefused, TooManyRedirects
from ..lazy import Origin
from ..options import RedirectPolicy
from . import headers
from .requests import RequestBuilder, RequestSpec
from .urls import join

# 300 and 304 carry no order to go elsewhere; every request here is a GET, so 303 is like the others.
STATUSES = frozenset({301, 302, 303, 307, 308})


def leads_on(status: int) -> bool:
    """Whether an answer is a redirect, which can be followed if it has a Location."""
    return status in STATUSES


class Trail:
    """The hops of one attempt, so that a loop and an endless chain both end."""

    def __init__(self, first: RequestSpec, policy: RedirectPolicy, builder: RequestBuilder) -> None:
        self._policy = policy
        self._builder = builder
        self._seen = {self._key(first)}
        self._hops = 0

    @staticmethod
    def _key(spec: RequestSpec) -> tuple[Origin, bytes]:
        return spec.url.origin, spec.url.target

    def follow(self, spec: RequestSpec, location: str) -> RequestSpec:
        """The next request.

        Raises:
            TooManyRedirects: the URL was already visited, or the limit is reached.
            RedirectRefused: the Location is no http or https URL, or falls from https to http.
            AccessDenied: the access policy forbids the URL.
        """
        following = self._next(spec, location)
        self._hops += 1
        if self._hops > self._policy.max_hops:
            raise TooManyRedirects(f"More than {self._policy.max_hops} redirects")
        if self._key(following) in self._seen:
            raise TooManyRedirects(f"A redirect loop at {following.url.shown}")
        self._seen.add(self._key(following))
        return following

    def _next(self, spec: RequestSpec, location: str) -> RequestSpec:
        try:
            url = join(spec.url, location)
        except InvalidURL as error:
            raise RedirectRefused(f"The redirect leads to no usable URL: {error.message}") from error
        if spec.url.origin.scheme == "https" and url.origin.scheme == "http" and not self._policy.allow_downgrade:
            raise RedirectRefused(f"The redirect falls from https to http: {url.shown}")
        self._builder.admit(url)
        return RequestSpec(url, self._carried(spec, url.origin), spec.codings)

    def _carried(self, spec: RequestSpec, origin: Origin) -> headers.Fields:
        if origin == spec.url.origin or _is_upgrade(spec.url.origin, origin):
            return spec.fields
        return headers.for_other_origin(spec.fields, self._policy.safe_headers)


def _is_upgrade(old: Origin, new: Origin) -> bool:
    """The same host on its usual ports, now encrypted: credentials are safer there than where they came from."""
    return old.host == new.host and (old.scheme, old.port, new.scheme, new.port) == ("http", 80, "https", 443)
