"""Libraries that are built on httpx or httpx2 work on the transports as they do on the library's own."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import authlib.integrations.httpx_client as authlib
import hishel.httpx
import hishel.httpx2
import httpx
import httpx2
import openai
import pytest
from hishel import AsyncSqliteStorage, SqliteStorage
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import httpconn
from httpconn import transport as for_httpx
from httpconn.transport import httpx2 as for_httpx2
from tests.servers.faces import Face
from tests.servers.scripted import Close, Pause, Received, in_turn, response

JSON = {"Content-Type": "application/json"}
WORDS = ["Grüße", " aus", " Köln"]


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> ModuleType:
    return {"httpx": httpx, "httpx2": httpx2}[request.param]


@pytest.fixture
def transport(face: Face, library: ModuleType) -> Any:
    """Closed by the client that it is given to."""
    transports: Any = for_httpx if library is httpx else for_httpx2
    return transports.AsyncHTTPTransport() if face.is_async else transports.HTTPTransport()


@pytest.fixture
def client(face: Face, library: ModuleType, transport: Any) -> Iterator[Any]:
    made = (library.AsyncClient if face.is_async else library.Client)(transport=transport)
    yield made
    face.close(made)


def on(face: Face, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a function on the face, and await its result if necessary."""

    async def call() -> Any:
        result = function(*args, **options)
        return await result if inspect.isawaitable(result) else result

    return face.run(call)


def as_json(value: object, status: int = 200) -> bytes:
    return response(status, JSON, json.dumps(value).encode())


