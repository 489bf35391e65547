"""One request by each library, as its documentation recommends for untrusted URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

Fetch = Callable[[str, str], bytes]
"""A function of a URL and a method. It raises NotImplementedError if the library does not support the method."""


def _get_only(method: str) -> None:
    if method != "GET":
        raise NotImplementedError(method)


def httpconn(timeout: float) -> Fetch:
    from httpconn import AccessPolicy, HTTPConnection

    connection = HTTPConnection(access=AccessPolicy.public_internet(), retries=0, timeout=timeout)

    def fetch(url: str, method: str) -> bytes:
        return connection.get_bytes(url) if method == "GET" else connection.request(method, url, content=b"x").content

    return fetch


def advocate(timeout: float) -> Fetch:
    import advocate

    return lambda url, method: advocate.request(method, url, timeout=timeout).content


def drawbridge(timeout: float) -> Fetch:
    from drawbridge import Policy, SyncClient

    client = SyncClient(Policy(timeout=timeout))
    return lambda url, method: client.request(method, url).content


def httpx_secure(timeout: float) -> Fetch:
    import httpx
    from httpx_secure import httpx_ssrf_protection

    async def fetch(url: str, method: str) -> bytes:
        async with httpx.AsyncClient(trust_env=False, timeout=timeout, follow_redirects=True) as client:
            return (await httpx_ssrf_protection(client).request(method, url)).content

    return lambda url, method: asyncio.run(fetch(url, method))


def microsoft_antissrf(timeout: float) -> Fetch:
    from AntiSSRF import AntiSSRFPolicy, PolicyConfigOptions

    policy = AntiSSRFPolicy(PolicyConfigOptions.EXTERNAL_ONLY_LATEST)
    policy.allow_plain_text_http = True
    session = policy.get_antissrf_session()
    return lambda url, method: session.request(method, url, timeout=timeout).content


def requests_hardened(timeout: float) -> Fetch:
    from requests_hardened import Config, Manager

    manager = Manager(
        Config(
            default_timeout=(timeout, timeout),
            never_redirect=False,
            ip_filter_enable=True,
            ip_filter_allow_loopback_ips=False,
        )
    )
    return lambda url, method: manager.send_request(method, url).content


def safehttpx(timeout: float) -> Fetch:
    import safehttpx

    async def get(url: str, method: str) -> Any:
        _get_only(method)
        return (await safehttpx.get(url, timeout=timeout)).content

    return lambda url, method: asyncio.run(get(url, method))


def ssrfguard(timeout: float) -> Fetch:
    from ssrfguard import Policy
    from ssrfguard.httpx import Client

    client = Client(policy=Policy(), timeout=timeout, follow_redirects=True)
    return lambda url, method: client.request(method, url).content


def httpx(timeout: float) -> Fetch:
    import httpx

    client = httpx.Client(timeout=timeout, follow_redirects=True)
    return lambda url, method: client.request(method, url).content


def requests(timeout: float) -> Fetch:
    import requests

    session = requests.Session()
    return lambda url, method: session.request(method, url, timeout=timeout).content


DRIVERS: dict[str, Callable[[float], Fetch]] = {
    "httpconn": httpconn,
    "advocate": advocate,
    "drawbridge": drawbridge,
    "httpx-secure": httpx_secure,
    "microsoft-antissrf": microsoft_antissrf,
    "requests-hardened": requests_hardened,
    "safehttpx": safehttpx,
    "ssrfguard": ssrfguard,
    "httpx": httpx,
    "requests": requests,
}
