"""One request by each library, as its documentation recommends for untrusted URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

Fetch = Callable[[str, str], bytes]
"""A function of a URL and a method. It raises NotImplementedError if the library does not support the method."""

AUTH_FLOW = "AUTH-FLOW"
"""In place of a method: GET a harmless URL with an ``httpx.Auth`` that fetches the URL."""
START = "http://start.example/"


def _flow(url: str) -> Any:
    import httpx

    class Flow(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            yield httpx.Request("GET", url)
            yield request

    return Flow()


def _httpx_client(client: Any) -> Fetch:
    def fetch(url: str, method: str) -> bytes:
        if method == AUTH_FLOW:
            return bytes(client.get(START, auth=_flow(url)).content)
        return bytes(client.request(method, url).content)

    return fetch


def _without_flows(client: Any, **options: Any) -> Fetch:
    def fetch(url: str, method: str) -> bytes:
        if method == AUTH_FLOW:
            raise NotImplementedError(method)
        return bytes(client.request(method, url, **options).content)

    return fetch


def _get_only(method: str) -> None:
    if method != "GET":
        raise NotImplementedError(method)


def httpconn(timeout: float) -> Fetch:
    from httpconn import AccessPolicy, HTTPConnection

    connection = HTTPConnection(access=AccessPolicy.public_internet(), retries=0, timeout=timeout)

    def fetch(url: str, method: str) -> bytes:
        if method == AUTH_FLOW:
            return connection.get_bytes(START, auth=_flow(url))
        return connection.get_bytes(url) if method == "GET" else connection.request(method, url, content=b"x").content

    return fetch


def advocate(timeout: float) -> Fetch:
    import advocate

    return _without_flows(advocate, timeout=timeout)


def drawbridge(timeout: float) -> Fetch:
    from drawbridge import Policy, SyncClient

    return _without_flows(SyncClient(Policy(timeout=timeout)))


def httpx_secure(timeout: float) -> Fetch:
    import httpx
    from httpx_secure import httpx_ssrf_protection

    async def fetch(url: str, method: str) -> bytes:
        async with httpx.AsyncClient(trust_env=False, timeout=timeout, follow_redirects=True) as client:
            guarded = httpx_ssrf_protection(client)
            if method == AUTH_FLOW:
                return (await guarded.get(START, auth=_flow(url))).content
            return (await guarded.request(method, url)).content

    return lambda url, method: asyncio.run(fetch(url, method))


def microsoft_antissrf(timeout: float) -> Fetch:
    from AntiSSRF import AntiSSRFPolicy, PolicyConfigOptions

    policy = AntiSSRFPolicy(PolicyConfigOptions.EXTERNAL_ONLY_LATEST)
    policy.allow_plain_text_http = True
    session = policy.get_antissrf_session()
    return _without_flows(session, timeout=timeout)


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

    def fetch(url: str, method: str) -> bytes:
        if method == AUTH_FLOW:
            raise NotImplementedError(method)
        return bytes(manager.send_request(method, url).content)

    return fetch


def safehttpx(timeout: float) -> Fetch:
    import safehttpx

    async def get(url: str, method: str) -> Any:
        _get_only(method)
        return (await safehttpx.get(url, timeout=timeout)).content

    return lambda url, method: asyncio.run(get(url, method))


def ssrfguard(timeout: float) -> Fetch:
    from ssrfguard import Policy
    from ssrfguard.httpx import Client

    return _httpx_client(Client(policy=Policy(), timeout=timeout, follow_redirects=True))


def httpx(timeout: float) -> Fetch:
    import httpx

    return _httpx_client(httpx.Client(timeout=timeout, follow_redirects=True))


def requests(timeout: float) -> Fetch:
    import requests

    return _without_flows(requests.Session(), timeout=timeout)


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
