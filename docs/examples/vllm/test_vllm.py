"""vLLM's calls of its connection and its media connector, against real servers."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import pytest

import httpconn
from docs.examples.vllm.connections import HTTPConnection, connection_for_untrusted_urls, global_http_connection
from docs.examples.vllm.media import MediaConnector
from tests.servers.scripted import ScriptedServer, in_turn, response


class Plain:
    """Media without a format.

    Args:
        most: limit in bytes.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most

    def get_max_bytes(self) -> int | None:
        return self.most

    def load_bytes(self, data: bytes) -> bytes:
        return data

    def load_base64(self, media_type: str, data: str) -> bytes:
        return base64.b64decode(data, validate=True)

    def load_file(self, filepath: Path) -> bytes:
        return filepath.read_bytes()


@contextmanager
def connected(connection: HTTPConnection) -> Iterator[MediaConnector]:
    with connection:
        yield MediaConnector(connection)


def test_the_old_calls_work_sync_and_async(tmp_path: Path) -> None:
    with ScriptedServer(response(headers={"Content-Type": "application/json"}, body=b"[1]")) as server:
        url = server.url
        assert global_http_connection.get_bytes(url, timeout=5, allow_redirects=True) == b"[1]"
        assert global_http_connection.get_text(url, timeout=5) == "[1]"
        assert global_http_connection.get_json(url, timeout=5) == [1]
        path = tmp_path / "file"
        assert global_http_connection.download_file(url, path, timeout=5, chunk_size=128) == path
        with global_http_connection.get_response(url, stream=True, timeout=5, extra_headers={"X-A": "b"}) as result:
            result.raise_for_status()

        async def main() -> None:
            assert await global_http_connection.async_get_bytes(url, timeout=5) == b"[1]"
            async with await global_http_connection.get_async_response(url, timeout=5) as result:
                result.raise_for_status()
                assert await result.aread() == b"[1]"
            await global_http_connection.aclose()

        anyio.run(main)
        global_http_connection.close()
        assert server.requests[0].header("user-agent") == "vLLM/0.33.0"


def test_the_environment_sets_the_number_of_attempts() -> None:
    twice = HTTPConnection(environ={"VLLM_MEDIA_FETCH_MAX_RETRIES": "2"})
    with ScriptedServer(in_turn(response(503), response(503), response(body=b"ok"))) as server, twice:
        with pytest.raises(httpx.HTTPStatusError):
            twice.get_bytes(server.url)
        assert len(server.requests) == 2


def test_a_wrong_scheme_keeps_its_error_text() -> None:
    with pytest.raises(ValueError, match=r"^Invalid HTTP URL: A valid HTTP URL must have scheme 'http' or 'https'\.$"):
        MediaConnector().load_from_url("gopher://example.com/", Plain())


def test_redirects_are_followed_unless_the_environment_forbids() -> None:
    script = in_turn(response(302, {"Location": "/b"}), response(body=b"media"), response(302, {"Location": "/b"}))
    with ScriptedServer(script) as server, HTTPConnection() as connection:
        assert MediaConnector(connection).load_from_url(server.url, Plain(), fetch_timeout=5) == b"media"
        strict = MediaConnector(connection, environ={"VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0"})
        with pytest.raises(httpx.HTTPStatusError):
            strict.load_from_url(server.url, Plain())


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/", "http://169.254.169.254/", "http://cdn.example.com\\@10.0.0.1/", "http://other.example/"],
)
def test_untrusted_urls_reach_the_allowed_domains_only(url: str) -> None:
    with connected(connection_for_untrusted_urls(["cdn.example.com"])) as connector:
        with pytest.raises(ValueError, match=r".") as caught:
            connector.load_from_url(url, Plain(), fetch_timeout=5)
        assert isinstance(caught.value, httpconn.InvalidRequest)


def test_the_environment_can_allow_internal_addresses() -> None:
    opened = connection_for_untrusted_urls(["127.0.0.1"], environ={"VLLM_MEDIA_EGRESS_BLOCK_PRIVATE": "0"})
    with ScriptedServer(response(body=b"media")) as server, connected(opened) as connector:
        assert connector.load_from_url(server.url, Plain()) == b"media"
        with pytest.raises(httpconn.AccessDenied):
            connector.load_from_url("http://other.example/", Plain())


@pytest.mark.parametrize(("most", "limit"), [("1", None), ("0", 100), ("256", 100)])
def test_the_environment_and_the_media_limit_the_size(most: str, limit: int | None) -> None:
    bounded = HTTPConnection(environ={"VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB": most})
    large = pytest.raises(ValueError, match="are allowed")
    with ScriptedServer(response(body=bytes(1024 * 1024 + 1))) as server, connected(bounded) as connector, large:
        connector.load_from_url(server.url, Plain(limit))


def test_media_without_a_limit_can_have_any_size() -> None:
    unbounded = HTTPConnection(environ={"VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB": "0"})
    with ScriptedServer(response(body=bytes(100))) as server, connected(unbounded) as connector:
        assert connector.load_from_url(server.url, Plain()) == bytes(100)


@pytest.mark.parametrize("head", ["image/png;base64", "image/png;charset=utf-8;base64"])
def test_a_data_url_can_have_parameters(head: str) -> None:
    assert MediaConnector().load_from_url(f"data:{head},aGk=", Plain()) == b"hi"


def test_a_data_url_without_data_is_an_error() -> None:
    with pytest.raises(ValueError, match="missing ',' separator"):
        MediaConnector().load_from_url("data:image/png;base64", Plain())


def test_data_and_files_need_no_network(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"file")
    connector = MediaConnector(allowed_local_media_path=str(tmp_path))

    async def main() -> list[bytes]:
        urls = ["data:image/png;base64,aGk=", (tmp_path / "a").as_uri()]
        return [await connector.load_from_url_async(url, Plain()) for url in urls]

    assert anyio.run(main) == [b"hi", b"file"]
    with pytest.raises(ValueError, match="must be a subpath"):
        connector.load_from_url(f"{tmp_path.as_uri()}/../b", Plain())


def test_the_media_of_a_request_share_a_budget() -> None:
    with ScriptedServer(response(body=bytes(100))) as server, connected(HTTPConnection()) as connector:
        budget = httpconn.ByteBudget(150)
        connector.load_from_url(server.url, Plain(), budget=budget)
        with pytest.raises(httpconn.LimitExceeded):
            connector.load_from_url(server.url, Plain(), budget=budget)
