"""The engine: persistent connections, early and late responses, request bodies, and the extensions of httpx."""

from __future__ import annotations

import asyncio
import gc
import itertools
import select
import socket
import threading
import traceback
import weakref

import anyio
import httpx
import pytest

from httpconn import HeaderTooLarge
from httpconn.options import Limits
from httpconn.runtime.stepping import run_sync
from httpconn.transport import AsyncHTTPTransport
from tests.servers.scripted import Close, Reset, Stall, Until, in_turn, response

OK = response(body=b"ok")


def test_bytes_after_a_response_never_become_the_next_response(face, user, scripted):
    server = scripted(in_turn(OK + response(body=b"unexpected"), OK))
    made = user()
    for _ in range(3):
        assert face.run(made.get, server.url).content == b"ok"
    assert server.connections == 2


def test_bytes_on_an_idle_connection_never_become_the_next_response(face, user, scripted):
    idle = threading.Event()
    server = scripted(in_turn([OK, Until(idle), response(body=b"unexpected")], OK))
    made = user()
    received = face.run(made.get, server.url)
    assert received.content == b"ok"
    idle.set()
    stream = received.extensions["network_stream"]
    assert select.select([stream.get_extra_info("socket")], [], [], 10)[0]
    assert stream.get_extra_info("is_readable")
    assert face.run(made.get, server.url).content == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize("forwarded", [False, True])
def test_a_complete_body_cannot_be_read_from_the_next_response(face, user, scripted, forwarded):
    server = scripted(in_turn(response(body=b"first"), response(body=b"second")))
    made = user(proxy=server.url if forwarded else None)
    first = face.run(made.get, server.url)
    second = face.run(made.open, server.url)
    assert face.run(made.rest, first) == b""
    assert face.run(made.read, second) == b"second"
    assert server.connections == 1


@pytest.mark.parametrize("forwarded", [False, True])
def test_a_closed_body_cannot_be_read(face, user, scripted, forwarded):
    server = scripted(in_turn(response(headers={"Content-Length": "9"}, body=b"x"), OK))
    made = user(proxy=server.url if forwarded else None)
    first = face.run(made.open, server.url)
    face.run(made.close, first)
    second = face.run(made.open, server.url)
    with pytest.raises(httpx.StreamClosed):
        face.run(made.rest, first)
    assert face.run(made.read, second) == b"ok"


@pytest.mark.parametrize("end", [Close(), Reset()])
def test_a_request_on_a_stale_connection_is_sent_again_once(face, user, scripted, end):
    server = scripted(in_turn(OK, [end], OK))
    made = user()
    for _ in range(2):
        assert face.run(made.get, server.url).content == b"ok"
    assert len(server.requests) == 3
    assert server.connections == 2


def test_a_new_connection_that_ends_without_a_response_is_an_error(face, user, scripted):
    server = scripted([Close()])
    made = user()
    with pytest.raises(httpx.RemoteProtocolError, match="Server disconnected without sending a response"):
        face.run(made.get, server.url)
    assert len(server.requests) == 1


def test_a_post_is_never_sent_twice(face, user, scripted):
    server = scripted(in_turn(OK, [Close()]))
    made = user()
    face.run(made.get, server.url)
    with pytest.raises(httpx.RemoteProtocolError):
        face.run(made.post, server.url, b"order")
    assert [request.method for request in server.requests] == ["GET", "POST"]


def test_a_truncated_response_on_a_reused_connection_is_an_error(face, user, scripted):
    server = scripted(in_turn(OK, [b"HTTP/1.1 2", Close()]))
    made = user()
    face.run(made.get, server.url)
    with pytest.raises(httpx.RemoteProtocolError):
        face.run(made.get, server.url)
    assert len(server.requests) == 2


def test_request_bodies_with_a_length(face, user, scripted):
    server = scripted(lambda request: response(body=request.body))
    made = user()
    body = bytes(range(256)) * 10_000
    assert face.run(made.post, server.url, body).content == body


