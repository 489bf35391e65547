"""Bodies on the wire: early responses, changing files, proxies and HTTP/2, on sync, asyncio and trio."""

from __future__ import annotations

import io
import socket
import threading
from array import array
from concurrent.futures import ThreadPoolExecutor

import anyio
import hyperframe.frame as frames
import pytest

import httpconn
from httpconn import RetryPolicy, Timeouts
from httpconn.runtime.uploads import FileParts
from httpconn.transport import AsyncHTTPTransport, HTTPTransport
from tests.api.uploads import LARGE, OneShot, endless, then_echo
from tests.http.frames import STATUS, literal, respond_on, responding_http2_peer
from tests.network.test_proxies import socks_proxy
from tests.servers.scripted import Close, Pause, Stall, Until, response

AT_ONCE = RetryPolicy(backoff=0)


def refuse_then_accept(listener):
    """Refuse the first request without reading its body, and respond to the first one on another connection."""
    first, _ = listener.accept()
    with first:
        first.recv(100)
        first.sendall(response(413))
        second, _ = listener.accept()
        with second:
            second.recv(10_000)
            second.sendall(response(body=b"ok"))


class TestEarlyResponses:
    """Servers that respond before they have read the body, or never read it."""

    def test_a_real_server_that_refuses_a_body(self, face, connect, application, http2_server, certificates):
        for url in (application, http2_server):
            connection = connect(http2=True, verify=certificates.trust())
            received = face.request(connection, "POST", f"{url}/refuse", content=LARGE)
            assert (received.status_code, received.content) == (413, b"too large")

    @pytest.mark.parametrize("status", [401, 413, 503])
    def test_a_server_that_responds_and_stops_reading(self, face, connect, scripted, status):
        done = threading.Event()
        server = scripted([response(status, body=b"no"), Until(done)])
        connection, parts = connect(), OneShot(endless())
        received = face.request(connection, "POST", server.url, content=parts)
        assert (received.status_code, received.content) == (status, b"no")
        assert connection.stats().connections.open == 0
        done.set()

    def test_a_server_that_responds_slowly_while_the_body_waits(self, face, connect, scripted):
        done = threading.Event()
        server = scripted([Pause(0.1), b"HTTP/1.1 413 X\r\nContent-Le", Pause(0.1), b"ngth: 2\r\n\r\nno", Until(done)])
        received = face.request(connect(), "POST", server.url, content=OneShot(endless()))
        assert (received.status_code, received.content) == (413, b"no")
        done.set()

    def test_a_server_that_responds_and_closes(self, face, connect, scripted):
        server = scripted([response(413, body=b"no"), Close()])
        assert face.request(connect(), "POST", server.url, content=OneShot(endless())).content == b"no"

    def test_a_generator_is_closed(self, face, connect, scripted):
        closed, started = [], threading.Event()

        def parts():
            try:
                started.set()
                yield from endless()
            finally:
                closed.append(True)

        server = scripted([Until(started), response(413), Stall()])
        face.request(connect(), "POST", server.url, content=parts())
        assert closed == [True]

    def test_the_body_is_sent_to_its_end_after_an_early_success(self, face, connect, scripted):
        sent = OneShot([b"x" * 100_000] * 50)
        server = scripted([b"HTTP/1.1 100 Continue\r\n\r\n", response(body=b"accepted"), Stall()])
        connection = connect()
        assert face.request(connection, "POST", server.url, content=sent).content == b"accepted"
        assert sent.taken == 50

    def test_a_success_is_delivered_if_the_server_then_stops_reading(self, face, connect, scripted):
        done = threading.Event()
        server = scripted([response(body=b"ok"), Until(done)])
        connection, timeout = connect(), Timeouts(write=0.2)
        received = face.request(connection, "POST", server.url, content=OneShot(endless()), timeout=timeout)
        assert (received.content, connection.stats().connections.open) == (b"ok", 0)
        done.set()

    def test_no_request_follows_a_request_that_was_not_sent_to_its_end(self, face, connect):
        with socket.socket() as listener, ThreadPoolExecutor(1) as threads:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.settimeout(30)
            server = threads.submit(refuse_then_accept, listener)
            small = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)]
            transports = HTTPTransport(socket_options=small), AsyncHTTPTransport(socket_options=small)
            connection = connect(transport=transports[0], async_transport=transports[1], retries=0)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            assert face.request(connection, "POST", url, content=b"x" * 60_000).status_code == 413
            assert face.get_bytes(connection, url) == b"ok"
            server.result()

    def test_a_call_to_a_server_that_never_reads_ends_at_the_write_timeout(self, face, connect, scripted):
        done = threading.Event()
        server = scripted([Until(done)])
        with pytest.raises(httpconn.WriteTimedOut):
            face.request(
                connect(retries=0), "POST", server.url, content=OneShot(endless()), timeout=Timeouts(write=0.2)
            )
        done.set()

    def test_a_call_to_a_server_that_never_reads_ends_at_the_deadline(self, face, connect, scripted):
        done = threading.Event()
        server = scripted([Until(done)])
        with pytest.raises(httpconn.DeadlineExceeded):
            face.request(connect(retries=0), "POST", server.url, content=OneShot(endless()), timeout=0.3)
        done.set()

    def test_a_body_that_never_arrives_ends_at_the_deadline(self, connect, scripted):
        server = scripted(response())

        async def never():
            yield b"x"
            await anyio.sleep_forever()

        async def send():
            async with httpconn.HTTPConnection() as connection:
                with pytest.raises(httpconn.DeadlineExceeded):
                    await connection.async_request("POST", server.url, content=never(), timeout=0.3)

        for backend in ("asyncio", "trio"):
            anyio.run(send, backend=backend)


