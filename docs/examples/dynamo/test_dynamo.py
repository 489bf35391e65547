"""Dynamo's HTTP client over httpconn, against real servers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dynamo.common import http
from dynamo.common.http.base import HttpConnectionError, HttpStatusError, HttpTimeoutError
from dynamo.common.http.url_validator import UrlValidationError, UrlValidationPolicy

from docs.examples.dynamo.client import install
from httpconn.testing import ScriptedServer, Stall, in_turn, redirect, response

LOCAL = UrlValidationPolicy(allow_http=True, allow_private_ips=True)


def fetch(url: str, *, timeout: float = 30, **options: Any) -> bytes:
    async def main() -> bytes:
        install()
        try:
            body: bytes = await http._default.fetch_bytes(url, timeout, **options)
            return body
        finally:
            await http._default.close()

    return asyncio.run(main())


@pytest.mark.parametrize("policy", [None, LOCAL])
def test_a_body_is_fetched_and_redirects_are_followed(policy: Any) -> None:
    with ScriptedServer(in_turn(redirect("/b"), response(body=b"media"))) as server:
        assert fetch(server.url, policy=policy) == b"media"


@pytest.mark.parametrize(
    ("url", "policy"),
    [
        ("http://a.example/", UrlValidationPolicy()),
        ("https://127.0.0.1/", UrlValidationPolicy()),
        ("http://169.254.169.254/latest/", UrlValidationPolicy(allow_http=True)),
        ("ftp://a.example/", LOCAL),
        ("https://a.example\\@10.0.0.1/", UrlValidationPolicy()),
    ],
)
def test_the_policy_of_dynamo_applies(url: str, policy: Any) -> None:
    with pytest.raises(UrlValidationError):
        fetch(url, policy=policy)


def test_a_redirect_is_checked_like_the_first_url() -> None:
    for location in ("ftp://a.example/", "/loop"):
        with ScriptedServer(redirect(location)) as server, pytest.raises(UrlValidationError):
            fetch(server.url, policy=LOCAL)


def test_a_large_body_is_an_error_about_the_url() -> None:
    with ScriptedServer(response(body=bytes(100))) as server, pytest.raises(UrlValidationError):
        fetch(server.url, max_bytes=10)


def test_an_error_status_is_not_retried() -> None:
    with ScriptedServer(response(503)) as server:
        with pytest.raises(HttpStatusError) as caught:
            fetch(server.url)
        assert (caught.value.status, len(server.requests)) == (503, 1)


def test_a_timeout_and_a_refused_connection() -> None:
    with ScriptedServer([Stall()]) as server, pytest.raises(HttpTimeoutError):
        fetch(server.url, timeout=0.2)
    with pytest.raises(HttpConnectionError):
        fetch(server.url)
