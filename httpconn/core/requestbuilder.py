"""The request builder: the one place where requests are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..access import AccessPolicy
from ..errors import AccessDenied
from . import headers
from .messages import Origin, RawFields, Request
from .urls import URL, VettedURL, redact, vet

_MAX_HOSTS = 1024


class RequestSpec(NamedTuple):
    """A request that may be sent: a vetted URL, checked header fields, the codings its answer may have."""

    url: VettedURL
    fields: headers.Fields
    codings: frozenset[str]

    def with_fields(self, fields: headers.Fields) -> RequestSpec:
        """The same request with further header fields."""
        return self._replace(fields=headers.merge(self.fields, fields)) if fields else self


class RequestBuilder:
    """Makes requests for one connection object; what does not change from call to call is made ready once."""

    def __init__(
        self,
        *,
        user_agent: str,
        accept_encoding: str,
        headers_given: Mapping[str, str] | None,
        access: AccessPolicy,
    ) -> None:
        own = headers.check({"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": accept_encoding})
        self.fields: headers.Fields = headers.merge(own, headers.check(headers_given))
        self._codings = headers.tokens(accept_encoding)
        self._access = access
        self._admitted: set[tuple[Origin, bool, bool]] = set()
        self._headers: dict[bytes, RawFields] = {}

    def spec(self, url: URL, extra_headers: Mapping[str, str] | None = None) -> RequestSpec:
        """Vet a URL and merge the headers of a call, which win over the connection's.

        Raises:
            InvalidURL: see :func:`httpconn.core.urls.vet`.
            AccessDenied: the access policy forbids the URL.
            InvalidRequest: see :func:`httpconn.core.headers.check`.
        """
        vetted = self.admit(vet(url))
        if extra_headers is None and vetted.authorization is None:
            return RequestSpec(vetted, self.fields, self._codings)
        fields = headers.merge(self.fields, self._credentials(vetted), headers.check(extra_headers))
        return RequestSpec(vetted, fields, self._asked_for(fields))

    def unencoded(self, url: URL, extra_headers: Mapping[str, str] | None = None) -> RequestSpec:
        """The same for a file, whose bytes are wanted as they are; a server that encodes them anyway is borne."""
        spec = self.spec(url, extra_headers)
        fields = headers.merge(spec.fields, ((b"Accept-Encoding", b"identity"),))
        return RequestSpec(spec.url, fields, self._codings)

    def _asked_for(self, fields: headers.Fields) -> frozenset[str]:
        """A coding that the request did not offer is not decoded; a caller may offer fewer than could be."""
        if fields is self.fields:
            return self._codings
        return next(
            (headers.tokens(value.decode("ascii")) for name, value in fields if name.lower() == b"accept-encoding"),
            frozenset(),
        )

    def admit(self, url: VettedURL) -> VettedURL:
        """The access policy's say on a URL, first or redirected.

        Raises:
            AccessDenied: it is forbidden; ``url`` names it.
        """
        place = url.origin, url.has_userinfo, url.has_backslash
        if place not in self._admitted:
            self._judge(url)
            if len(self._admitted) >= _MAX_HOSTS:
                self._admitted.clear()
            self._admitted.add(place)
        return url

    def _judge(self, url: VettedURL) -> None:
        try:
            self._access.judge_url(*url.origin, userinfo=url.has_userinfo, backslash=url.has_backslash)
        except AccessDenied as error:
            error.url = redact(url.text)
            raise

    @staticmethod
    def _credentials(url: VettedURL) -> headers.Fields:
        return ((b"Authorization", url.authorization.encode("ascii")),) if url.authorization else ()

    def build(self, spec: RequestSpec) -> Request:
        """Make the request, with the Host first (RFC 9110 section 7.2); the usual header of a host is made once."""
        url = spec.url
        header = self._headers.get(url.netloc) if spec.fields is self.fields else None
        if header is None:
            header = [(b"Host", url.netloc), *spec.fields]
            if spec.fields is self.fields:
                if len(self._headers) >= _MAX_HOSTS:
                    self._headers.clear()
                self._headers[url.netloc] = header
        return Request(url.origin, url.target, header, fragment=url.fragment)
