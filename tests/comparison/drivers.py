"""One GET by each library, as its own documentation has it for URLs of strangers; imported where it is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

Fetch = Callable[[str], bytes]


def httpconn(timeout: float) -> Fetch:
    from httpconn import AccessPolicy, HTTPConnection

    connection = HTTPConnection(access=AccessPolicy.public_internet(), retries=0, timeout=timeout)
    return connection.get_bytes


def advocate(timeout: float) -> Fetch:
    import advocate

    return lambda url: advocate.get(url, timeout=timeout).content


def drawbridge(timeout: float) -> Fetch:
    from drawbridge import Policy, SyncClient

    client = SyncClient(Policy(timeout=timeout))
    return lambda url: client.get(url).content


def httpx_secure(timeout: float) -> Fetch:
    import httpx
    from httpx_secure import httpx_ssrf_protection

    async def get(url: str) -> bytes:
        async with httpx.AsyncClient(trust_env=False, timeout=timeout, follow_redirects=True) as client:
            return (await httpx_ssrf_protection(client).get(url)).content

    return lambda url: asyncio.run(get(url))


def microsoft_antissrf(timeout: float) -> Fetch:
    from AntiSSRF import AntiSSRFPolicy, PolicyConfigOptions

    policy = AntiSSRFPolicy(PolicyConfigOptions.EXTERNAL_ONLY_LATEST)
    policy.allow_plain_text_http = True
    session = policy.get_antissrf_session()
    return lambda url: session.get(url, timeout=timeout).content


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
    return lambda url: manager.send_request("GET", url).content


def safehttpx(timeout: float) -> Fetch:
    import safehttpx

    async def get(url: str) -> Any:
        return (await safehttpx.get(url, timeout=timeout)).content

    return lambda url: asyncio.run(get(url))


def ssrfguard(timeout: float) -> Fetch:
    from ssrfguard import Policy
    from ssrfguard.httpx import Client

    client = Client(policy=Policy(), timeout=timeout, follow_redirects=True)
    return lambda url: client.get(url).content


def httpx(timeout: float) -> Fetch:
    import httpx

    client = httpx.Client(timeout=timeout, follow_redirects=True)
    return lambda url: client.get(url).content


def requests(timeout: float) -> Fetch:
    import requests

    session = requests.Session()
    return lambda url: session.get(url, timeout=timeout).content


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
