"""Requests to a proxy that forwards them, and its authentication."""

from __future__ import annotations

from ..core.messages import Head, RawFields, Request
from ..network.proxies import Proxy
from .authorization import Authorization


class Forwarding:
    """One request as it is sent to a proxy, once for each round of the authentication."""

    def __init__(self, proxy: Proxy, request: Request) -> None:
        self._own: RawFields = proxy.fields
        self._request = request
        self._plain = request.forwarded(request.fields)
        self._authorization = Authorization(proxy.auth, request.method, self._plain.target.decode("latin-1"))

    def request(self) -> Request:
        """Return the request for the next round."""
        fields = self._authorization.added_to(self._request.fields, self._own)
        return self._plain if fields is self._request.fields else self._request.forwarded(fields)

    def follow(self, head: Head) -> bool:
        """Return whether another round follows a response, for which the body of the request has to be there yet.

        A proxy that answers 407 has not forwarded the request, so the method does not matter.
        """
        body = self._request.body
        return (body is None or isinstance(body, bytes)) and self._authorization.follows(head)
