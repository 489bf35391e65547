"""The proxies that the environment names."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import httpx

from ..errors import InvalidRequest


def proxy_mounts(environ: Mapping[str, str]) -> dict[str, str | None]:
    """httpx's mounts for HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; None stands for no proxy.

    Lower case wins, also when it is empty. HTTP_PROXY in upper case is not believed in a CGI script, where it is
    a header of the request ("Proxy:").

    Raises:
        InvalidRequest: a variable holds no proxy's URL, or no list of hosts. The message does not quote it.
    """
    excepted = [host.strip() for host in _value(environ, "no").split(",")]
    if "*" in excepted:
        return {}
    proxies = {f"{scheme}://": _proxy(environ, scheme) for scheme in ("http", "https", "all")}
    mounts: dict[str, str | None] = {pattern: proxy for pattern, proxy in proxies.items() if proxy}
    return mounts | {_pattern(host): None for host in excepted if host}


def _value(environ: Mapping[str, str], scheme: str) -> str:
    lower = f"{scheme}_proxy"
    if lower in environ:
        return environ[lower]
    if scheme == "http" and "REQUEST_METHOD" in environ:
        return ""
    return environ.get(lower.upper(), "")


def _proxy(environ: Mapping[str, str], scheme: str) -> str | None:
    value = _value(environ, scheme)
    if not value:
        return None
    url = value if "://" in value else f"http://{value}"
    try:
        usable = bool(httpx.Proxy(url).url.host)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        # Without the cause, whose text may quote the credentials.
        raise InvalidRequest(f"{scheme.upper()}_PROXY does not hold the URL of a proxy")
    return url


def _pattern(host: str) -> str:
    """An entry of NO_PROXY: names match themselves and what is below them; addresses match alone."""
    pattern = _unchecked_pattern(host)
    try:
        httpx.URL(pattern)
    except httpx.InvalidURL:
        raise InvalidRequest("NO_PROXY does not hold a list of hosts") from None
    return pattern


def _unchecked_pattern(host: str) -> str:
    if "://" in host:
        return host
    version = _ip_version(host.partition("/")[0])
    if version == 6:
        return f"all://[{host}]"
    exact = version == 4 or host.lower() == "localhost"
    return f"all://{host}" if exact else f"all://*{host}"


def _ip_version(host: str) -> int | None:
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None
