"""TLS settings of connections: a context that is renewed when its files change, and pins."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, TypeVar

from ..core.lazymodules import LazyModule
from ..core.locks import Lock
from ..errors import InvalidRequest
from ..runtime.forking import in_child
from .pins import Pinned, pin_of
from .tlscontext import Certificate, Recipe, recipe_of, shared_context

if TYPE_CHECKING:
    from ..runtime import runtimes
else:
    runtimes = LazyModule("runtime.runtimes")

T = TypeVar("T")

logger: logging.Logger = logging.getLogger("httpconn.tls")

CHECK_EVERY = 1.0  # shortest time, in seconds, between two checks of the files of a context

_alpn_lock = Lock()


@in_child
def _after_fork_in_child() -> None:
    global _alpn_lock
    _alpn_lock = Lock()


Verify = ssl.SSLContext | Pinned | str | bool


class Security:
    """TLS settings for the ``ssl_context`` of the transports.

    The files of ``verify`` and ``cert`` are read at once. The files of the environment are read for the first TLS
    connection, so that a bad file fails only https requests.

    When a file changes, new connections use a new context. Open connections keep theirs. If the new files cannot be
    used, for example between the replacement of a certificate and of its key, the last good context stays in use.

    Args:
        verify: as for :class:`httpconn.HTTPConnection`, :class:`httpconn.Pinned` included.
        cert: as for :class:`httpconn.HTTPConnection`.
        trust_env: whether the variables for authorities and SSLKEYLOGFILE count. They are read now, their files later.
        http2: whether the connections offer HTTP/2.
        check_every: shortest time in seconds between two checks of the files. Only new connections check them.

    Raises:
        InvalidRequest: a file of the options is missing or cannot be used, or the options contradict each other.
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
        self._alpn: tuple[str, ...] = ()
        self._source: ssl.SSLContext | Recipe
        self._context: ssl.SSLContext | None
        if isinstance(given, ssl.SSLContext):
            if cert is not None:
                raise InvalidRequest("cert: load the certificate into the SSLContext that is given as verify=")
            self._source = self._context = given
        else:
            self._source = recipe_of(given, cert, trust_env=trust_env, http2=http2)
            is_default = isinstance(given, bool) and cert is None
            self._context = None if is_default else _context_of_options(self._source)

    @classmethod
    def of(cls, context: ssl.SSLContext | Security) -> Security:
        return context if isinstance(context, Security) else cls(context)

    def offering(self, *protocols: str) -> Security:
        """Return the same settings for connections that offer these protocols, the preferred one first (RFC 7301)."""
        made = copy(self)
        made._alpn = protocols
        if isinstance(self._source, Recipe):
            made._source = self._source._replace(http2="h2" in protocols)
            made._context = self._context if made._source == self._source else None
        return made

    def begin(self, context: ssl.SSLContext, begin: Callable[[], T]) -> T:
        """Begin a TLS connection.

        Python sets ALPN on contexts, not on connections. A context of the caller can serve connections that offer
        different protocols, so these connections begin one after the other. The contexts of recipes never change.
        """
        if context is not self._source or not self._alpn:
            return begin()
        with _alpn_lock:
            context.set_alpn_protocols(self._alpn)
            return begin()

    def foreign_context(self) -> ssl.SSLContext:
        """Return a context for a library that may change it. The pins do not apply to its connections."""
        return self._source if isinstance(self._source, ssl.SSLContext) else self._source.make()

    async def context(self, runtime: runtimes.Runtime, seconds: float | None) -> ssl.SSLContext:
        """Return the context for a new connection.

        Raises:
            TimeoutError: reading the files takes longer than ``seconds``.
            InvalidRequest: a file is missing or cannot be used, and there is no earlier context.
        """
        if isinstance(self._source, ssl.SSLContext):
            return self._source
        now = time.monotonic()
        if self._context is None:  # without a thread: a hundred tasks that connect would start a hundred threads
            self._checked = now
            self._context = shared_context(self._source)
        elif now - self._checked >= self._check_every:
            self._checked = now  # first, so that other new connections use the old context during the wait
            try:
                self._context = await runtime.wait_for(runtime.blocking(shared_context, self._source), seconds)
            except InvalidRequest as error:
                logger.warning("%s; the certificates that were loaded before remain in use", error)
        return self._context

    def check(self, tls: ssl.SSLObject) -> None:
        """Compare the public key of the server with the pins; raises SSLCertVerificationError."""
        if not self._pins:
            return
        try:
            pin = pin_of(tls.getpeercert(binary_form=True) or b"")
        except ValueError as error:
            raise ssl.SSLCertVerificationError("the server's certificate contains no public key") from error
        if pin not in self._pins:
            raise ssl.SSLCertVerificationError(f"the server's key {pin} is not pinned")


def _context_of_options(recipe: Recipe) -> ssl.SSLContext | None:
    """Read the files of the caller's options; return the context if the environment adds nothing to it."""
    own = recipe.without_environment()
    context = shared_context(own)
    return context if own == recipe else None
