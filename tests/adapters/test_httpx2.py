"""What programs on httpx2 rely on: the transports in its clients, and its transports under an HTTPConnection."""

from __future__ import annotations

import gzip
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest

import httpconn
from httpconn.transport.httpx2 import AsyncHTTPTransport, HTTPTransport
from tests.servers.faces import Face
from tests.servers.scripted import Close, Pause, Reset, Stall, response

LONG = b"x" * 1_000_000
MANY = {f"X-{number}": "1" for number in range(200)}


def on(face: Face, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a function on the face in use, and await its result if that has to be."""

    async def call() -> Any:
        result = function(*args, **options)
        return await result if inspect.isawaitable(result) else result

    return face.run(call)


@pytest.fixture
def client(face: Face) -> Iterator[Callable[..., Any]]:
    """Makes httpx2 clients over transports of the given options."""
    made: list[Any] = []

    def make(**options: Any) -> Any:
        if face.is_async:
            made.append(httpx2.AsyncClient(transport=AsyncHTTPTransport(**options)))
        else:
            made.append(httpx2.Client(transport=HTTPTransport(**options)))
        return made[-1]

    yield make
    for each in made:
        face.close(each)


class TestTransports:
    """``httpx2.Client(transport=HTTPTransport())``."""

    def test_a_get(self, face, client, scripted):
        server = scripted(response(headers={"X-A": "1"}, body=b"ok"))
        respond = on(face, client().get, server.url_for("/a%2Fb?x=%7e"))
        assert isinstance(respond, httpx2.Response)
        assert (respond.status_code, respond.headers["x-a"], respond.content) == (200, "1", b"ok")
        assert (respond.http_version, respond.reason_phrase) == ("HTTP/1.1", "OK")
        assert server.requests[0].target == b"/a%2Fb?x=%7e"

    def test_bodies_of_requests_arrive(self, face, client, scripted):
        server = scripted(response())
        used = client()
        parts = [b"one", b"two"]

        async def stream():
            for part in parts:
                yield part

        on(face, used.post, server.url, content=LONG)
        streamed = stream() if face.is_async else iter(parts)
        on(face, used.post, server.url, content=streamed, headers={"Content-Length": "6"})
        assert [request.body for request in server.requests] == [LONG, b"onetwo"]
        assert server.connections == 1

    @pytest.mark.parametrize(
        ("script", "error", "cause"),
        [
            ([Reset()], httpx2.ReadError, httpconn.ReadFailed),
            ([Close()], httpx2.RemoteProtocolError, httpconn.Disconnected),
            (b"nonsense\r\n\r\n", httpx2.RemoteProtocolError, httpconn.ProtocolError),
            (
                response(headers=MANY),
                httpx2.RemoteProtocolError,
                httpconn.HeaderTooLarge,
            ),
            (
                [response(headers={"Content-Length": "10"}, body=b"x"), Close()],
                httpx2.RemoteProtocolError,
                httpconn.TruncatedBody,
            ),
            (
                [response(headers={"Content-Length": "10"}, body=b"x"), Pause(0.05), Reset()],
                httpx2.ReadError,
                httpconn.ReadFailed,
            ),
        ],
    )
    def test_errors_are_those_of_httpx2(self, face, client, scripted, script, error, cause):
        server = scripted(script)
        with pytest.raises(error) as caught:
            on(face, client().get, server.url)
        assert type(caught.value) is error
        assert isinstance(caught.value.__cause__, cause)
        assert str(server.url) == str(caught.value.request.url).rstrip("/")

    @pytest.mark.parametrize(
        ("timeout", "script", "error"),
        [
            (httpx2.Timeout(30, read=0.05), [Stall()], httpx2.ReadTimeout),
            (httpx2.Timeout(30, read=0.05), [response(headers={"Content-Length": "2"}), Stall()], httpx2.ReadTimeout),
        ],
    )
    def test_timeouts_are_those_of_the_client(self, face, client, scripted, timeout, script, error):
        with pytest.raises(error):
            on(face, client().get, scripted(script).url, timeout=timeout)

    def test_the_pool_timeout(self, face, client, scripted):
        server = scripted([response(headers={"Content-Length": "10"}), Stall()])
        used = client(limits=httpconn.Limits(max_connections=1))
        held = on(face, used.send, used.build_request("GET", server.url), stream=True)
        with pytest.raises(httpx2.PoolTimeout):
            on(face, used.get, server.url, timeout=httpx2.Timeout(30, pool=0.05))
        face.close(held)

    @pytest.mark.parametrize(
        ("url", "error"),
        [
            ("http://nowhere.invalid/", httpx2.ConnectError),
            ("ftp://example.com/", httpx2.UnsupportedProtocol),
            ("http://127.0.0.1:99999999/", httpx2.LocalProtocolError),
        ],
    )
    def test_urls_that_lead_nowhere(self, face, client, url, error):
        with pytest.raises(error):
            on(face, client().get, url)

    def test_a_bad_certificate(self, face, client, scripted, certificates):
        server = scripted(response(), tls=certificates.expired)
        with pytest.raises(httpx2.ConnectError) as caught:
            on(face, client(ssl_context=certificates.trust()).get, server.url)
        assert isinstance(caught.value.__cause__, httpconn.TLSFailed)

    def test_a_header_that_cannot_be_sent(self, face, client, scripted):
        server = scripted(response())
        with pytest.raises(httpx2.LocalProtocolError):
            on(face, client().get, server.url, headers={"X": "a\nb"})
        assert server.requests == []

    def test_a_forbidden_address(self, face, client, scripted):
        server = scripted(response())
        with pytest.raises(httpx2.LocalProtocolError) as caught:
            on(face, client(access=httpconn.AccessPolicy.public_internet()).get, server.url)
        assert isinstance(caught.value.__cause__, httpconn.AccessDenied)
        assert server.connections == 0

    def test_a_body_that_was_closed_cannot_be_read(self, face, client, scripted):
        server = scripted(response(body=LONG))
        used = client()
        respond = on(face, used.send, used.build_request("GET", server.url), stream=True)
        face.close(respond)
        with pytest.raises(httpx2.StreamClosed):
            face.read(respond)

    def test_a_body_in_parts(self, face, client, scripted):
        server = scripted(response(body=LONG, framing="chunked"))
        used = client()
        respond = on(face, used.send, used.build_request("GET", server.url), stream=True)
        assert b"".join(face.iter_bytes(respond)) == LONG
        face.close(respond)

    def test_a_proxy(self, face, client, scripted, proxy_server):
        server = scripted(response(body=b"ok"))
        for proxy in (httpx2.Proxy(proxy_server.url), httpx2.URL(proxy_server.url)):
            assert on(face, client(proxy=proxy).get, server.url).content == b"ok"

    def test_errors_by_a_proxy(self, face, client, scripted, proxy_server):
        server = scripted([response(headers={"Content-Length": "10"}, body=b"x"), Close()])
        with pytest.raises(httpx2.RemoteProtocolError):
            on(face, client(proxy=proxy_server.url).get, server.url)

    def test_http2(self, face, client, http2_server, certificates):
        respond = on(face, client(ssl_context=certificates.trust(), http2=True).get, http2_server)
        assert respond.http_version == "HTTP/2"

    def test_errors_of_a_body_that_is_sent_pass(self, face, client, scripted):
        class Failure(Exception):
            pass

        def fail():
            yield b"a"
            raise Failure

        async def fail_later():
            yield b"a"
            raise Failure

        with pytest.raises(Failure):
            on(face, client().post, scripted(response()).url, content=fail_later() if face.is_async else fail())


def answering(respond: Callable[[httpx2.Request], httpx2.Response], face: Face) -> dict[str, Any]:
    """The options of a connection whose transport is httpx2's."""
    return {"async_transport" if face.is_async else "transport": httpx2.MockTransport(respond)}


class TestUnderAConnection:
    """``HTTPConnection(transport=httpx2.MockTransport(...))``."""

    def test_a_response(self, face, connect):
        def respond(request: httpx2.Request) -> httpx2.Response:
            assert isinstance(request, httpx2.Request)
            assert request.headers["x-a"] == "1"
            return httpx2.Response(200, text=f"{request.method} {request.url}", headers={"ETag": '"1"'})

        connection = connect(**answering(respond, face))
        assert face.get_text(connection, "http://a.example/b?c=%7e", extra_headers={"X-A": "1"}) == (
            "GET http://a.example/b?c=%7e"
        )
        assert face.get_response(connection, "http://a.example/", extra_headers={"X-A": "1"}).headers["etag"] == '"1"'

    def test_redirects_retries_and_codings_are_those_of_the_connection(self, face, connect):
        responses = iter(
            [
                httpx2.Response(503),
                httpx2.Response(302, headers={"Location": "/b"}),
                httpx2.Response(200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(b"unpacked")),
            ]
        )
        retries = httpconn.RetryPolicy(backoff=0)
        connection = connect(retries=retries, **answering(lambda request: next(responses), face))
        assert face.get_bytes(connection, "http://a.example/") == b"unpacked"

    def test_a_response_that_a_wrapper_has_read(self, face, connect):
        inner = httpx2.MockTransport(
            lambda _: httpx2.Response(
                200, headers={"Content-Encoding": "gzip"}, stream=httpx2.ByteStream(gzip.compress(b"unpacked"))
            )
        )

        class Reading(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
            def handle_request(self, request):
                respond = inner.handle_request(request)
                respond.read()
                return respond

            async def handle_async_request(self, request):
                respond = await inner.handle_async_request(request)
                await respond.aread()
                return respond

        connection = connect(**{"async_transport" if face.is_async else "transport": Reading()})
        assert face.get_bytes(connection, "http://a.example/") == b"unpacked"

    @pytest.mark.parametrize(
        ("raised", "error"),
        [
            (httpx2.ConnectError("down"), httpconn.ConnectFailed),
            (httpx2.ConnectTimeout("slow"), httpconn.ConnectTimedOut),
            (httpx2.ReadTimeout("slow"), httpconn.ReadTimedOut),
            (httpx2.PoolTimeout("full"), httpconn.PoolTimedOut),
            (httpx2.RemoteProtocolError("nonsense"), httpconn.ProtocolError),
            (httpx2.UnsupportedProtocol("what?"), httpconn.InvalidURL),
            (httpx2.ProxyError("no"), httpconn.ProxyFailed),
            (httpx2.StreamError("no"), httpconn.ReadFailed),
        ],
    )
    def test_errors(self, face, connect, raised, error):
        def respond(request: httpx2.Request) -> httpx2.Response:
            raise raised

        with pytest.raises(error, match=str(raised)[:2]):
            face.get_bytes(connect(retries=0, **answering(respond, face)), "http://a.example/")

    def test_an_error_in_the_body(self, face, connect):
        class Broken(httpx2.SyncByteStream, httpx2.AsyncByteStream):
            def __iter__(self):
                yield b"a"
                raise httpx2.ReadError("cut")

            async def __aiter__(self):
                yield b"a"
                raise httpx2.ReadError("cut")

        connection = connect(retries=0, **answering(lambda _: httpx2.Response(200, stream=Broken()), face))
        with pytest.raises(httpconn.ReadFailed, match="cut"):
            face.get_bytes(connection, "http://a.example/")

    def test_a_body_that_is_not_read_to_its_end_is_closed(self, face, connect):
        closed = []

        class Endless(httpx2.SyncByteStream, httpx2.AsyncByteStream):
            def __iter__(self):
                while True:
                    yield b"a" * 1000

            async def __aiter__(self):
                try:
                    while True:
                        yield b"a" * 1000
                finally:
                    closed.append("generator")

            def close(self):
                closed.append("stream")

            async def aclose(self):
                closed.append("stream")

        connection = connect(**answering(lambda _: httpx2.Response(200, stream=Endless()), face))
        with pytest.raises(httpconn.LimitExceeded):
            face.get_bytes(connection, "http://a.example/", max_bytes=5000)
        assert closed == (["generator", "stream"] if face.is_async else ["stream"])

    def test_its_own_transports_keep_their_engine_and_policy(self, face, connect, scripted):
        server = scripted(response(body=b"ok"))
        public = httpconn.AccessPolicy.public_internet()
        kind = AsyncHTTPTransport if face.is_async else HTTPTransport
        option = "async_transport" if face.is_async else "transport"
        assert face.get_bytes(connect(**{option: kind()}), server.url) == b"ok"
        with pytest.raises(httpconn.AccessDenied):
            face.get_bytes(connect(access=public, **{option: kind(access=public)}), server.url)
        with pytest.raises(httpconn.InvalidRequest, match="cannot check"):
            connect(access=public, **{option: httpx2.MockTransport(lambda _: httpx2.Response(200))})

    def test_errors_survive_a_wrapper(self, face, connect, scripted):
        server = scripted(response())
        inner: Any = (AsyncHTTPTransport if face.is_async else HTTPTransport)(
            access=httpconn.AccessPolicy.public_internet()
        )

        class Wrapper(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
            def handle_request(self, request):
                return inner.handle_request(request)

            async def handle_async_request(self, request):
                return await inner.handle_async_request(request)

        connection = connect(**{"async_transport" if face.is_async else "transport": Wrapper()})
        with pytest.raises(httpconn.AccessDenied):
            face.get_bytes(connection, server.url)

    def test_an_application(self, face, connect):
        async def asgi(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-path", scope["raw_path"])]})
            await send({"type": "http.response.body", "body": b"called"})

        def wsgi(environ, start_response):
            start_response("200 OK", [("x-path", environ["PATH_INFO"])])
            return [b"called"]

        connection = connect(transport=httpx2.WSGITransport(wsgi), async_transport=httpx2.ASGITransport(asgi))
        respond = face.get_response(connection, "http://a.example/b")
        assert (respond.content, respond.headers["x-path"]) == (b"called", "/b")

    def test_the_client_of_a_connection(self, face, connect):
        def respond(request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(200, content=request.read() if not face.is_async else request.content)

        connection = connect(**answering(respond, face))
        used = face.run(connection.get_async_client) if face.is_async else connection.get_sync_client()
        got = on(face, used.post, "http://a.example/", content=b"sent")
        assert isinstance(got, httpx.Response)
        assert got.content == b"sent"

    def test_another_object_is_refused(self, face):
        for option in ("transport", "async_transport"):
            with pytest.raises(httpconn.InvalidRequest, match=f"{option} does not accept a value of type str"):
                httpconn.HTTPConnection(**{option: "http"})


class TestArguments:
    """httpx2's objects where httpx's are accepted."""

    def test_urls(self, face, connect, scripted):
        server = scripted(response(body=b"ok"))
        url = httpx2.URL(server.url_for("/a?b=c"))
        connection = connect()
        assert face.get_bytes(connection, url) == b"ok"
        assert connection.proxy_for(url) is None
        assert server.requests[0].target == b"/a?b=c"
        assert (
            httpconn.AccessPolicy.public_internet().check(httpx2.URL("ftp://a.example/?b=secret")).url.endswith("=***")
        )

    def test_headers(self, face, connect, scripted):
        server = scripted(response())
        connection = connect(headers=httpx2.Headers({"X-A": "1"}))
        face.get_bytes(connection, server.url, extra_headers=httpx2.Headers({"X-B": "2"}))
        assert (server.requests[0].header("X-A"), server.requests[0].header("X-B")) == ("1", "2")

    def test_a_proxy(self, face, connect, scripted, guarded_proxy_server):
        server = scripted(response(body=b"ok"))
        address = httpx2.URL(guarded_proxy_server.url).copy_with(username=None, password=None)
        connection = connect(proxy=httpx2.Proxy(address, auth=("user", "pass")))
        assert face.get_bytes(connection, server.url) == b"ok"


def test_httpx2_is_imported_only_for_its_users():
    code = (
        "import sys, httpconn, httpx; conn = httpconn.HTTPConnection(transport=httpx.MockTransport("
        "lambda r: httpx.Response(200))); conn.get_bytes(httpx.URL('http://a.example/ b')); conn.close(); "
        "print('httpx2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200).stdout == "False\n"


def test_one_transport_class_serves_both_if_httpx2_replaces_httpx():
    code = (
        "import httpx2; httpx2.alias_httpx(); import httpconn, httpx\n"
        "from httpconn.transport import HTTPTransport\n"
        "from httpconn.transport.httpx2 import HTTPTransport as Other\n"
        "for kind in (HTTPTransport, Other):\n"
        "    try:\n"
        "        with httpx2.Client(transport=kind()) as client: client.get('http://127.0.0.1:1/')\n"
        "    except httpconn.ConnectFailed as error: print(isinstance(error, httpx2.ConnectError))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")
