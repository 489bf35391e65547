"""Requests to a proxy: Proxy-Authorization and the request form for forwarding proxies."""

from collections.abc import Awaitable, Callable

from ..core.messages import Head, RawFields, Request, can_replay
from ..errors import InvalidRequest
from ..network.credentials import MAX_ROUNDS, ProxyAuth
from ..network.proxies import Proxy
from ..runtime.interruption import Interruption
from ..runtime.timeouts import AttemptTimeouts
from .http1body import Incoming, Release

Exchange = Callable[[Request, AttemptTimeouts, Release, Interruption | None], Awaitable[Incoming]]


class Authorization:
    """The Proxy-Authorization values of one exchange with a proxy, or none without a scheme."""

    def __init__(self, auth: ProxyAuth | None, method: str, target: str) -> None:
        self._rounds = None if auth is None else auth.authenticate(method, target)
        self._rounds_left = MAX_ROUNDS
        # The field value for the next request; None sends no field.
        self.value: bytes | None = None if self._rounds is None else _encoded(next(self._rounds, None))

    def continues_after(self, head: Head) -> bool:
        """Compute the next value from the challenges of a response; return whether to send the request again."""
        self._rounds_left -= 1
        if head.status != 407 or self._rounds is None or not self._rounds_left:
            return False
        challenges = [value.decode("latin-1") for name, value in head.fields if name.lower() == b"proxy-authenticate"]
        try:
            self.value = _encoded(self._rounds.send(challenges))
        except StopIteration:
            self._rounds = None
            return False
        return True

    def add_to(self, fields: RawFields, proxy_fields: RawFields) -> RawFields:
        """Add the proxy's fields to ``fields``. A field of the request replaces the proxy's field of the same name.

        The value of the scheme replaces a Proxy-Authorization field of the request.
        """
        if not proxy_fields and self.value is None:
            return fields
        own = [] if self.value is None else [(b"Proxy-Authorization", self.value)]
        kept = [field for field in fields if not own or field[0].lower() != b"proxy-authorization"]
        names = {name.lower() for name, _ in kept + own}
        return [*kept, *(field for field in proxy_fields if field[0].lower() not in names), *own]


def _encoded(value: str | None) -> bytes | None:
    """Encode a field value as UTF-8, as curl encodes the user names of Digest."""
    if not isinstance(value, str | None):
        raise InvalidRequest(f"proxy: auth must yield str or None, not {type(value).__name__}")
    return None if value is None else value.encode()


class Forwarding:
    """One request to a forwarding proxy, sent once for each round of the authentication."""

    def __init__(self, proxy: Proxy, request: Request) -> None:
        self._proxy_fields: RawFields = proxy.fields
        self._fields = request.fields
        self._request = request.forwarded()
        self._authorization = Authorization(proxy.auth, request.method, self._request.target.decode("latin-1"))

    async def exchange(
        self, send: Exchange, timeouts: AttemptTimeouts, release: Release, interruption: Interruption | None
    ) -> Incoming | None:
        """Send the request with ``send`` for the next round; return None if the authentication needs another round."""
        # The rounds of a scheme such as NTLM share a connection, so ``release`` takes effect in the last one.
        is_last = True

        def release_last(*, reusable: bool) -> None:
            if is_last:
                release(reusable=reusable)

        self._request.fields = self._authorization.add_to(self._fields, self._proxy_fields)
        incoming = await send(self._request, timeouts, release_last, interruption)
        # A proxy that sends 407 has not forwarded the request, so any method can be sent again.
        if not (can_replay(self._request.body) and self._authorization.continues_after(incoming.head)):
            return incoming
        is_last = False
        await incoming.discard()
        return None
