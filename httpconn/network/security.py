"""How connections are secured: by a context that follows its files, and by pins."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Sequence

from ..errors import InvalidRequest
from ..runtime.runtimes import Runtime
from .pins import Pinned, pin_of
from .tlscontext import Certificate, Recipe, checked_context, recipe_of, shared_context

logger: logging.Logger = logging.getLogger("httpconn.tls")

CHECK_EVERY = 1.0
"""Seconds for which the files of a context are not looked at again."""

Verify = ssl.SSLContext | Pinned | str | bool


class Security:
    """What connections are secured with when they are dialled, for ``ssl_context`` of the transports.

    A file of the environment that cannot be used is an error of https requests only, because the context is then made
    for the first TLS connection. The files of ``verify`` and ``cert`` are read at once.

    A context is made again when one of its files has changed. Open connections keep theirs. If the files cannot be
    used, as between the replacement of a certificate and of its key, the last good context stays in use.

    Args:
        verify: as for :class:`httpconn.HTTPConnection`, :class:`httpconn.Pinned` included.
        cert: the same.
        trust_env: whether the variables for authorities and SSLKEYLOGFILE count. They are read now, their files later.
        http2: whether HTTP/2 will be offered on it.
        check_every: seconds between two looks at the files, which happen only when a connection is made.

    Raises:
        InvalidRequest: a file of the options is missing or of no use, or the options do not go together.
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
        self._source: ssl.SSLContext | Recipe
        self._context: ssl.SSLContext | None
        if isinstance(given, ssl.SSLContext):
            self._source = self._context = checked_context(given, cert)
        else:
            self._source = recipe_of(given, cert, trust_env=trust_env, http2=http2)
            is_default = isinstance(given, bool) and cert is None
            self._context = None if is_default else _context_of_options(self._source)

    @classmethod
    def of(cls, context: ssl.SSLContext | Security) -> Security:
        """Itself, or one that uses the context as it is."""
        return context if isinstance(context, Security) else cls(context)

    def set_alpn_protocols(self, protocols: Sequence[str]) -> None:
        """Set what connections offer, the preferred protocol first (ALPN, RFC 7301)."""
        self._alpn = list(protocols)
        if self._context is not None:
            self._context.set_alpn_protocols(self._alpn)

    async def context(self, runtime: Runtime, seconds: float | None) -> ssl.SSLContext:
        """Return the context for a new connection.

        Raises:
            TimeoutError: the files are not read in so many seconds.
            InvalidRequest: a file is missing or of no use, and no context was made before.
        """
        if isinstance(self._source, ssl.SSLContext):
            return self._source
        now = time.monotonic()
        if self._context is None:  # made here: a hundred tasks that dial need one context, not a hundred threads
            self._checked = now
            self._context = self._made(self._source)
        elif now - self._checked >= self._check_every:
            self._checked = now  # first: connections that are dialled meanwhile use the context that there is
            renewing = runtime.blocking(self._renewed, self._source, self._context)
            self._context = await runtime.wait_for(renewing, seconds)
        return self._context

    def _renewed(self, recipe: Recipe, known: ssl.SSLContext) -> ssl.SSLContext:
        try:
            return self._made(recipe)
        except InvalidRequest as error:
            logger.warning("%s; the certificates that were loaded before stay in use", error)
            return known

    def _made(self, recipe: Recipe) -> ssl.SSLContext:
        context = shared_context(recipe)
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


def _context_of_options(recipe: Recipe) -> ssl.SSLContext | None:
    """Read the files of the caller's options; return the context if the environment adds nothing to it."""
    own = recipe.without_environment()
    context = shared_context(own)
    return context if own == recipe else None
