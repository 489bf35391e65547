"""Requests with any method and a body, on sync, asyncio and trio."""

from __future__ import annotations

import io
import os
from typing import ClassVar

import anyio
import httpx
import pytest

import httpconn
from httpconn import Progress, RetryPolicy
from tests.api.uploads import LARGE, OneShot, echo, then_echo
from tests.servers.scripted import Close, Stall, in_turn, redirect, response

AT_ONCE = RetryPolicy(backoff=0)
NOWHERE = "http://127.0.0.1:9/"


class TestBodies:
    """What the server receives."""

    @pytest.mark.parametrize(
        ("given", "kind", "body"),
        [
            ({"content": "Grüße"}, None, "Grüße".encode()),
            ({"content": b"\0\xff"}, None, b"\0\xff"),
            ({"content": bytearray(b"ab")}, None, b"ab"),
            ({"content": b""}, None, b""),
            ({}, None, b""),
            ({"json": {"a": [1, None, "ü"]}}, "application/json", '{"a":[1,null,"ü"]}'.encode()),
            ({"json": 0}, "application/json", b"0"),
            ({"data": {"a": ["1", "2"], "b": "c d"}}, "application/x-www-form-urlencoded", b"a=1&a=2&b=c+d"),
            ({"content": b"x", "headers": {"content-type": "text/x"}}, "text/x", b"x"),
        ],
    )
    def test_a_body_in_memory(self, face, connect, scripted, given, kind, body):
        server = scripted(echo)
        method, header, sent = face.request(connect(), "post", server.url, **given).json()
        assert (method, header.get("content-type"), sent.encode("latin-1")) == ("POST", kind, body)
        assert header["content-length"] == str(len(body))

    @pytest.mark.parametrize("way", ["http1", "http2"])
    @pytest.mark.parametrize("kind", ["bytes", "iterable", "file", "list"])
    def test_a_large_body_reaches_a_real_server(
        self, face, connect, application, http2_server, certificates, tmp_path, way, kind
    ):
        file = tmp_path / "data.bin"
        file.write_bytes(b"start" + LARGE)
        parts = [LARGE[start : start + 700_001] for start in range(0, len(LARGE), 700_001)]
        with file.open("rb") as opened:
            opened.seek(5)
            content = {"bytes": LARGE, "iterable": OneShot(parts), "file": opened, "list": parts}[kind]
            connection = connect(http2=way == "http2", verify=certificates.trust())
            url = application if way == "http1" else http2_server
            received = face.request(connection, "PUT", f"{url}/echo", content=content)
        assert received.headers["x-method"] == "PUT"
        assert received.content == LARGE
        assert connection.stats().connections.idle == 1

    def test_an_asynchronous_iterable(self, connect, application):

        async def parts():
            yield b"a"
            yield b"b"

        async def send():
            async with httpconn.HTTPConnection() as connection:
                return await connection.async_request("POST", f"{application}/echo", content=parts())

        assert anyio.run(send).content == b"ab"
        generator = parts()
        with pytest.raises(httpconn.InvalidRequest, match="needs async_request"):
            connect().request("POST", application, content=generator)

    def test_a_multipart_form(self, face, connect, application, tmp_path):
        file = tmp_path / "data.bin"
        file.write_bytes(LARGE)
        reading, writing = os.pipe()
        os.write(writing, b"piped")
        os.close(writing)
        with file.open("rb") as opened, os.fdopen(reading, "rb") as pipe:
            files = [("a", opened), ("b", ("name.txt", io.BytesIO(b"in memory"), "text/plain")), ("c", pipe)]
            received = face.request(connect(), "POST", f"{application}/echo", data={"field": "value"}, files=files)
        body = received.content
        assert LARGE in body
        assert body.count(b'name="field"\r\n\r\nvalue\r\n') == 1
        assert b'filename="name.txt"\r\nContent-Type: text/plain\r\n\r\nin memory\r\n' in body
        assert b"\r\n\r\npiped\r\n" in body

    @pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux has files of unknown size")
    def test_a_file_without_a_size(self, face, connect, application):
        for form in (False, True):
            with open("/proc/self/status", "rb") as file:
                given = {"files": {"f": file}} if form else {"content": file}
                received = face.request(connect(), "POST", f"{application}/echo", **given)
            assert b"VmRSS" in received.content

    def test_parameters_are_added_to_the_query(self, face, connect, scripted):
        server, connection = scripted(response()), connect()
        for target, params, wanted in [
            ("/a", {"x": [1, "ü"]}, b"/a?x=1&x=%C3%BC"),
            ("/a?b=%2f#part", [("c", "d e")], b"/a?b=%2f&c=d+e"),
            ("/a?", {}, b"/a?"),
        ]:
            face.request(connection, "GET", server.url_for(target), params=params)
            assert server.requests[-1].target == wanted

    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE", "PATCH", "QUERY"])
    def test_other_methods(self, face, connect, scripted, method):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\nContent-Encoding: gzip\r\n\r\n"
        server, connection = scripted(head if method == "HEAD" else response(body=b"ok")), connect()
        for stream in (False, True):
            received = face.request(connection, method, server.url, stream=stream, max_bytes=100)
            assert face.read(received) == (b"" if method == "HEAD" else b"ok")
            assert not received.close_delimited
            face.close(received)
        assert [each.method for each in server.requests] == [method, method]
        assert server.connections == 1

    def test_the_response_can_be_streamed(self, face, connect, application):
        received = face.request(connect(), "POST", f"{application}/echo", content=LARGE, stream=True)
        assert b"".join(face.iter_bytes(received)) == LARGE

    def test_event_hooks_see_the_body(self, face, connect, scripted):
        seen = []

        def look(request):
            seen.append(request.content)
            request.headers["X-Signature"] = str(len(request.content))

        server = scripted(echo)
        connection = connect(event_hooks={"request": [look]})
        _, header, body = face.request(connection, "POST", server.url, json=[1]).json()
        assert (seen, header["x-signature"], body) == ([b"[1]"], "3", "[1]")

    def test_event_hooks_leave_a_stream_alone(self, face, connect, application):
        connection = connect(event_hooks={"request": [lambda request: None]})
        received = face.request(connection, "POST", f"{application}/echo", content=OneShot([b"a", b"", b"b"]))
        assert received.content == b"ab"

    def test_a_transport_of_the_caller_gets_the_body(self, face, connect):
        async def respond(request):
            content = await request.aread() if face.is_async else request.read()
            return httpx.Response(200, content=content)

        def plain(request):
            return httpx.Response(200, content=request.read())

        transport = httpx.MockTransport(respond if face.is_async else plain)
        connection = connect(transport=transport, async_transport=transport)
        content = [b"a", b"b"]
        assert face.request(connection, "POST", "http://example.com/", content=content).content == b"ab"


