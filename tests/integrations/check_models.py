"""The clients of Anthropic and Mistral over the transports: whole messages, server-sent events, retries, errors."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from mistralai.client import Mistral
from mistralai.client.utils import BackoffStrategy, RetryConfig

import httpconn
from httpconn.transport.httpx2 import AsyncHTTPTransport, HTTPTransport
from tests.servers.faces import Face, open_face
from tests.servers.scripted import Close, Pause, in_turn, response

JSON = {"Content-Type": "application/json"}
EVENTS = {"Content-Type": "text/event-stream"}
WORDS = ["Grüße", " aus", " Köln"]
MESSAGES: Any = [{"role": "user", "content": "Say it"}]


@pytest.fixture
def client(face: Face) -> Iterator[Any]:
    if face.is_async:
        made: Any = httpx2.AsyncClient(transport=AsyncHTTPTransport())
    else:
        made = httpx2.Client(transport=HTTPTransport())
    yield made
    face.close(made)


def on(face: Face, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a function on the face in use, and await its result if that has to be."""

    async def call() -> Any:
        result = function(*args, **options)
        return await result if inspect.isawaitable(result) else result

    return face.run(call)


def items(face: Face, stream: Any) -> list[Any]:
    """Read a stream to its end."""

    async def read() -> list[Any]:
        return [item async for item in stream] if face.is_async else list(stream)

    found: list[Any] = face.run(read)
    return found


def as_events(*events: tuple[str, object]) -> bytes:
    lines = (f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n" for name, data in events)
    return "".join(lines).encode()


def in_two(body: bytes) -> list[Any]:
    """Return a response with a body in two parts, cut within a character."""
    middle = body.index("ß".encode()) + 1
    return [response(headers=EVENTS, framing="close"), body[:middle], Pause(0.01), body[middle:], Close()]


class TestAnthropic:
    """Messages."""

    @pytest.fixture
    def ask(self, face: Face, client: Any) -> Callable[..., Any]:
        def asked(url: str, *, retries: int = 0, **options: Any) -> Any:
            kind = anthropic.AsyncAnthropic if face.is_async else anthropic.Anthropic
            made = kind(api_key="a-key", base_url=url, http_client=client, max_retries=retries)
            return on(face, made.messages.create, model="m", max_tokens=10, messages=MESSAGES, **options)

        return asked

    @staticmethod
    def message(*texts: str) -> dict[str, Any]:
        content = [{"type": "text", "text": text} for text in texts]
        usage = {"input_tokens": 1, "output_tokens": 1}
        return {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": content, "usage": usage}

    def whole(self) -> bytes:
        return response(200, JSON, json.dumps(self.message("".join(WORDS))).encode())

    def test_a_message(self, ask, scripted):
        server = scripted(self.whole())
        assert ask(server.url).content[0].text == "Grüße aus Köln"
        assert server.requests[0].header("Authorization") == "Bearer a-key"

    @pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
    def test_events(self, face, ask, scripted):
        deltas = [{"type": "text_delta", "text": word} for word in WORDS]
        body = as_events(
            ("message_start", {"type": "message_start", "message": self.message()}),
            *(("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}) for delta in deltas),
            ("message_stop", {"type": "message_stop"}),
        )
        stream = ask(scripted(in_two(body)).url, stream=True)
        texts = [item.delta.text for item in items(face, stream) if item.type == "content_block_delta"]
        assert texts == WORDS

    def test_retries(self, ask, scripted):
        again = response(503, {**JSON, "retry-after-ms": "1"}, b"{}")
        server = scripted(in_turn(again, [Close()], self.whole()))
        assert ask(server.url, retries=2).content[0].text == "Grüße aus Köln"
        assert len(server.requests) == 3

    def test_errors(self, ask, scripted):
        with pytest.raises(anthropic.APIConnectionError) as caught:
            ask(scripted([Close()]).url)
        assert isinstance(caught.value.__cause__, httpx2.RemoteProtocolError)
        assert isinstance(caught.value.__cause__.__cause__, httpconn.Disconnected)


class TestMistral:
    """Chat. Its client needs asyncio."""

    @pytest.fixture(params=["sync", "asyncio"])
    def face(self, request: pytest.FixtureRequest) -> Iterator[Face]:
        with open_face(request.param) as opened:
            yield opened

    @pytest.fixture
    def ask(self, face: Face, client: Any) -> Callable[..., Any]:
        def asked(url: str, method: str = "complete") -> Any:
            policy = RetryConfig("backoff", BackoffStrategy(1, 2, 1.1, 5000), retry_connection_errors=True)
            made = Mistral("a-key", server_url=url, retry_config=policy, **{self.option(face): client})
            name = f"{method}_async" if face.is_async else method
            return on(face, getattr(made.chat, name), model="m", messages=MESSAGES)

        return asked

    @staticmethod
    def option(face: Face) -> str:
        return "async_client" if face.is_async else "client"

    @staticmethod
    def completion() -> bytes:
        message = {"role": "assistant", "content": "".join(WORDS)}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        whole = {"id": "1", "object": "o", "created": 1, "model": "m", "choices": [choice], "usage": usage}
        return response(200, JSON, json.dumps(whole).encode())

    def test_a_completion(self, ask, scripted):
        server = scripted(self.completion())
        assert ask(server.url).choices[0].message.content == "Grüße aus Köln"
        assert server.requests[0].header("Authorization") == "Bearer a-key"

    @pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
    def test_events(self, face, ask, scripted):
        chunks = [
            {"id": "1", "model": "m", "choices": [{"index": 0, "finish_reason": None, "delta": {"content": word}}]}
            for word in WORDS
        ]
        lines = (f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks)
        stream = ask(scripted(in_two(("".join(lines) + "data: [DONE]\n\n").encode())).url, "stream")
        assert [item.data.choices[0].delta.content for item in items(face, stream)] == WORDS

    def test_retries(self, face, ask, scripted):
        server = scripted(in_turn(response(503), response(503), self.completion()))
        assert ask(server.url).choices[0].message.content == "Grüße aus Köln"
        assert len(server.requests) == 3