@pytest.mark.parametrize(
    ("raw", "status", "reason", "body"),
    [
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "", b"ok"),
        (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", 200, "", b"ok"),
        (b"HTTP/1.0 200 Fine\r\nContent-Length: 2\r\n\r\nok", 200, "Fine", b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK, 200, "OK", b"ok"),
        (b"HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh: 2\r\n\r\nok", 200, "OK", b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nT: x\r\n\r\n", 200, "OK", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, "No Content", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "Not Modified", b""),
    ],
)
def test_unusual_responses_are_accepted(face, user, scripted, raw, status, reason, body):
    server = scripted([raw, Close()])
    got = face.run(user().get, server.url)
    assert (got.status_code, got.reason_phrase, got.content) == (status, reason, body)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n folded\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nok",
        b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"ok",
    ],
)
def test_ambiguous_responses_are_rejected(face, user, scripted, raw):
    server = scripted([raw, Close()])
    with pytest.raises(httpx.RemoteProtocolError):
        face.run(user().get, server.url)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 6000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: x\r\n" * 6000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" + b"x" * 100_000,
    ],
)
def test_endless_headers_are_rejected(face, user, scripted, raw):
    server = scripted([raw, Close()])
    with pytest.raises(HeaderTooLarge) as caught:
        face.run(user().get, server.url)
    assert isinstance(caught.value, httpx.RemoteProtocolError)


def test_a_flood_of_interim_responses_is_rejected(face, user, scripted):
    server = scripted([b"HTTP/1.1 100 Continue\r\n\r\n" * 65, OK])
    with pytest.raises(httpx.RemoteProtocolError, match="64 interim"):
        face.run(user().get, server.url)


def test_closing_an_incomplete_response_closes_its_connection(face, user, scripted):
    server = scripted([response(headers={"Content-Length": "10"}, body=b"half"), Stall()])
    made = user()
    received = face.run(made.open, server.url)
    face.run(made.close, received)
    server.wait_for(lambda: server.open_connections == 0)


def test_the_extensions_of_httpx(face, user, scripted, certificates):
    server = scripted(OK, tls=certificates.good)
    made = user(ssl_context=certificates.trust())
    seen = []

    async def told(event, info):
        seen.append(event)

    trace = told if face.is_async else lambda event, info: seen.append(event)
    extensions = {"trace": trace, "target": b"/as/../it%2fis", "sni_hostname": "localhost"}
    received = face.run(lambda: made.open(server.url, extensions=extensions))
    stream = received.extensions["network_stream"]
    assert received.extensions["http_version"] == b"HTTP/1.1"
    assert stream.get_extra_info("server_addr") == ("127.0.0.1", server.port)
    assert stream.get_extra_info("ssl_object").version().startswith("TLS")
    assert isinstance(stream.get_extra_info("socket"), socket.socket)
    assert face.run(made.read, received) == b"ok"
    assert server.requests[0].target == b"/as/../it%2fis"
    assert seen[0] == "connection.connect_tcp.started"
    assert "connection.start_tls.complete" in seen
    assert seen[-1] == "http11.response_closed.complete"


def test_a_connection_verified_for_one_name_serves_no_other_name(face, user, scripted, certificates):
    server = scripted(OK, tls=certificates.good)
    made = user(ssl_context=certificates.trust())
    face.run(made.get, server.url)
    face.run(made.get, server.url.replace("127.0.0.1", "localhost"))
    assert server.connections == 2


def test_idle_connections_are_kept_up_to_the_limit(face, user, scripted):
    server = scripted(OK)
    made = user(limits=Limits(max_keepalive_connections=1))
    responses = [face.run(made.open, server.url) for _ in range(3)]
    for each in responses:
        face.run(made.read, each)
    server.wait_for(lambda: server.open_connections == 1)


def test_another_scheme_is_rejected(face, user):
    with pytest.raises(httpx.UnsupportedProtocol):
        face.run(user().get, "ftp://example.com/")


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("url", ["http://127.0.0.1:70000/", "https://localhost:65616/"])
def test_an_invalid_port_is_rejected(face, user, url, http2):
    with pytest.raises(httpx.LocalProtocolError, match="is not from 1 to 65535"):
        face.run(user(http2=http2).get, url)


def test_an_invalid_request_is_rejected_before_it_is_sent(face, user, scripted):
    server = scripted(OK)
    made = user()
    with pytest.raises(httpx.LocalProtocolError):
        face.run(lambda: made.open(server.url, headers=[(b"X", b"a\r\nb: c")]))
    assert server.requests == []
    assert face.run(made.get, server.url).content == b"ok"


