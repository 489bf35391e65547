"""Lines, JSON lines and server-sent events of streamed responses, on sync, asyncio and trio."""

from __future__ import annotations

import threading

import httpx_sse
import pytest

import httpconn
from tests.servers.scripted import Close, Forever, Until, chunked, response

VALUES = [{"a": 1}, {"b": "\u2028"}, None]


class TestLines:
    """iter_lines and iter_json_lines."""

    @pytest.mark.parametrize("stream", [True, False])
    def test_a_real_server(self, face, connect, application, stream):
        connection = connect()

        def get():
            return face.get_response(connection, f"{application}/lines", stream=stream)

        assert list(face.iterate(get(), "iter_json_lines")) == VALUES
        assert list(face.iterate(get(), "iter_lines")) == ['{"a": 1}', "", '{"b": "', '"}', " null"]
        assert connection.stats().connections.idle == 1

    def test_over_http2(self, face, connect, http2_server, certificates):
        connection = connect(http2=True, verify=certificates.trust())
        received = face.request(connection, "GET", f"{http2_server}/lines", stream=True)
        assert (received.http_version, list(face.iterate(received, "iter_json_lines"))) == ("HTTP/2", VALUES)

    def test_each_line_comes_when_it_is_complete(self, face, connect, scripted):
        more = threading.Event()
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        server = scripted([head, b"5\r\n1\n2\r\n\r\n", Until(more), chunked(b"\n3")])
        values = face.iterate(face.get_response(connect(), server.url, stream=True), "iter_json_lines")
        assert (next(values), next(values)) == (1, 2)
        more.set()
        assert list(values) == [3]

    def test_the_charset_decides(self, face, connect, scripted):
        server = scripted(response(headers={"Content-Type": "text/plain; charset=latin-1"}, body=b"\xfc\r\n\xe4"))
        connection = connect()
        assert list(face.iterate(face.get_response(connection, server.url, stream=True), "iter_lines")) == ["ü", "ä"]
        received = face.get_response(connection, server.url, stream=True)
        received.encoding = "cp437"
        assert list(face.iterate(received, "iter_lines")) == ["ⁿ", "Σ"]

    @pytest.mark.parametrize("method", ["iter_lines", "iter_json_lines"])
    @pytest.mark.parametrize("unit", [b"x", b" "])
    def test_an_endless_line_is_an_error(self, face, connect, scripted, method, unit):
        endless = [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            Forever(b"400\r\n" + unit * 1024 + b"\r\n"),
        ]
        connection = connect()
        received = face.get_response(connection, scripted(endless).url_for("/?key=secret"), stream=True)
        with pytest.raises(httpconn.LimitExceeded, match="Line 1 of the body has more than 1,048,576") as caught:
            list(face.iterate(received, method))
        assert caught.value.url.endswith("/?key=***")
        assert received.is_closed
        assert connection.stats().connections.open == 0

    def test_an_error_closes_the_response(self, face, connect, scripted):
        server = scripted([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n1\noops\n"])
        connection = connect()
        values = face.iterate(face.get_response(connection, server.url, stream=True), "iter_json_lines")
        assert next(values) == 1
        with pytest.raises(httpconn.InvalidJSON, match="Line 2"):
            next(values)
        assert connection.stats().connections.open == 0

    def test_a_broken_stream_is_an_error(self, face, connect, scripted):
        server = scripted([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n1\n2", Close()])
        values = face.iterate(face.get_response(connect(), server.url, stream=True), "iter_json_lines")
        assert next(values) == 1
        with pytest.raises(httpconn.TruncatedBody):
            next(values)


EVENTS = b'event: start\rdata: {"n": 1}\r\r: comment\nid: 7\ndata: a\r\ndata: \xe2\x80\xa8b\r\n\r\ndata: lost'


class TestServerSentEvents:
    """httpx-sse on responses of httpconn."""

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_events(self, face, connect, scripted, method):
        stream = {"Content-Type": "text/event-stream"}
        server = scripted(response(headers=stream, body=EVENTS, framing="chunked"))
        options = {} if method == "GET" else {"json": {"stream": True}}
        accept = {"Accept": "text/event-stream"}
        received = face.request(connect(), method, server.url, stream=True, headers=accept, **options)
        source = httpx_sse.EventSource(received)
        events = list(source.iter_sse()) if not face.is_async else face.run(collected, source)
        assert [(each.event, each.id, each.data) for each in events] == [
            ("start", "", '{"n": 1}'),
            ("message", "7", "a\n\u2028b"),
        ]
        assert events[0].json() == {"n": 1}

    def test_a_stream_ends_when_the_caller_leaves_it(self, face, connect, scripted):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        server = scripted([head, Forever(b"9\r\ndata: x\n\n\r\n")])
        connection = connect()
        received = face.get_response(connection, server.url, stream=True)
        source = httpx_sse.EventSource(received)
        with face.enter(received):
            first = next(source.iter_sse()) if not face.is_async else face.run(first_of, source)
        assert first.data == "x"
        server.wait_for(lambda: server.open_connections == 0)


async def collected(source):
    return [event async for event in source.aiter_sse()]


async def first_of(source):
    events = source.aiter_sse()
    try:
        return await anext(events)
    finally:
        await events.aclose()
