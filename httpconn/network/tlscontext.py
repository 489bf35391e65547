"""TLS contexts, created once per process and configuration, because the creation takes 30 ms."""

from __future__ import annotations

import os
import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..core.locks import Lock
from ..errors import InvalidRequest, install
from ..runtime.forking import in_child

Certificate = str | tuple[str, str] | tuple[str, str, str]
"""A client certificate: a PEM file with certificate and key, or the two files, or these and the password of the key."""

ALPN = ("h2", "http/1.1")  # the protocols that ``http2=True`` offers, the preferred one first (RFC 7301)

Stamp = tuple[tuple[int, int, int], ...]  # modification time in ns, size and inode of each file

AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The variables that name certificate authorities. The first one that is not empty counts."""


class _Source(NamedTuple):
    """A path of certificates, and the option or variable that names it."""

    given: str | None  # None for the file of certifi
    option: str

    @property
    def path(self) -> str:
        if self.given is not None:
            return self.given
        import certifi  # at the first TLS connection: the import takes as long as a small request

        return certifi.where()

    @property
    def paths(self) -> list[str]:
        """The path, or the folders of SSL_CERT_DIR, which is a list in OpenSSL."""
        return self.path.split(os.pathsep) if self.option == "SSL_CERT_DIR" else [self.path]

    def stamp(self) -> Stamp:
        """Return a value that changes with the file or a folder. Some folders of a list may be missing, but not all."""
        present = [path for path in self.paths if os.path.exists(path)]
        with _failing_with(f"{self.option}: {self.path} cannot be read"):
            found = [os.stat(path) for path in present or self.paths]
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)

    @property
    def is_folder(self) -> bool:
        """Whether the path is a folder or a list of folders."""
        return any(Path(path).is_dir() for path in self.paths)


class Recipe(NamedTuple):
    """The configuration of a context. Equal recipes share one context."""

    verify: bool | str  # False, True, "system" or the path of the authorities
    authorities: _Source | None
    cert: Certificate | None
    keylog: str | None
    http2: bool  # Whether HTTP/2 is offered. ALPN is set on the context, so the two kinds cannot share one.

    def stamps(self) -> tuple[Stamp, ...]:
        """Return the stamps of all files; raises InvalidRequest if a file is missing."""
        own = [self.cert] if isinstance(self.cert, str) else list(self.cert or ())[:2]
        sources = [_Source(path, "cert") for path in own]
        return tuple(source.stamp() for source in [self.authorities, *sources] if source is not None)

    def without_environment(self) -> Recipe:
        """Return the recipe of the caller's options, without the environment."""
        given = self.authorities is None or self.authorities.option not in AUTHORITIES
        return self._replace(keylog=None, authorities=self.authorities if given else None)

    def make(self) -> ssl.SSLContext:
        context = _truststore_context() if self.verify == "system" else _verifying_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if (source := self.authorities) is not None:
            with _failing_with(f"{source.option}: {source.path} contains no usable certificates"):
                context.load_verify_locations(**{"capath" if source.is_folder else "cafile": source.path})
        if self.cert is not None:
            cert = (self.cert,) if isinstance(self.cert, str) else self.cert
            certificate, key, password = (*cert, None, None)[:3]
            with _failing_with(f"cert: {certificate} contains no usable certificate and key"):
                # An empty password, because OpenSSL would ask on the terminal for a missing password.
                context.load_cert_chain(certificate, key, password or "")
        if self.http2:
            context.set_alpn_protocols(ALPN)
        if self.keylog:
            with _failing_with(f"SSLKEYLOGFILE: {self.keylog} cannot be written"):
                context.keylog_filename = self.keylog
        return context


_lock = Lock()
_made: dict[Recipe, tuple[tuple[Stamp, ...], ssl.SSLContext]] = {}


@in_child
def _after_fork_in_child() -> None:
    global _lock
    _lock = Lock()
    _made.clear()


def shared_context(recipe: Recipe) -> ssl.SSLContext:
    """Return the context of a recipe, the same until a file changes; raises InvalidRequest."""
    with _lock:
        stamps = recipe.stamps()
        known = _made.get(recipe)
        if known is None or known[0] != stamps:
            known = _made[recipe] = stamps, recipe.make()
        return known[1]


def recipe_of(
    verify: object,
    cert: Certificate | None,
    *,
    trust_env: bool,
    http2: bool,
    environ: Mapping[str, str] = os.environ,
) -> Recipe:
    """Return the recipe of these options of HTTPConnection. The environment is read now, the files later."""
    if not isinstance(verify, (bool, str, os.PathLike)):
        raise InvalidRequest(f"verify must be a bool, a path, 'system' or an SSLContext, not {type(verify).__name__}")
    known = environ if trust_env else {}
    verify = verify if isinstance(verify, bool) else os.fspath(verify)
    return Recipe(verify, _authorities(verify, known), _paths(cert), known.get("SSLKEYLOGFILE"), http2)


def _authorities(verify: bool | str, environ: Mapping[str, str]) -> _Source | None:
    if verify is False or verify == "system":
        return None
    if isinstance(verify, str):
        return _Source(verify, "verify")
    for name in AUTHORITIES:
        if environ.get(name):
            return _Source(environ[name], name)
    return _Source(None, "verify")


def _paths(cert: Certificate | None) -> Certificate | None:
    """Return the paths as text; raises InvalidRequest for any other form."""
    match cert:
        case None:
            return None
        case str() | os.PathLike():
            return os.fspath(cert)
        case (certificate, key):
            return os.fspath(certificate), os.fspath(key)
        case (certificate, key, password):
            return os.fspath(certificate), os.fspath(key), password
    raise InvalidRequest("cert must be a path, (certificate, key) or (certificate, key, password)")


def _verifying_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):  # as ssl.create_default_context, which would also read SSLKEYLOGFILE
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    return context


def _truststore_context() -> ssl.SSLContext:
    try:
        import truststore
    except ImportError as error:
        missing = InvalidRequest("verify='system' needs the truststore package: pip install 'httpconn[truststore]'")
        raise missing.advise(install("truststore")) from error
    context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return context


@contextmanager
def _failing_with(message: str) -> Iterator[None]:
    """Raise InvalidRequest with this message if a file cannot be used."""
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        raise InvalidRequest(f"{message}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return the reason of an error, without the codes of OpenSSL and the line numbers of Python."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return re.sub(r"^\[\w+\] | \(_ssl\.c:\d+\)$", "", getattr(error, "strerror", None) or str(error))
