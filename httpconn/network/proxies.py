"""Proxies: their URLs, credentials and header fields."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

import httpconn

from ..access import AccessPolicy
from ..core.auth import checked_pair
from ..core.headers import check
from ..core.hosts import check_host
from ..core.messages import Origin, RawFields
from ..core.proxychoice import Variable
from ..core.urls import URL, is_of_httpx2
from ..errors import InvalidRequest
from .security import Security

if TYPE_CHECKING:
    import httpx2

_DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_ALIASES = {"socks": "socks5h"}  # as GNOME and Clash write it


class Proxy:
    """A proxy, with its credentials, header fields and TLS context.

    Args:
        url: the URL of an http, https, socks5 or socks5h proxy. ``socks5`` resolves names on this machine, ``socks5h``
            and ``socks`` at the proxy. A user name and a password in it are percent-decoded, as UTF-8.
        auth: a user name and a password, or an object for another scheme; see :class:`httpconn.ProxyAuth`.
            Replaces the user name and the password of the URL.
        headers: header fields for an http or https proxy, with ``CONNECT`` and with each forwarded request.
        ssl_context: for TLS to an https proxy. None verifies the proxy as ``verify=True`` does. The ``verify`` of the
            connection applies to servers only.

    Attributes:
        url: the URL without user name and password.

    Raises:
        InvalidRequest: an argument is not valid. The message quotes neither the URL nor the credentials.
    """

    def __init__(
        self,
        url: URL,
        *,
        auth: tuple[str, str] | httpconn.ProxyAuth | None = None,
        headers: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        parsed = _parsed(url)
        self._given = partial(Proxy, str(url), auth=auth, headers=headers, ssl_context=ssl_context)
        self.url: httpx.URL = httpx.URL(scheme=parsed.scheme, host=parsed.host, port=parsed.port)
        port = parsed.port or _DEFAULT_PORTS[parsed.scheme]
        self.origin: Origin = Origin(parsed.scheme, parsed.raw_host.decode("ascii"), port)
        if auth is None and (parsed.username or parsed.password):
            auth = parsed.username, parsed.password
        self.is_socks: bool = parsed.scheme.startswith("socks")
        self.credentials: tuple[bytes, bytes] | None = None
        self.auth: httpconn.ProxyAuth | None = None
        if self.is_socks:
            self.credentials = _raw(auth)
        elif auth is not None:
            self.auth = _scheme(auth)
        self.fields: RawFields = list(check(headers))
        if self.is_socks and self.fields:
            raise InvalidRequest("proxy: headers do not apply to a SOCKS5 proxy")
        self.security: Security | None = None if ssl_context is None else Security.of(ssl_context)

    def __repr__(self) -> str:
        return f"Proxy({str(self.url)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._given, ()

    def as_httpx(self) -> httpx.Proxy:
        """Return the proxy for a client of httpx, which authenticates by Basic only."""
        given = self._given.keywords
        auth = given["auth"] if isinstance(given["auth"], tuple) else None
        return httpx.Proxy(_parsed(self._given.args[0]), **{**given, "auth": auth})

    @property
    def resolves_names(self) -> bool:
        return self.origin.scheme != "socks5"


if TYPE_CHECKING:
    ProxyLike = str | httpx.URL | httpx.Proxy | httpx2.URL | httpx2.Proxy | Proxy
else:
    ProxyLike = str | httpx.URL | httpx.Proxy | Proxy


def _parsed(url: URL) -> httpx.URL:
    scheme, mark, rest = str(url).partition("://")
    scheme = scheme.lower()
    try:
        parsed = httpx.URL(f"{_ALIASES.get(scheme, scheme)}{mark}{rest}")
        host = parsed.raw_host.decode("ascii")
        check_host(f"[{host}]" if ":" in host else host)
        is_valid = parsed.scheme in _DEFAULT_PORTS and (parsed.port is None or 0 < parsed.port < 65_536)
    except (httpx.InvalidURL, UnicodeError):
        is_valid = False
    if not is_valid:
        # Without the cause, because its text may contain the credentials.
        raise InvalidRequest("proxy: not the URL of an http, https, socks5 or socks5h proxy")
    return parsed


def _scheme(auth: tuple[str, str] | httpconn.ProxyAuth) -> httpconn.ProxyAuth:
    if isinstance(auth, tuple):
        from .credentials import PasswordCredentials

        return PasswordCredentials(*checked_pair(auth, "proxy"))
    if not callable(getattr(auth, "authenticate", None)):
        raise InvalidRequest("proxy: auth must be a user name and a password, or have a method authenticate")
    return auth


def _raw(auth: tuple[str, str] | httpconn.ProxyAuth | None) -> tuple[bytes, bytes] | None:
    if auth is None:
        return None
    if not isinstance(auth, tuple):
        raise InvalidRequest("proxy: a SOCKS5 proxy takes a user name and a password, and no other auth")
    user, password = checked_pair(auth, "proxy")
    return user.encode(), password.encode()


def checked_proxy(given: ProxyLike) -> Proxy:
    """Return the proxy that a value of any accepted type describes. Errors do not quote the URL."""
    proxy: Any = given
    if isinstance(proxy, Proxy):
        return proxy
    if isinstance(proxy, httpx.Proxy) or is_of_httpx2(proxy, "Proxy"):
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in proxy.headers.raw}
        return Proxy(proxy.url, auth=proxy.auth, headers=headers, ssl_context=proxy.ssl_context)
    return Proxy(proxy)


def proxy_of(variable: Variable) -> Proxy:
    """Return the proxy that a variable names. A host without a scheme means an http proxy."""
    url = variable.value if "://" in variable.value else f"http://{variable.value}"
    try:
        return Proxy(url)
    except InvalidRequest as error:
        raise InvalidRequest(variable.name + error.message.removeprefix("proxy")) from None


def require_trusted(access: AccessPolicy) -> None:
    """Require that the access policy allows a proxy, which resolves names itself and hides the addresses of servers."""
    if access.judges_addresses and not access.trusted_proxy:
        raise InvalidRequest(
            "proxy: the access policy cannot check the addresses behind a proxy; set trusted_proxy=True to allow it"
        )
