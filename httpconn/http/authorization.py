"""Proxy-Authorization: the values that a scheme gives, and where they stand in a request."""

from __future__ import annotations

from ..core.messages import Head, RawFields
from ..errors import InvalidRequest
from ..network.credentials import MAX_ROUNDS, ProxyAuth


class Authorization:
    """The values of Proxy-Authorization for one exchange with a proxy.

    Args:
        auth: the scheme, or None for none.
        method: of the request.
        target: as it is sent.

    Attributes:
        value: for the next request; None sends none.
    """

    def __init__(self, auth: ProxyAuth | None, method: str, target: str) -> None:
        self._rounds = None if auth is None else auth.authenticate(method, target)
        self._left = MAX_ROUNDS
        self.value: bytes | None = None if self._rounds is None else _encoded(next(self._rounds, None))

    def follows(self, head: Head) -> bool:
        """Return whether the request is to be sent again after a response with this head."""
        self._left -= 1
        if head.status != 407 or self._rounds is None or not self._left:
            return False
        challenges = [value.decode("latin-1") for name, value in head.fields if name.lower() == b"proxy-authenticate"]
        try:
            self.value = _encoded(self._rounds.send(challenges))
        except StopIteration:
            self._rounds = None
            return False
        return True

    def added_to(self, fields: RawFields, own: RawFields) -> RawFields:
        """Return the fields of a request with those for the proxy, which give way to the request's."""
        if not own and self.value is None:
            return fields
        if self.value is None:
            named = {name.lower() for name, _ in fields}
            return fields + [field for field in own if field[0].lower() not in named]
        kept = [field for field in fields if field[0].lower() != b"proxy-authorization"]
        named = {name.lower() for name, _ in kept} | {b"proxy-authorization"}
        added = [field for field in own if field[0].lower() not in named]
        return [*kept, *added, (b"Proxy-Authorization", self.value)]


def _encoded(value: str | None) -> bytes | None:
    """Return a value as it is sent: user names of Digest as UTF-8, as curl sends them."""
    if not isinstance(value, str | None):
        raise InvalidRequest(f"proxy: auth must yield str or None, not {type(value).__name__}")
    return None if value is None else value.encode()
