"""The ``trace`` extension reports the events of httpcore, in the same order and with the same values."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import httpx._main
import pytest
from click.testing import CliRunner

from httpconn.options import Limits
from httpconn.transport import HTTPTransport
from tests.servers.faces import Face
from tests.servers.scripted import Close, ScriptedServer, in_turn, response

LONG = b"x" * 200_000


def recording(face: Face, seen: list[tuple[str, dict[str, Any]]]) -> Callable[..., Any]:
    """Return a trace callback that records its arguments."""

    def record(event: str, info: dict[str, Any]) -> None:
        seen.append((event, info))

    async def awaited(event: str, info: dict[str, Any]) -> None:
        record(event, info)

    return awaited if face.is_async else record


def traced_by_httpx(url: str, context: Any, content: bytes | None) -> list[tuple[str, set[str]]]:
    """Return the events of the transport of httpx, and the names of their values."""
    seen: list[tuple[str, set[str]]] = []
    with httpx.Client(verify=context, trust_env=False) as client:
        for _ in range(2):
            client.request(
                "GET" if content is None else "POST",
                url,
                content=content,
                extensions={"trace": lambda event, info: seen.append((event, set(info)))},
            )
    return seen[: next(i for i in range(len(seen) - 1, -1, -1) if seen[i][0].endswith("response_closed.complete")) + 1]


@pytest.mark.parametrize("content", [None, b"", b"small", LONG], ids=["none", "empty", "small", "large"])
def test_the_events_are_those_of_httpx(face, user, scripted, certificates, content):
    server = scripted(response(body=LONG), tls=certificates.good)
    made, seen = user(ssl_context=certificates.trust()), []

    async def visit():
        for _ in range(2):
            options = {"extensions": {"trace": recording(face, seen)}}
            received = await (
                made.get(server.url, **options) if content is None else made.post(server.url, content, **options)
            )
            assert received.content == LONG

    face.run(visit)
    expected = traced_by_httpx(server.url, certificates.trust(), content)
    assert [(event, set(info)) for event, info in seen] == expected


def test_the_values_of_events(face, user, scripted, certificates):
    server = scripted(response(headers={"X-A": "1"}, body=b"ok"), tls=certificates.good)
    made, seen = user(ssl_context=certificates.trust()), []
    face.run(lambda: made.get(server.url_for("/a?b=c"), extensions={"trace": recording(face, seen)}))
    info = dict(seen)
    dialled = info["connection.connect_tcp.started"]
    assert (dialled["host"], dialled["port"], dialled["local_address"]) == ("127.0.0.1", server.port, None)
    assert 0 < dialled["timeout"] <= 5
    socket_stream = info["connection.connect_tcp.complete"]["return_value"]
    assert socket_stream is info["connection.start_tls.complete"]["return_value"]
    assert info["connection.start_tls.started"]["server_hostname"] == "127.0.0.1"
    request = info["http11.send_request_headers.started"]["request"]
    assert (request.method, request.url.target) == (b"GET", b"/a?b=c")
    assert (b"Host", b"127.0.0.1:%d" % server.port) in request.headers
    version, status, reason, fields = info["http11.receive_response_headers.complete"]["return_value"]
    assert (version, status, reason) == (b"HTTP/1.1", 200, b"OK")
    assert (b"X-A", b"1") in fields


def test_failures_are_reported(face, user, scripted):
    server = scripted(in_turn([Close()], [response(headers={"Content-Length": "9"}, body=b"x"), Close()]))
    made, seen = user(), []
    for step in ("receive_response_headers", "receive_response_body"):
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            face.run(lambda: made.get(server.url, extensions={"trace": recording(face, seen)}))
        assert dict(seen)[f"http11.{step}.failed"]["exception"] is caught.value


def test_a_unix_socket(face, user, tmp_path):
    made, seen = user(uds=str(tmp_path / "none")), []
    with pytest.raises(httpx.ConnectError):
        face.run(lambda: made.get("http://a.example/", extensions={"trace": recording(face, seen)}))
    assert [event for event, _ in seen] == [
        "connection.connect_unix_socket.started",
        "connection.connect_unix_socket.failed",
    ]
    assert seen[0][1]["path"] == str(tmp_path / "none")


@pytest.mark.parametrize(
    "event",
    [
        "receive_response_body.started",
        "receive_response_body.complete",
        "response_closed.started",
        "response_closed.complete",
    ],
)
def test_a_callback_that_fails_leaves_no_slot_taken(face, user, scripted, event):
    class Failure(Exception):
        pass

    def record(name, info):
        if name == f"http11.{event}":
            raise Failure

    async def awaited(name, info):
        record(name, info)

    server = scripted(response(body=b"ok"))
    made = user(limits=Limits(max_connections=1))
    with pytest.raises(Failure):
        face.run(lambda: made.get(server.url, extensions={"trace": awaited if face.is_async else record}))
    gc.collect()
    assert face.run(made.get, server.url).content == b"ok"


def test_the_command_line_of_httpx(monkeypatch, certificates):
    transport = HTTPTransport(ssl_context=certificates.trust())
    monkeypatch.setattr("httpx._main.Client", partial(httpx.Client, transport=transport))
    body = b'{"a": 1}'
    with ScriptedServer(
        response(headers={"Content-Type": "application/json"}, body=body), tls=certificates.good
    ) as server:
        result = CliRunner().invoke(httpx._main.main, [server.url, "-v"], terminal_width=100)
    assert result.exception is None, result.output
    for line in (
        "* Connecting to '127.0.0.1'",
        f"* Connected to '127.0.0.1' on port {server.port}",
        "* SSL established using 'TLSv1.3'",
        "GET / HTTP/1.1",
        "HTTP/1.1 200 OK",
        '"a": 1',
    ):
        assert line in result.output