class TestInvalid:
    """Errors before any connection."""

    CYCLE: ClassVar[list[object]] = []
    CYCLE.append(CYCLE)
    USED = (part for part in ())
    list(USED)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            *(({"json": value}, "json= cannot be encoded") for value in ({1, 2}, float("nan"), "\ud800", CYCLE, b"x")),
            ({"content": {"a": 1}}, "content= takes"),
            ({"content": 5}, "content= takes"),
            ({"content": io.StringIO("x")}, "binary mode"),
            ({"content": USED}, "has ended"),
            ({"content": io.BufferedWriter(io.BytesIO())}, "not open for reading"),
            ({"data": b"x"}, "as content="),
            ({"data": {"a": object}, "files": {"f": b"x"}}, "cannot be encoded"),
            ({"files": {"f": io.StringIO("x")}}, "binary mode"),
            ({"files": {"f": None}}, "files= takes"),
            ({"files": [1]}, "files= takes"),
            ({"files": {"f": ("n", b"x", "text/plain\r\nA: b")}}, "line break"),
            ({"files": {"f": ("n", b"x", None, {"A": "b\nC: d"})}}, "line break"),
            ({"files": {"f": ("n", b"x", None, {"A\r\nB": "c"})}}, "line break"),
            ({"files": {"f": ("n", b"x", None, 5)}}, "files= takes"),
            ({"content": b"x", "json": 1}, "only one of content=, json="),
            ({"method": "CONNECT"}, "CONNECT"),
            ({"method": ""}, "method"),
            ({"method": "TRACE", "content": b"x"}, "TRACE"),
            ({"method": "GE T"}, "method"),
            ({"headers": {"Content-Length": "5"}}, "httpconn sets it"),
            ({"headers": {}, "extra_headers": {}}, "only one of them"),
            ({"params": 5}, "params"),
            ({"progress": 5}, "progress"),
        ],
    )
    def test_an_invalid_argument(self, face, connect, dials, given, message):
        options = dict(given)
        with pytest.raises(httpconn.InvalidRequest, match=message) as caught:
            face.request(connect(), options.pop("method", "POST"), NOWHERE, **options)
        assert not caught.value.retryable
        assert dials == []

    def test_a_public_policy_allows_get_and_head_only(self, face, connect, dials):
        connection, content = connect(access=httpconn.AccessPolicy.public_internet()), OneShot([b"x"])
        for method in ("POST", "OPTIONS", "put", "M-SEARCH"):
            with pytest.raises(httpconn.AccessDenied, match="GET and HEAD") as caught:
                face.request(connection, method, "http://nowhere.invalid/?key=secret", content=content)
            assert caught.value.url == "http://nowhere.invalid/?key=***"
        assert (dials, content.taken) == ([], 0)


