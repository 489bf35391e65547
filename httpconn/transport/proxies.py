"""Proxies as httpcore takes them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import httpcore
import httpx

from ..access import AccessPolicy
from ..errors import InvalidRequest
from .security import Security

ProxyLike = str | httpx.URL | httpx.Proxy


def core_proxy(proxy: ProxyLike, *, trust_env: bool) -> httpcore.Proxy:
    """httpcore's form of an http, https, socks5 or socks5h proxy; ``trust_env`` is for its own certificate.

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


def _checked(proxy: ProxyLike) -> httpx.Proxy:
    try:
        checked = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(proxy)
    except (ValueError, TypeError, httpx.InvalidURL):
        checked = None
    if checked is None or not checked.url.host:
        # Without the cause, whose text may quote the credentials.
        raise InvalidRequest("proxy: not the URL of an http, https, socks5 or socks5h proxy")
    return checked


def _context(proxy: httpx.Proxy, trust_env: bool) -> Any:
    if proxy.url.scheme != "https":
        return None
    return Security(True, trust_env=trust_env) if proxy.ssl_context is None else Security.of(proxy.ssl_context)
