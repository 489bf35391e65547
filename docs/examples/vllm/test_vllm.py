"""vLLM's calls of its connection and its media connector, against real servers."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from vllm import connections as of_vllm
from vllm import envs
from vllm.multimodal.media import MEDIA_CONNECTOR_REGISTRY

import httpconn
from docs.examples.vllm import connections
from docs.examples.vllm.connections import MIB, HTTPConnection, connection_for_untrusted_urls
from docs.examples.vllm.media import HTTPConnMediaConnector
from httpconn.testing import Close, ScriptedServer, Stall, chunked, in_turn, redirect, response

LARGE = bytes(MIB + 1)


class Plain:
    """Media without a format."""

    def get_max_bytes(self) -> int | None:
        return None

    def load_bytes(self, data: bytes) -> bytes:
        return data


@pytest.fixture
def connection() -> Iterator[HTTPConnection]:
    with closing(HTTPConnection()) as made:
        yield made


@pytest.fixture(params=["get_bytes", "async_get_bytes"])
def get(request: pytest.FixtureRequest, connection: HTTPConnection) -> Callable[..., bytes]:
    def got(url: str, **options: Any) -> bytes:
        result = getattr(connection, request.param)(url, **options)
        return asyncio.run(result) if inspect.iscoroutine(result) else result

    return got


def test_the_old_calls_work(connection: HTTPConnection, tmp_path: Path) -> None:
    with ScriptedServer(response(headers={"Content-Type": "application/json"}, body=b"[1]")) as server:
        url = server.url
        assert connection.get_bytes(url, timeout=5, allow_redirects=True) == b"[1]"
        assert connection.get_text(url, timeout=5) == "[1]"
        assert connection.get_json(url, timeout=5) == [1]
        path = tmp_path / "file"
        assert connection.download_file(url, path, timeout=5, chunk_size=128) == path
        with connection.get_response(url, stream=True, timeout=5, extra_headers={"X-A": "b"}) as result:
            result.raise_for_status()

        async def main() -> None:
            async with await connection.get_async_response(url, timeout=5) as result:
                result.raise_for_status()
                assert await result.aread() == b"[1]"
            await connection.aclose()

        asyncio.run(main())
        assert server.requests[0].header("user-agent") == f"vLLM/{connections.__version__}"


def test_each_call_can_have_its_own_client(connection: HTTPConnection) -> None:
    connection.reuse_client = False
    with ScriptedServer(response(body=b"ok")) as server:
        assert [connection.get_bytes(server.url) for _ in range(2)] == [b"ok"] * 2
        assert server.connections == 2


def test_a_second_attempt_succeeds_after_a_timeout(get: Callable[..., bytes]) -> None:
    with ScriptedServer(in_turn([Stall()], response(body=b"ok"))) as server:
        assert get(server.url, timeout=1) == b"ok"


def test_the_number_of_attempts_is_read_at_each_call(get: Callable[..., bytes], monkeypatch) -> None:
    for attempts in (1, 2):
        monkeypatch.setattr(envs, "VLLM_MEDIA_FETCH_MAX_RETRIES", attempts)
        with ScriptedServer(response(503)) as server:
            with pytest.raises(httpconn.StatusError):
                get(server.url)
            assert len(server.requests) == attempts


@pytest.mark.parametrize("kind", [httpconn.StatusError, requests.HTTPError, aiohttp.ClientResponseError])
def test_an_error_status_is_the_error_of_each_library(get: Callable[..., bytes], kind: type[Exception]) -> None:
    with ScriptedServer(response(404)) as server, pytest.raises(kind) as caught:
        get(server.url)
    error: Any = caught.value
    assert error.status == error.response.status_code == 404
    assert "404" in repr(error)


@pytest.mark.parametrize(
    "body", [response(body=LARGE), response(headers={"Transfer-Encoding": "chunked"}) + chunked(LARGE)]
)
def test_the_environment_limits_the_size(get: Callable[..., bytes], monkeypatch, body: bytes) -> None:
    monkeypatch.setattr(envs, "VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB", 1)
    with ScriptedServer(body) as server:
        with pytest.raises(of_vllm.MediaDownloadSizeExceededError) as caught:
            get(server.url)
        assert (caught.value.max_bytes, caught.value.received_bytes) == (MIB, MIB + 1)
        with pytest.raises(of_vllm.HTTPResponseSizeExceededError, match="maximum size of 10"):
            get(server.url, max_bytes=10)
        monkeypatch.setattr(envs, "VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB", 0)
        assert get(server.url) == LARGE


def test_the_media_of_a_request_share_a_budget(get: Callable[..., bytes], monkeypatch) -> None:
    monkeypatch.setattr(envs, "VLLM_MAX_MEDIA_REQUEST_DOWNLOAD_SIZE_MB", 1)
    budget = of_vllm.MediaRequestDownloadBudget()
    with ScriptedServer(response(body=bytes(3 * MIB // 4))) as server:
        get(server.url, request_budget=budget)
        with pytest.raises(of_vllm.MediaRequestDownloadSizeExceededError, match="VLLM_MAX_MEDIA_REQUEST_DOWNLOAD"):
            get(server.url, request_budget=budget)
        assert budget.used == 3 * MIB // 4
        monkeypatch.setattr(envs, "VLLM_MAX_MEDIA_REQUEST_DOWNLOAD_SIZE_MB", 0)
        get(server.url, request_budget=budget)


def test_the_bytes_of_failed_attempts_count(get: Callable[..., bytes], monkeypatch) -> None:
    monkeypatch.setattr(envs, "VLLM_MAX_MEDIA_REQUEST_DOWNLOAD_SIZE_MB", 1)
    part = [response(headers={"Content-Length": str(MIB)}), bytes(MIB // 2), Close()]
    too_large = pytest.raises(of_vllm.MediaRequestDownloadSizeExceededError)
    with ScriptedServer(in_turn(part, response(body=bytes(MIB)))) as server, too_large:
        get(server.url, request_budget=of_vllm.MediaRequestDownloadBudget())


class TestMediaConnector:
    def load(self, url: str, **options: Any) -> bytes:
        return MEDIA_CONNECTOR_REGISTRY.load("httpconn", **options).load_from_url(url, Plain(), fetch_timeout=5)

    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:1/", "http://169.254.169.254/", "http://cdn.example.com\\@10.0.0.1/", "http://[::1]/"],
    )
    def test_untrusted_urls_do_not_reach_internal_addresses(self, url: str) -> None:
        with pytest.raises(httpconn.InvalidRequest):
            self.load(url)

    def test_the_allowed_domains_apply(self) -> None:
        with pytest.raises(httpconn.AccessDenied, match="not allowed"):
            self.load("http://other.example/", allowed_media_domains=["cdn.example.com"])

    def test_connectors_share_their_connections(self) -> None:
        made = [HTTPConnMediaConnector(allowed_media_domains=["a.example"]).connection for _ in range(2)]
        assert made[0] is made[1] is connection_for_untrusted_urls(["a.example"])

    def test_a_connection_of_its_own_can_reach_internal_media(self, connection: HTTPConnection) -> None:
        with ScriptedServer(in_turn(redirect("/b"), response(body=b"media"))) as server:
            assert self.load(server.url, connection=connection) == b"media"

    def test_the_environment_can_forbid_redirects(self, connection: HTTPConnection, monkeypatch) -> None:
        monkeypatch.setattr(envs, "VLLM_MEDIA_URL_ALLOW_REDIRECTS", False)
        with ScriptedServer(redirect("/b")) as server, pytest.raises(requests.HTTPError):
            self.load(server.url, connection=connection)
