"""Proxies as httpcore takes them."""

from __future__ import annotations

import ssl
from importlib.util import find_spec

import httpcore
import httpx

from ..errors import InvalidRequest
from .tls import tls_context

ProxyLike = str | httpx.URL | httpx.Proxy


def core_proxy(proxy: ProxyLike) -> httpcore.Proxy:
    """httpcore's form of an http, https, socks5 or socks5h proxy.

    Raises:
        InvalidRequest: it is none, or a package is missing. The message does not quote the URL.
    """
    checked = _checked(proxy)
    url = checked.url
    if url.scheme.startswith("socks"):
        require("socksio", option="proxy", extra="socks")
    return httpcore.Proxy(
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        auth=checked.raw_auth,
        headers=checked.headers.raw,
        ssl_context=_context(checked),
    )


def require(package: str, *, option: str, extra: str) -> None:
    """Say which extra is missing before anything is sent."""
    if find_spec(package) is None:
        raise InvalidRequest(f"{option}: the {package} package is missing; install httpconn[{extra}]")


def _checked(proxy: ProxyLike) -> httpx.Proxy:
    try:
        checked = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(proxy)
    except (ValueError, TypeError, httpx.InvalidURL):
        checked = None
    if checked is None or not checked.url.host:
        # Without the cause, whose text may quote the credentials.
        raise InvalidRequest("proxy: not the URL of an http, https, socks5 or socks5h proxy")
    return checked


def _context(proxy: httpx.Proxy) -> ssl.SSLContext | None:
    if proxy.url.scheme != "https":
        return None
    return proxy.ssl_context or tls_context(True, None, trust_env=True, http2=False)