class TestRedirects:
    """307 and 308 repeat the request; the others become a GET."""

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("method", ["POST", "PUT", "HEAD"])
    def test_on_the_same_origin(self, face, connect, scripted, status, method):
        server = scripted(then_echo(redirect("/b", status)))
        fields = {"Content-Type": "text/x", "Content-Language": "en", "X-Own": "1"}
        body = {} if method == "HEAD" else {"content": b"body"}
        received = face.request(connect(), method, server.url_for("/a"), headers=fields, **body)
        second = server.requests[1]
        is_repeated = status in (307, 308)
        assert second.method == (method if is_repeated or method == "HEAD" else "GET")
        assert second.body == (b"body" if is_repeated and body else b"")
        assert (second.header("content-type"), second.header("content-language")) == (
            ("text/x", "en") if is_repeated else (None, None)
        )
        assert second.header("x-own") == "1"
        assert second.header("content-length") == (str(len(second.body)) if second.body else None)
        assert [each.status_code for each in received.history] == [status]

    def test_to_another_origin_the_body_goes_without_credentials(self, face, connect, scripted):
        other = scripted(echo)
        server = scripted(redirect(other.url_for("/b"), 307))
        secrets = {"Authorization": "Bearer x", "Idempotency-Key": "k", "Content-Token": "x", "X-Content-Type": "x"}
        described = {"Content-Encoding": "gzip", "Content-Language": "en", "Content-Digest": "sha-256=:eA==:"}
        face.request(connect(), "POST", server.url_for("/a"), json=[1], headers=secrets | described)
        [request] = other.requests
        assert (request.method, request.body) == ("POST", b"[1]")
        assert {name: request.header(name) for name in described} == described
        assert request.header("content-type") == "application/json"
        assert [request.header(name) for name in secrets] == [None] * len(secrets)

    def test_a_file_is_sent_again_from_where_it_was(self, face, connect, scripted):
        server = scripted(then_echo(redirect("/b", 308)))
        file = io.BytesIO(b"0123456789")
        file.seek(4)
        assert face.request(connect(), "POST", server.url_for("/a"), content=file).json()[2] == "456789"

    def test_a_body_that_was_sent_cannot_be_repeated(self, face, connect, scripted):
        server = scripted([redirect("/b", 307), Stall()])
        with pytest.raises(httpconn.RedirectRefused, match="can be sent only once") as caught:
            face.request(connect(retries=AT_ONCE), "PUT", server.url_for("/a"), content=OneShot([b"x"]))
        assert len(server.requests) == 1
        assert not caught.value.retryable

    def test_a_generator_is_not_needed_for_a_get(self, face, connect, scripted):
        server = scripted(in_turn([redirect("/b", 303), Close()], response(body=b"ok")))
        received = face.request(connect(), "POST", server.url_for("/a"), content=OneShot([b"x"]))
        assert (received.content, server.requests[1].method) == (b"ok", "GET")

    def test_no_redirect_is_followed_with_allow_redirects_false(self, face, connect, scripted):
        server = scripted(redirect("/b", 307))
        assert face.request(connect(), "POST", server.url, allow_redirects=False).status_code == 307


