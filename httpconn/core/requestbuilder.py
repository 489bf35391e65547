"""The request builder, which makes all requests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

from ..access import AccessPolicy
from ..errors import AccessDenied, InvalidURL
from . import headers
from .auth import NONE, AuthFlow, Credentials, combine
from .dataurls import data_url, is_data
from .messages import DATA, Origin, RawFields, Request
from .remembered import Remembered
from .urls import URL, WRONG_SCHEME, VettedURL, vet

_MAX_HOSTS = 1024
_IDENTITY = ((b"Accept-Encoding", b"identity"),)


@dataclass(slots=True, eq=False, repr=False)
class RequestSpec:
    """A request that passed all checks. It must not be changed."""

    url: VettedURL
    fields: headers.Fields  # the header fields, without the Host and those of the body
    codings: frozenset[str]
    method: str = "GET"
    body: Any = None  # the body as in :class:`~httpconn.core.messages.Request`
    # The header fields that describe the body. They stay with it, also on another origin.
    body_fields: headers.Fields = ()
    auth: AuthFlow | None = None  # the authentication flow for the origin, or None

    def with_fields(self, fields: headers.Fields) -> Self:
        return replace(self, fields=headers.merge(self.fields, fields)) if fields else self


class RequestBuilder:
    """A builder of the requests of one connection object.

    Other origins do not get the credentials ``auth``. ``of_host`` returns the header fields and credentials of a host.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        accept_encoding: str,
        headers_given: Mapping[str, str] | None,
        access: AccessPolicy,
        auth: Credentials = NONE,
        of_host: Callable[[str], Credentials] | None = None,
    ) -> None:
        own = headers.check({"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": accept_encoding})
        self.fields: headers.Fields = headers.merge(own, headers.check(headers_given))
        self._unencoded = headers.merge(self.fields, _IDENTITY)
        self._codings = headers.tokens(accept_encoding)
        self._access = access
        self._takes_data = "data" in access.schemes
        self._auth = auth
        self._of_host = None if of_host is None else lru_cache(_MAX_HOSTS)(of_host)
        self._is_plain = auth is NONE and of_host is None
        self._admitted: Remembered[tuple[Origin, bool, bool], bool] = Remembered()
        self._headers: Remembered[bytes, RawFields] = Remembered()

    def spec(
        self,
        url: URL,
        extra_headers: Mapping[str, str] | None = None,
        auth: Credentials = NONE,
        *,
        safe: frozenset[str] | None = None,
    ) -> RequestSpec:
        """Check a URL, and merge the header fields and the credentials of the connection, the host and the call.

        The fields and credentials of the call take precedence, then those of the URL, of the host and of the
        connection. For a mirror on another origin, ``safe`` contains the ``safe_headers`` of redirects: the mirror gets
        only the fields of the connection that a redirect to the mirror would get.
        """
        if self._takes_data and is_data(url):
            return RequestSpec(self.admit(data_url(url)), (), frozenset())
        vetted = self.admit(vet(url))
        if extra_headers is None and vetted.authorization is None and auth is NONE and self._is_plain and safe is None:
            return RequestSpec(vetted, self.fields, self._codings)
        fields, flow = combine(
            Credentials(self.fields if safe is None else headers.for_other_origin(self.fields, safe)),
            self._auth if safe is None else NONE,
            self.of_host(vetted),
            Credentials(((b"Authorization", vetted.authorization.encode()),) if vetted.authorization else ()),
            Credentials(headers.check(extra_headers)),
            auth,
        )
        return RequestSpec(vetted, fields, self.codings_of(fields), auth=flow)

    def of_host(self, url: VettedURL) -> Credentials:
        return NONE if self._of_host is None else self._of_host(url.origin.host)

    def unencoded(self, spec: RequestSpec) -> RequestSpec:
        """Return a request for a file without a content coding. A coding that the server applies anyway is decoded."""
        if spec.url.origin is DATA:
            raise InvalidURL(WRONG_SCHEME)
        is_default = spec.fields is self.fields
        fields = self._unencoded if is_default else headers.merge(spec.fields, _IDENTITY)
        return RequestSpec(spec.url, fields, self._codings, auth=spec.auth)

    def codings_of(self, fields: headers.Fields) -> frozenset[str]:
        """Return the codings that the request offers. No other coding is decoded."""
        if fields is self.fields:
            return self._codings
        return next(
            (headers.tokens(value.decode("ascii")) for name, value in fields if name.lower() == b"accept-encoding"),
            frozenset(),
        )

    def admit(self, url: VettedURL) -> VettedURL:
        """Check a URL of a caller or of a redirect against the access policy."""
        key = url.origin, url.has_userinfo, url.has_backslash
        if key not in self._admitted:
            self._check(url)
            self._admitted[key] = True
        return url

    def admit_method(self, method: str, url: VettedURL) -> None:
        """Check a method against the access policy. Raises AccessDenied: the policy denies the method."""
        try:
            self._access.judge_method(method)
        except AccessDenied as error:
            error.url = url.redacted
            raise

    def _check(self, url: VettedURL) -> None:
        try:
            self._access.judge_url(*url.origin, userinfo=url.has_userinfo, backslash=url.has_backslash)
        except AccessDenied as error:
            error.url = url.redacted
            raise

    def build(self, spec: RequestSpec) -> Request:
        """Make the request, with the Host first (RFC 9110 section 7.2). The default header of a host is cached."""
        url, is_default = spec.url, spec.fields is self.fields and not spec.body_fields
        header = self._headers.get(url.netloc) if is_default else None
        if header is None:
            header = [(b"Host", url.netloc), *spec.fields, *spec.body_fields]
            if is_default:
                self._headers[url.netloc] = header
        return Request(url.origin, url.target, header, method=spec.method, body=spec.body, fragment=url.fragment)
