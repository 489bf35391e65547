"""Values of a wrong type in requests and responses of httpx: an error of httpx and httpconn, and no lost slot."""

from __future__ import annotations

import math

import httpx
import pytest

import httpconn
from tests.servers.scripted import response

EXTENSIONS = {
    "target": [7, ["/"], "/\xe9", object()],
    "sni_hostname": [7, ["a"], "\xe9"],
    "trace": [7, "print"],
    "timeout": [7, None, {"connect": "x"}, {"read": [1]}, {"write": math.nan}, {"pool": b"1"}],
    "interruption": [7, "stop"],
}


@pytest.fixture
def made(user, scripted):
    server = scripted(response(body=b"ok"))
    return user(), server


@pytest.mark.parametrize("name", EXTENSIONS)
def test_an_extension_of_a_wrong_type(face, made, name):
    made, server = made
    for value in EXTENSIONS[name]:
        with pytest.raises(httpx.LocalProtocolError, match=name if name != "timeout" else "(?i)timeout") as caught:
            face.run(lambda value=value: made.get(server.url, extensions={name: value}))
        assert isinstance(caught.value, httpconn.HTTPConnError)
    assert face.run(made.get, server.url).content == b"ok"
    assert (made.transport.stats.open, made.transport.stats.idle) == (1, 1)


@pytest.mark.parametrize("target", ["/a%2Fb", b"/a%2Fb"])
def test_a_target_may_be_text_or_bytes(face, made, target):
    made, server = made
    face.run(lambda: made.get(server.url, extensions={"target": target, "sni_hostname": b"localhost"}))
    assert server.requests[0].target == b"/a%2Fb"


def test_a_trace_function_of_the_other_kind(face, made):
    made, server = made

    async def awaited(name: str, info: object) -> None: ...

    trace = (lambda name, info: None) if face.is_async else awaited
    with pytest.raises(httpx.LocalProtocolError, match="trace"):
        face.run(lambda: made.get(server.url, extensions={"trace": trace}))


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body of the given parts."""

    def __init__(self, *parts: object) -> None:
        self._parts = iter(parts)

    def __iter__(self):
        return self._parts

    def __aiter__(self):
        return self

    async def __anext__(self):
        for part in self._parts:
            return part
        raise StopAsyncIteration


def post(face, made, server, body: object) -> None:
    request = httpx.Request("POST", server.url, stream=body, headers={"Host": "a", "Content-Length": "3"})

    async def send() -> None:
        if face.is_async:
            await (await made.transport.handle_async_request(request)).aread()
        else:
            made.transport.handle_request(request).read()

    face.run(send)


@pytest.mark.parametrize("part", ["text", None, 7, [1]])
def test_a_body_that_is_not_of_bytes(face, made, part):
    """None would end the body, and the server would take it for a complete one."""
    made, server = made
    with pytest.raises(httpx.LocalProtocolError, match=type(part).__name__):
        post(face, made, server, Body(b"b", part))
    post(face, made, server, Body(bytearray(b"a"), memoryview(b"bc")))
    assert [request.body for request in server.requests] == [b"abc"]


def test_a_body_for_the_other_kind_of_client(face, made):
    made, server = made
    kind = httpx.SyncByteStream if face.is_async else httpx.AsyncByteStream
    with pytest.raises(httpx.LocalProtocolError, match="iterable"):
        post(face, made, server, kind())
    assert server.requests == []


@pytest.mark.parametrize("name", ["http_version", "reason_phrase"])
def test_a_text_where_httpx_has_bytes(face, connect, name):
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"ok", extensions={name: "X"}))
    response = face.get_response(connect(transport=transport, async_transport=transport), "http://a.example/")
    assert (response.content, response.reason_phrase, response.http_version) == (b"ok", "OK", "HTTP/1.1")