class TestRetries:
    """Only what may be repeated is sent again."""

    @pytest.mark.parametrize(
        ("method", "options", "attempts"),
        [
            ("PUT", {"content": b"x"}, 2),
            ("DELETE", {}, 2),
            ("PUT", {"content": io.BytesIO(b"x")}, 2),
            ("POST", {"content": b"x"}, 1),
            ("PATCH", {"content": b"x"}, 1),
            ("POST", {"content": b"x", "headers": {"Idempotency-Key": "1"}}, 2),
            ("PUT", {"one_shot": True}, 1),
            ("POST", {"one_shot": True, "headers": {"Idempotency-Key": "1"}}, 1),
        ],
    )
    @pytest.mark.parametrize("failure", ["status", "broken"])
    def test_a_failed_request(self, face, connect, scripted, method, options, attempts, failure):
        options, failed = dict(options), [response(503)] if failure == "status" else [Close()]
        if options.pop("one_shot", False):
            options["content"] = OneShot([b"x"])
            failed.append(Stall())  # the scripted server does not parse chunks
        server = scripted(in_turn(failed, response(body=b"ok")))
        try:
            status = face.request(connect(retries=AT_ONCE), method, server.url, **options).status_code
        except httpconn.ReadFailed:
            status = 503
        assert status == (200 if attempts == 2 else 503)
        assert len(server.requests) == attempts

    def test_a_post_that_became_a_get_is_not_sent_again(self, face, connect, scripted):
        server = scripted(in_turn(redirect("/b", 303), response(503), response(body=b"ok")))
        assert face.request(connect(retries=AT_ONCE), "POST", server.url, content=b"x").status_code == 503
        assert len(server.requests) == 2

    def test_a_key_that_a_redirect_removed_allows_no_retry(self, face, connect, scripted):
        other = scripted(in_turn(response(503), response(body=b"ok")))
        server = scripted(redirect(other.url, 307))
        received = face.request(connect(retries=AT_ONCE), "POST", server.url, headers={"Idempotency-Key": "1"})
        assert (received.status_code, len(other.requests)) == (503, 1)

    def test_a_post_is_not_resent_after_a_kept_connection_has_ended(self, face, connect, scripted):
        server, connection = scripted(in_turn(response(), [Close()], response())), connect(retries=0)
        face.request(connection, "POST", server.url, content=b"1")
        with pytest.raises(httpconn.Disconnected):
            face.request(connection, "POST", server.url, content=b"2")
        assert [each.body for each in server.requests] == [b"1", b"2"]

    def test_the_missing_part_of_a_response_to_a_post_is_not_requested(self, face, connect, scripted):
        part = b'HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\nETag: "a"\r\n\r\n' + b"x" * 2_000_000
        server = scripted([part, Close()])
        with pytest.raises(httpconn.TruncatedBody):
            face.request(connect(retries=AT_ONCE), "POST", server.url, headers={"Idempotency-Key": "1"})
        assert {each.header("range") for each in server.requests} == {None}


class TestProgress:
    """Events while a body is sent."""

    @pytest.mark.parametrize("kind", ["bytes", "file", "iterable"])
    def test_a_sent_body(self, face, connect, application, kind):
        events: list[Progress] = []
        content = {"bytes": LARGE, "file": io.BytesIO(LARGE), "iterable": OneShot([LARGE[:9], LARGE[9:]])}[kind]
        face.request(connect(), "PUT", f"{application}/echo", content=content, progress=events.append)
        assert (events[0].sent, events[0].done, events[-1].sent, events[-1].done) == (0, False, len(LARGE), True)
        assert events[0].total == (None if kind == "iterable" else len(LARGE))
        assert events[-1].total == len(LARGE)
        assert {each.received for each in events} == {0}
        assert [each.sent for each in events] == sorted(each.sent for each in events)
        assert {(each.path.name, each.failed) for each in events} == {("echo", False)}

    def test_a_failed_call(self, face, connect, scripted):
        events: list[Progress] = []
        server = scripted([Close()])
        with pytest.raises(httpconn.HTTPConnError):
            face.request(connect(retries=AT_ONCE), "PUT", server.url, content=b"x", progress=events.append)
        assert (events[-1].failed, events[-1].attempt) == (True, 3)

    def test_a_display(self, face, connect, application):
        shown = io.StringIO()
        with httpconn.progress.rich_progress(shown) as display:
            face.request(connect(), "PUT", f"{application}/echo", content=LARGE, progress=display)
        assert "echo: 5.0 MB of 5.0 MB" in shown.getvalue()


class TestCache:
    """Requests that change a resource remove its stored responses (RFC 9111 section 4.4)."""

    @pytest.mark.parametrize("folder", [False, True])
    def test_an_unsafe_method_invalidates(self, face, connect, scripted, tmp_path, folder):
        fresh = {"Cache-Control": "max-age=600"}
        served = {"/a": 0, "/b": 0, "/c": 0}

        def serve(request):
            if request.method == "GET":
                served[request.path] += 1
                return response(headers=fresh, body=b"%d" % served[request.path])
            status = 404 if request.header("x-fail") else 201
            return response(status, {"Location": "/b", "Content-Location": "http://other.example/c"})

        server = scripted(serve)
        connection = connect(cache=httpconn.Cache(folder=tmp_path / "cache") if folder else httpconn.Cache())
        for fields in (None, {"Accept": "text/x"}):
            for path in served:
                face.get_bytes(connection, server.url_for(path), extra_headers=fields)

        def counts():
            return [face.get_bytes(connection, server.url_for(path)) for path in served]

        assert counts() == [b"1"] * 3
        face.request(connection, "POST", server.url_for("/a"), headers={"X-Fail": "1"})
        face.request(connection, "OPTIONS", server.url_for("/a"))
        assert counts() == [b"1"] * 3
        face.request(connection, "POST", server.url_for("/a"))
        assert counts() == [b"3", b"3", b"1"]