class TestOpenAI:
    """Chat completions, whole and as server-sent events."""

    MESSAGES = ({"role": "user", "content": "Say it"},)

    @pytest.fixture
    def library(self) -> ModuleType:
        return httpx2

    @pytest.fixture
    def ask(self, face: Face, client: Any) -> Callable[..., Any]:
        """Asks the server at a URL."""

        def asked(url: str, *, retries: int = 0, **options: Any) -> Any:
            kind = openai.AsyncOpenAI if face.is_async else openai.OpenAI
            made = kind(api_key="a-key", base_url=f"{url}/v1", http_client=client, max_retries=retries)
            return on(face, made.chat.completions.create, model="m", messages=self.MESSAGES, **options)

        return asked

    @staticmethod
    def completion(text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    @staticmethod
    def event(text: str) -> bytes:
        choice = {"index": 0, "delta": {"content": text}}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return b"data: %b\n\n" % json.dumps(chunk, ensure_ascii=False).encode()

    def test_a_completion(self, ask, scripted):
        server = scripted(as_json(self.completion("".join(WORDS))))
        assert ask(server.url).choices[0].message.content == "Grüße aus Köln"
        assert server.requests[0].header("Authorization") == "Bearer a-key"
        assert json.loads(server.requests[0].body)["messages"] == list(self.MESSAGES)

    # With any transport, it leaves generators to the garbage collector, and trio warns about that.
    @pytest.mark.filterwarnings("ignore:Async generator '(openai|httpx2?):ResourceWarning")
    def test_events_are_handed_over_as_they_come(self, face, ask, scripted):
        head = response(headers={"Content-Type": "text/event-stream"}, framing="close")
        events = b"".join(self.event(word) for word in WORDS) + b"data: [DONE]\n\n"
        middle = events.index("ß".encode()) + 1  # within a character
        server = scripted([head, events[:middle], Pause(0.01), events[middle:], Close()])
        stream = ask(server.url, stream=True)

        async def read() -> list[str]:
            chunks = [chunk async for chunk in stream] if face.is_async else list(stream)
            return [chunk.choices[0].delta.content for chunk in chunks]

        assert face.run(read) == WORDS

    def test_a_stream_that_is_left_leaves_no_connection(self, face, ask, scripted):
        head = response(headers={"Content-Type": "text/event-stream", "Content-Length": "99999"})
        server = scripted([head, self.event("first")])
        stream = ask(server.url, stream=True)
        on(face, stream.close)
        server.wait_for(lambda: server.open_connections == 0)

    def test_its_own_retries(self, ask, scripted):
        again = response(429, {**JSON, "retry-after-ms": "1"}, b"{}")
        server = scripted(in_turn(again, again, as_json(self.completion("yes"))))
        assert ask(server.url, retries=2).choices[0].message.content == "yes"
        assert len(server.requests) == 3

    def test_an_unreachable_server_is_an_error_of_the_library(self, ask, scripted):
        server = scripted([Close()])
        with pytest.raises(openai.APIConnectionError) as caught:
            ask(server.url)
        assert isinstance(caught.value.__cause__, httpx2.RemoteProtocolError)


class TestAuthlib:
    """A token by client credentials, and what it opens."""

    @pytest.fixture
    def library(self) -> ModuleType:
        return httpx2

    @staticmethod
    def guarded(request: Received) -> bytes:
        if request.path == "/token":
            known = base64.b64encode(b"me:a-secret").decode()
            assert request.header("Authorization") == f"Basic {known}"
            assert b"grant_type=client_credentials" in request.body
            return as_json({"access_token": "opened", "token_type": "Bearer", "expires_in": 3600})
        if request.header("Authorization") != "Bearer opened":
            return response(401)
        return as_json({"opened": True})

    def test_client_credentials(self, face, transport, scripted):
        server = scripted(self.guarded)
        kind = authlib.AsyncOAuth2Client if face.is_async else authlib.OAuth2Client
        made = kind("me", "a-secret", token_endpoint=f"{server.url}/token", transport=transport)

        on(face, made.fetch_token, grant_type="client_credentials")
        assert on(face, made.get, f"{server.url}/guarded").json() == {"opened": True}
        face.close(made)
        assert server.connections == 1


class TestHishel:
    """Its cache over the transports."""

    @pytest.fixture
    def cached(self, face: Face, library: ModuleType, transport: Any, tmp_path: Any) -> Iterator[Callable[[str], Any]]:
        """Gets a URL through the cache, which obeys the rules of RFC 9111."""
        caches: Any = hishel.httpx if library is httpx else hishel.httpx2
        storage: Any = AsyncSqliteStorage if face.is_async else SqliteStorage
        cache = caches.AsyncCacheTransport if face.is_async else caches.CacheTransport
        caching = cache(transport, on(face, storage, database_path=tmp_path / "cache.db"), rfc=True)
        client = (library.AsyncClient if face.is_async else library.Client)(transport=caching)
        yield lambda url: on(face, client.get, url)
        face.close(client)  # and with it the transports and the storage

    def test_a_fresh_response_is_requested_once(self, cached, scripted):
        server = scripted(response(headers={"Cache-Control": "max-age=3600"}, body=b"kept"))
        assert [cached(server.url).content for _ in range(3)] == [b"kept"] * 3
        assert len(server.requests) == 1

    def test_a_stale_response_is_revalidated(self, cached, scripted):
        def respond(request: Received) -> bytes:
            if request.header("If-None-Match") == '"1"':
                return response(304, {"ETag": '"1"'})
            return response(headers={"ETag": '"1"', "Cache-Control": "no-cache"}, body=b"kept", framing="chunked")

        server = scripted(respond)
        assert [cached(server.url).content for _ in range(2)] == [b"kept"] * 2
        assert [request.header("If-None-Match") for request in server.requests] == [None, '"1"']
        assert server.connections == 1


class TestOpenTelemetry:
    """Spans of the requests that a client makes."""

    def test_a_client_is_instrumented(self, face, library, client, scripted):
        spans, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        instrumentor = HTTPXClientInstrumentor if library.__name__ == "httpx" else HTTPX2ClientInstrumentor
        instrumentor.instrument_client(client, tracer_provider=provider)
        server = scripted(response(404, body=b"none"))
        assert on(face, client.get, server.url).content == b"none"
        (span,) = spans.get_finished_spans()
        assert span.attributes["http.status_code"] == 404
        assert server.requests[0].header("traceparent") is not None

    @pytest.mark.parametrize("method", ["get_bytes", "download"])
    def test_the_client_of_a_connection_is_instrumented(self, face, connect, scripted, tmp_path, method):
        spans, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        server = scripted(in_turn(response(503), response(body=b"ok")))
        connection = connect(retries=httpconn.RetryPolicy(backoff=0))
        client = face.run(connection.get_async_client) if face.is_async else connection.get_sync_client()

        def name_only(span: Any, request: Any) -> None:
            url = httpx.URL(scheme=request.url.scheme, host=request.url.host, port=request.url.port)
            span.set_attribute("http.url", str(url))

        async def awaited(span: Any, request: Any) -> None:
            name_only(span, request)

        hook = awaited if face.is_async else name_only
        HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider, request_hook=hook)
        face.call(connection, method, f"{server.url}/a?signature=secret", *([tmp_path / "a"] * (method == "download")))
        first, second = spans.get_finished_spans()
        assert [each.attributes["http.status_code"] for each in (first, second)] == [503, 200]
        assert all("secret" not in str(each.attributes) for each in (first, second))
        assert all(request.header("traceparent") is not None for request in server.requests)
