"""Proxies as httpcore takes them."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import httpcore
import httpx

from ..access import AccessPolicy
from ..core.proxies import Variable
from ..errors import InvalidRequest
from .security import Security

_SOCKS = re.compile(r"^socks:", re.I)

ProxyLike = str | httpx.URL | httpx.Proxy


def core_proxy(proxy: ProxyLike, *, trust_env: bool) -> httpcore.Proxy:
    """httpcore's form of an http, https, socks5 or socks5h proxy; ``trust_env`` is for its own certificate.

    Raises:
        InvalidRequest: it is none, or a package is missing. The message does not quote the URL.
    """
    checked = checked_proxy(proxy)
    url = checked.url
    return httpcore.Proxy(
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        auth=checked.raw_auth,
        headers=checked.headers.raw,
        ssl_context=_context(checked, trust_env),
    )


def require_trusted(access: AccessPolicy) -> None:
    """A proxy resolves names itself, so that no address behind it can be judged.

    Raises:
        InvalidRequest: the policy judges addresses, and does not declare proxies to be trusted.
    """
    if access.judges_addresses and not access.trusted_proxy:
        raise InvalidRequest("proxy: the access policy cannot judge what is behind it, unless trusted_proxy=True")


def require(package: str, *, option: str, extra: str) -> None:
    """Say which extra is missing before anything is sent."""
    if find_spec(package) is None:
        raise InvalidRequest(f"{option}: the {package} package is missing; install httpconn[{extra}]")


def checked_proxy(proxy: ProxyLike) -> httpx.Proxy:
    """Return httpx's form of a proxy; ``socks://`` means SOCKS5, as GNOME and Clash write it.

    Raises:
        InvalidRequest: it is not a proxy, or a package is missing. The message does not quote the URL.
    """
    return _checked(proxy, "proxy")


def proxy_of(variable: Variable) -> httpx.Proxy:
    """Return the proxy that a variable names; a host without a scheme is an HTTP proxy.

    Raises:
        InvalidRequest: as for :func:`checked_proxy`; the message names the variable.
    """
    url = variable.value if "://" in variable.value else f"http://{variable.value}"
    return _checked(url, variable.name)


def _checked(proxy: ProxyLike, option: str) -> httpx.Proxy:
    try:
        checked = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(_SOCKS.sub("socks5:", str(proxy)))
    except (ValueError, httpx.InvalidURL):
        checked = None
    if checked is None or not checked.url.host:
        # Without the cause, whose text may quote the credentials.
        raise InvalidRequest(f"{option}: not the URL of an http, https, socks5 or socks5h proxy")
    if checked.url.scheme.startswith("socks"):
        require("socksio", option=option, extra="socks")
    return checked


def _context(proxy: httpx.Proxy, trust_env: bool) -> Any:
    if proxy.url.scheme != "https":
        return None
    return Security(True, trust_env=trust_env) if proxy.ssl_context is None else Security.of(proxy.ssl_context)