@pytest.mark.parametrize("forwarded", [False, True])
def test_errors_name_an_invalid_header_but_do_not_quote_its_value(face, user, scripted, forwarded):
    server = scripted(OK)
    made = user(proxy=server.url if forwarded else None)
    secret = "S3CRET"
    with pytest.raises(httpx.LocalProtocolError, match="value of the header X contains") as caught:
        face.run(lambda: made.open(server.url, headers=[(b"X", secret.encode() + b"\x00")]))
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_errors_quote_only_the_start_of_a_reason_phrase(face, user, scripted):
    proxy = scripted(b"HTTP/1.1 403 \xc2\x85\xc3\xa4" + b"x" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(httpx.ProxyError) as caught:
        face.run(user(proxy=proxy.url).get, "https://anything.example/")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 200


class Interrupting(str):
    """A string whose hash method runs a finalizer while the pool changes, as the garbage collector may do."""

    def __new__(cls, finalizer):
        made = super().__new__(cls, "any")
        made.finalizer = finalizer
        return made

    def __hash__(self):
        self.finalizer()
        return 0


def test_a_finalizer_may_close_a_response_while_the_pool_changes(face, user, scripted):
    server = scripted([response(headers={"Content-Length": "9"}, body=b"x"), Stall()])
    other = scripted(OK)
    made = user()
    left = face.run(made.open, server.url)
    name = Interrupting(lambda: run_sync(made.close(left)))
    assert face.run(lambda: made.get(other.url, extensions={"sni_hostname": name})).content == b"ok"
    server.wait_for(lambda: server.open_connections == 0)
    assert made.transport.stats.open == 1


def test_an_empty_chunked_request_body_is_terminated(face, user, application):
    made = user()
    for _ in range(2):
        face.run(lambda: made.get(application, headers={"Transfer-Encoding": "chunked"}))
    assert made.transport.stats.open == 1


class WithoutReaders(asyncio.SelectorEventLoop):
    """An event loop that cannot watch sockets itself, as the one of Windows."""

    def add_reader(self, *_):
        raise NotImplementedError

    add_writer = remove_reader = remove_writer = add_reader


LOOPS = {
    "asyncio": {"backend": "asyncio"},
    "without readers": {"backend": "asyncio", "backend_options": {"loop_factory": WithoutReaders}},
    "trio": {"backend": "trio"},
}


def once_for_each_connection():
    """A handler that sends one response on each connection. Then the connection stalls."""
    answered = set()

    def handle(request):
        if request.connection in answered:
            return [Stall()]
        answered.add(request.connection)
        return OK

    return handle


@pytest.mark.parametrize(
    ("first", "then"), [each for each in itertools.product(LOOPS, LOOPS) if each != ("trio", "trio")]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_of_another_event_loop_is_replaced(scripted, first, then, method):
    server = scripted(once_for_each_connection())
    client = httpx.AsyncClient(transport=AsyncHTTPTransport())

    async def send():
        return (await client.request(method, server.url)).content

    assert anyio.run(send, **LOOPS[first]) == b"ok"
    if method == "POST":  # the server may have processed it
        with pytest.raises(httpx.ReadError, match="belongs to another event loop"):
            anyio.run(send, **LOOPS[then])
    assert anyio.run(send, **LOOPS[then]) == b"ok"
    anyio.run(client.aclose, **LOOPS[first])
    assert server.connections == 2


def test_a_transfer_encoding_replaces_the_length_that_httpx_adds(face, user, application):
    made = user()

    async def send():
        asking = made._client.post(f"{application}/echo", content=b"abc", headers={"Transfer-Encoding": "chunked"})
        return await asking if face.is_async else asking

    assert face.run(send).content == b"abc"


@pytest.mark.parametrize("forwarded", [False, True])
def test_a_method_with_other_than_ascii_characters_is_rejected(face, user, scripted, forwarded):
    server = scripted(OK)
    made = user(proxy=server.url if forwarded else None)

    async def ask():
        asking = made._client.request("GÉT", server.url)
        return await asking if face.is_async else asking

    with pytest.raises(httpx.LocalProtocolError):
        face.run(ask)


def test_a_timeout_above_the_maximum_of_the_system_works(face, user, scripted):
    server, made = scripted(OK), user()
    assert face.run(lambda: made.get(server.url, timeout=3e6)).content == b"ok"


@pytest.mark.parametrize("script", [[Close()], [Reset()], b"HTTP/1.1 200 OK\rbare\r\n\r\n"])
def test_a_dropped_error_is_freed_without_the_garbage_collector(face, user, scripted, script):
    server = scripted(script)
    made = user()
    kept = []

    async def fail():
        try:
            await made.get(server.url)
        except httpx.TransportError as error:
            kept.append(weakref.ref(error))

    gc.disable()
    try:
        face.run(fail)
        assert kept[0]() is None
    finally:
        gc.enable()