class Growing(io.BytesIO):
    """A file that has another size when it is read than when it was opened."""

    def __init__(self, content, change):
        super().__init__(content)
        self._change = change

    def read(self, size=-1):
        change, self._change = self._change, None
        if change is not None:
            position = self.tell()
            self.seek(0)
            self.truncate()
            self.write(change)
            self.seek(position)
        return super().read(size)


class TestChangingBodies:
    """Bodies that differ from the declared length, or break off."""

    @pytest.mark.parametrize("change", [b"short", b"x" * 200_000])
    @pytest.mark.parametrize("form", [False, True])
    def test_a_file_that_changes(self, face, connect, scripted, change, form):
        seen = []
        server = scripted(lambda request: seen.append(request) or response(body=b"ok"))
        connection, file = connect(retries=AT_ONCE), Growing(b"x" * 100_000, change)
        given = {"files": {"f": file}} if form else {"content": file}
        with pytest.raises(httpconn.MalformedRequest, match="has changed while it was sent"):
            face.request(connection, "PUT", server.url, **given)
        assert face.get_bytes(connection, server.url) == b"ok"
        assert [each.method for each in seen] == ["GET"]

    @pytest.mark.parametrize("error", [OSError(5, "disk"), ValueError("closed")])
    def test_a_file_that_cannot_be_read(self, face, connect, scripted, error):
        class Broken(io.BytesIO):
            def read(self, size=-1):
                raise error

        with pytest.raises(httpconn.StorageError, match="could not be read"):
            face.request(connect(retries=AT_ONCE), "PUT", scripted(response()).url, content=Broken(b"x"))

    def test_an_error_of_a_generator_is_raised_unchanged(self, face, connect, scripted):
        def parts():
            yield b"x"
            raise LookupError("mine")

        server, connection = scripted(response(body=b"ok")), connect(retries=AT_ONCE)
        with pytest.raises(LookupError, match="mine"):
            face.request(connection, "PUT", server.url, content=parts())
        assert face.get_bytes(connection, server.url) == b"ok"

    @pytest.mark.parametrize("part", ["text", 5, None])
    def test_a_part_that_is_not_bytes(self, face, connect, scripted, part):
        with pytest.raises(httpconn.MalformedRequest, match="must consist of bytes"):
            face.request(connect(), "PUT", scripted(response()).url, content=[b"x", part])

    @pytest.mark.parametrize("view", [memoryview(array("I", [1, 2])), memoryview(b"a-b-c-")[::2]])
    def test_a_part_is_as_long_as_its_bytes(self, face, connect, application, view):
        for content in (view, [view, b"end"]):
            received = face.request(connect(), "PUT", f"{application}/echo", content=content).content
            assert received == bytes(view) + (b"" if content is view else b"end")

    def test_a_released_view(self, face, connect, scripted):
        view = memoryview(b"x")
        view.release()
        for content in (view, [view]):
            with pytest.raises(httpconn.MalformedRequest, match="released"):
                face.request(connect(), "PUT", scripted(response()).url, content=content)

    def test_the_next_attempt_reads_a_file_while_the_last_one_still_does(self):
        parts = FileParts(io.BytesIO(LARGE))
        late = iter(parts)
        begun = [next(late)]
        attempt = iter(parts)
        read = [next(attempt)]
        begun.append(next(late))
        assert b"".join([*read, *attempt]) == b"".join([*begun, *late]) == LARGE


