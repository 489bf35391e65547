"""Beside what people already use: respx, MockTransport, ASGITransport, and code written for an older module."""

from __future__ import annotations

from unittest.mock import patch

import httpx
import pytest
import respx

import httpconn
from httpconn import HTTPConnection, RetryPolicy
from tests.servers.application import DOCUMENT, app, pattern
from tests.servers.scripted import response


class TestMockTransport:
    """Everything works on any httpx transport."""

    def test_responses_redirects_and_retries(self, face, connect):
        responses = iter(
            [httpx.Response(503), httpx.Response(302, headers={"Location": "/b"}), httpx.Response(200, text="ok")]
        )
        asked = []

        def handle(request):
            asked.append(str(request.url))
            return next(responses)

        mock = httpx.MockTransport(handle)
        connection = connect(transport=mock, async_transport=mock, retries=RetryPolicy(backoff=0))
        assert face.get_text(connection, "https://example.com/a") == "ok"
        assert asked == ["https://example.com/a", "https://example.com/a", "https://example.com/b"]

    def test_an_error_of_the_transport_is_translated(self, face, connect):
        def handle(request):
            raise httpx.ConnectError("refused", request=request)

        mock = httpx.MockTransport(handle)
        with pytest.raises(httpconn.ConnectFailed):
            face.get_bytes(connect(transport=mock, async_transport=mock, retries=0), "https://example.com/")

    def test_a_mistake_in_the_test_is_not_translated(self, face, connect):
        def handle(request):
            raise ZeroDivisionError

        mock = httpx.MockTransport(handle)
        with pytest.raises(ZeroDivisionError):
            face.get_bytes(connect(transport=mock, async_transport=mock), "https://example.com/")

    def test_a_download(self, face, connect, tmp_path):
        mock = httpx.MockTransport(lambda request: httpx.Response(200, content=pattern(3_000_000)))
        connection = connect(transport=mock, async_transport=mock)
        path = face.download_file(connection, "https://example.com/", tmp_path / "file")
        assert path.read_bytes() == pattern(3_000_000)


class TestASGITransport:
    """The application without a socket."""

    @pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
    def test_the_application(self, face, connect):
        connection = connect(async_transport=httpx.ASGITransport(app))
        assert face.get_json(connection, "http://app/redirect/3") == DOCUMENT
        assert face.get_bytes(connection, "http://app/gzip/100000") == pattern(100_000)

    @pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
    def test_a_transport_without_timeouts_still_has_a_deadline(self, face, connect):
        connection = connect(async_transport=httpx.ASGITransport(app))
        with pytest.raises(httpconn.DeadlineExceeded):
            face.get_bytes(connection, "http://app/slow?seconds=60", timeout=0.1)


class TestRespx:
    """Its router, on the transport and on every httpx client."""

    def test_as_a_transport(self, face, connect):
        router = respx.Router()
        router.get("https://example.com/a").respond(json={"a": 1})
        mock = httpx.MockTransport(router.async_handler if face.is_async else router.handler)
        assert face.get_json(connect(transport=mock, async_transport=mock), "https://example.com/a") == {"a": 1}

    def test_on_every_httpx_client(self, face, connect):
        with respx.mock(using="httpx") as router:
            route = router.get("https://example.com/a").respond(json={"a": 1})
            assert face.get_json(connect(), "https://example.com/a", extra_headers={"X-A": "b"}) == {"a": 1}
        assert route.calls.last.request.headers["X-A"] == "b"


class TestOlderCode:
    """Code written against vLLM's connections.py, with only the import and the names of exceptions changed."""

    @pytest.fixture
    def old(self):
        """A module that imported the global connection, as old code does."""
        with patch("httpconn.global_http_connection", HTTPConnection()) as connection:
            yield connection
            connection.close()

    def test_synchronous(self, old, scripted, tmp_path):
        server = scripted(response(body=b'{"a": 1}'))
        with httpconn.global_http_connection.get_response(
            server.url, stream=True, timeout=5, extra_headers={"A": "b"}
        ) as r:
            r.raise_for_status()
            assert r.json() if r.is_stream_consumed else r.read() == b'{"a": 1}'
        assert old.get_bytes(server.url, timeout=5, allow_redirects=True) == b'{"a": 1}'
        assert old.get_text(server.url, timeout=5) == '{"a": 1}'
        assert old.get_json(server.url, timeout=5) == {"a": 1}
        path = tmp_path / "file"
        assert old.download_file(server.url, path, timeout=5, chunk_size=128) == path
        assert path.read_bytes() == b'{"a": 1}'

    @pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
    def test_asynchronous(self, face, scripted, tmp_path):
        server = scripted(response(body=b'{"a": 1}'))

        async def run():
            async with HTTPConnection() as connection:
                async with await connection.get_async_response(server.url, timeout=5, extra_headers={"A": "b"}) as r:
                    r.raise_for_status()
                    assert await r.aread() == b'{"a": 1}'
                assert await connection.async_get_bytes(server.url, timeout=5, allow_redirects=True) == b'{"a": 1}'
                assert await connection.async_get_text(server.url, timeout=5) == '{"a": 1}'
                assert await connection.async_get_json(server.url, timeout=5) == {"a": 1}
                path = tmp_path / "file"
                assert await connection.async_download_file(server.url, path, timeout=5, chunk_size=128) == path

        face.run(run)

    def test_reuse_client(self):
        assert HTTPConnection().reuse_client
        assert not HTTPConnection(reuse_client=False).reuse_client

    def test_a_wrong_scheme_is_a_value_error_with_the_known_text(self, face, connect):
        with pytest.raises(ValueError, match="Invalid HTTP URL") as caught:
            face.get_bytes(connect(), "ftp://example.com/")
        assert str(caught.value) == "Invalid HTTP URL: A valid HTTP URL must have scheme 'http' or 'https'."
