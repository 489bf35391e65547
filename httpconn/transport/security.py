"""How connections are secured: by a context that follows its files, and by pins."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Sequence

from ..errors import InvalidRequest
from ..pins import Pinned, pin_of
from .runtimes import Runtime
from .tls import Certificate, Recipe, recipe_of, shared_context, tls_context

logger: logging.Logger = logging.getLogger("httpconn.tls")

CHECK_EVERY = 1.0
"""Seconds for which the files of a context are not looked at again."""

Verify = ssl.SSLContext | Pinned | str | bool


class Security:
    """What connections are secured with when they are dialled, for ``ssl_context`` of the transports.

    A context is made anew when one of its files has changed; connections that are open keep theirs. Files that are of
    no use, as between the replacing of a certificate and of its key, leave the last good context in use.

    Args:
        verify: as for :class:`httpconn.HTTPConnection`, :class:`httpconn.Pinned` included.
        cert: the same.
        trust_env: whether SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE count.
        http2: whether HTTP/2 will be offered on it.
        check_every: seconds between two looks at the files, which happen only when a connection is made.

    Raises:
        InvalidRequest: a file is missing or of no use, or the options do not go together.
    """

    def __init__(
        self,
        verify: Verify,
        cert: Certificate | None = None,
        *,
        trust_env: bool = True,
        http2: bool = False,
        check_every: float = CHECK_EVERY,
    ) -> None:
        self._pins, given = (verify.pins, verify.ca) if isinstance(verify, Pinned) else (frozenset[str](), verify)
        self._check_every = check_every
        self._checked = time.monotonic()
        self._alpn: list[str] | None = None
        self._recipe: Recipe | None = None
        self._context = tls_context(given, cert, trust_env=trust_env, http2=http2)
        if not isinstance(given, ssl.SSLContext):
            self._recipe = recipe_of(given, cert, trust_env=trust_env, http2=http2)

    @classmethod
    def of(cls, context: ssl.SSLContext | Security) -> Security:
        """Itself, or one that uses the context as it is."""
        return context if isinstance(context, Security) else cls(context)

    def set_alpn_protocols(self, protocols: Sequence[str]) -> None:
        """All that httpcore asks of a context, for which it takes this."""
        self._alpn = list(protocols)
        self._context.set_alpn_protocols(self._alpn)

    async def context(self, runtime: Runtime, seconds: float | None) -> ssl.SSLContext:
        """The context for a new connection; raises TimeoutError."""
        now = time.monotonic()
        if self._recipe is not None and now - self._checked >= self._check_every:
            self._checked = now  # first: whoever dials meanwhile takes what there is
            self._context = await runtime.within(runtime.blocking(self._renewed, self._recipe), seconds)
        return self._context

    def _renewed(self, recipe: Recipe) -> ssl.SSLContext:
        try:
            context = shared_context(recipe)
        except InvalidRequest as error:
            logger.warning("%s; the certificates that were loaded before stay in use", error)
            return self._context
        if self._alpn is not None:
            context.set_alpn_protocols(self._alpn)
        return context

    def check(self, tls: ssl.SSLObject) -> None:
        """Compare the server's key with the pins; raises SSLCertVerificationError."""
        if not self._pins:
            return
        try:
            pin = pin_of(tls.getpeercert(binary_form=True) or b"")
        except ValueError as error:
            raise ssl.SSLCertVerificationError("the server's certificate holds no key that could be pinned") from error
        if pin not in self._pins:
            raise ssl.SSLCertVerificationError(f"the server's key {pin} is not a pinned one")