class TestProxies:
    """Bodies through proxies."""

    @pytest.mark.parametrize("kind", ["bytes", "list"])
    def test_a_forwarded_body_is_sent_again_after_a_challenge(self, face, connect, scripted, kind):
        challenge = response(407, {"Proxy-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})
        proxy = scripted(then_echo(challenge))
        connection = connect(proxy=httpconn.Proxy(proxy.url, auth=("u", "p")))
        content = b"body" if kind == "bytes" else io.BytesIO(b"body")
        received = face.request(connection, "POST", "http://example.com/", content=content)
        assert received.json()[2] == "body"
        assert proxy.requests[1].header("proxy-authorization").startswith("Digest ")

    def test_a_real_proxy(self, face, connect, application, proxy_server):
        connection = connect(proxy=proxy_server.url)
        received = face.request(connection, "POST", f"{application}/echo", content=[LARGE, b"end"])
        assert received.content == LARGE + b"end"

    def test_a_tunnel(self, face, connect, http2_server, proxy_server, certificates):
        connection = connect(proxy=proxy_server.url, verify=certificates.trust())
        received = face.request(connection, "POST", f"{http2_server}/echo", content=io.BytesIO(LARGE))
        assert received.content == LARGE

    def test_socks(self, face, connect, application):
        with socks_proxy(b"\x05\x00\x00\x01\0\0\0\0\0\0") as proxy:
            connection = connect(proxy=proxy.url)
            received = face.request(connection, "POST", f"{application}/echo", content=[LARGE, b"end"])
            assert received.content == LARGE + b"end"
            face.close(connection)


def together(face, connection, bodies, url):
    """Send bodies at the same time, and return the errors."""
    errors, options = [], {"timeout": Timeouts(write=0.5)}

    def send(body):
        try:
            connection.request("POST", url, content=body, **options)
        except httpconn.HTTPConnError as error:
            errors.append(error)

    async def send_async(body):
        try:
            await connection.async_request("POST", url, content=body, **options)
        except httpconn.HTTPConnError as error:
            errors.append(error)

    async def send_all():
        async with anyio.create_task_group() as group:
            for body in bodies:
                group.start_soon(send_async, body)

    if face.is_async:
        face.run(send_all)
    else:
        with ThreadPoolExecutor(len(bodies)) as threads:
            list(threads.map(send, bodies))
    return errors


class TestHTTP2:
    """Bodies on streams."""

    def test_a_file_is_sent_again_if_the_server_has_not_processed_it(self, face, connect, certificates):
        bodies = []

        def take_one(send, stream):
            bodies.append(stream)
            goaway = frames.GoAwayFrame(0, last_stream_id=1).serialize()
            send(respond_on(stream) if stream == 1 else goaway)

        with responding_http2_peer(certificates, frames.SettingsFrame(0).serialize(), take_one) as url:
            connection = connect(http2=True, verify=certificates.trust())
            face.get_bytes(connection, url)
            received = face.request(connection, "POST", url, content=io.BytesIO(b"body"), retries=0)
            assert (received.content, bodies) == (b"late", [1, 3, 1])
            face.close(connection)

    def test_an_early_response_ends_a_body_without_a_window(self, face, connect, certificates):
        def refuse(send, stream):
            head = frames.HeadersFrame(stream, literal(STATUS, b"413"), flags=["END_HEADERS"])
            send(head.serialize() + frames.DataFrame(stream, b"no", flags=["END_STREAM"]).serialize())

        with responding_http2_peer(certificates, frames.SettingsFrame(0).serialize(), refuse) as url:
            connection = connect(http2=True, verify=certificates.trust())
            for _ in range(2):
                received = face.request(connection, "POST", url, content=OneShot(endless()))
                assert (received.status_code, received.content) == (413, b"no")
            face.close(connection)

    def test_bodies_wait_for_a_server_that_stops_reading(self, face, connect, certificates):
        window, stopped = 2**31 - 1, threading.Event()
        opened = frames.WindowUpdateFrame(0, window_increment=window - 65535).serialize()
        wide = frames.SettingsFrame(0, settings={4: window}).serialize() + opened
        bodies = [OneShot([bytes(1 << 20)] * 40) for _ in range(2)]
        with responding_http2_peer(certificates, wide, lambda send, stream: stopped.wait(30)) as url:
            connection = connect(http2=True, verify=certificates.trust(), retries=0)
            errors = together(face, connection, bodies, url)
            stopped.set()
            face.close(connection)
        assert [type(error) for error in errors] == [httpconn.WriteTimedOut] * 2
        assert max(body.taken for body in bodies) < 20

    def test_a_buffer_may_be_filled_again(self, face, connect, http2_server, certificates):
        def parts():
            buffer = bytearray(100_000)
            for number in range(20):
                buffer[:] = bytes([number]) * len(buffer)
                yield memoryview(buffer)

        connection = connect(http2=True, verify=certificates.trust())
        received = face.request(connection, "PUT", f"{http2_server}/echo", content=parts()).content
        assert received == b"".join(bytes([number]) * 100_000 for number in range(20))

    def test_a_call_to_a_server_that_opens_no_window_ends_at_the_write_timeout(self, face, connect, certificates):
        with responding_http2_peer(certificates, frames.SettingsFrame(0).serialize(), lambda send, stream: None) as url:
            connection = connect(http2=True, verify=certificates.trust(), retries=0)
            with pytest.raises(httpconn.WriteTimedOut):
                face.request(connection, "POST", url, content=LARGE, timeout=Timeouts(write=0.2))
            face.close(connection)
