"""Bytes, text, JSON and responses from scripted servers, on sync, asyncio and trio."""

from __future__ import annotations

import copy
import gzip
import pickle
import sys
import zlib

import httpx
import pytest

import httpconn
from httpconn import ByteBudget, Limits, RetryPolicy, Timeouts
from tests.attacks.bombs import bomb
from tests.servers.application import DOCUMENT, TEXT, pattern
from tests.servers.scripted import Close, Drip, Forever, Pause, Reset, Stall, chunked, in_turn, response

AT_ONCE = RetryPolicy(backoff=0)
ONCE = RetryPolicy(attempts=1)


class TestRealApplication:
    """An ASGI application under uvicorn."""

    def test_bytes_text_and_json(self, face, connect, application):
        connection = connect()
        assert face.get_bytes(connection, f"{application}/bytes/100000") == pattern(100_000)
        assert face.get_bytes(connection, f"{application}/gzip/100000") == pattern(100_000)
        assert face.get_text(connection, f"{application}/text/latin-1") == TEXT
        assert face.get_json(connection, f"{application}/json") == DOCUMENT

    def test_redirects_are_followed(self, face, connect, application):
        assert face.get_json(connect(), f"{application}/redirect/5") == DOCUMENT

    def test_the_user_agent_can_be_set(self, face, connect, application):
        url = f"{application}/echo-headers"
        assert face.get_json(connect(), url)["user-agent"] == f"httpconn/{httpconn.__version__}"
        assert face.get_json(connect(user_agent="vLLM/0.12"), url)["user-agent"] == "vLLM/0.12"
        assert face.get_json(connect(), url, extra_headers={"User-Agent": "mine"})["user-agent"] == "mine"

    def test_headers_of_a_call_override_those_of_the_connection(self, face, connect, application):
        connection = connect(headers={"X-A": "1", "X-B": "1"})
        headers = face.get_json(connection, f"{application}/echo-headers", extra_headers={"x-b": "2"})
        assert (headers["x-a"], headers["x-b"]) == ("1", "2")

    def test_http2(self, face, connect, http2_server, certificates):
        connection = connect(http2=True, verify=str(certificates.files.authority))
        received = face.get_response(connection, f"{http2_server}/bytes/100000")
        assert (received.http_version, received.content) == ("HTTP/2", pattern(100_000))


class TestRequests:
    """The requests that a server receives."""

    @pytest.mark.parametrize(
        "target",
        [
            "/a%2Fb%2fc",
            "/?X-Amz-Signature=a+b%2Bc/d==&x=%20",
            '/?q="x"|y',
            "/a/../b/./c//d",
            "/%zz",
            "/{a}?b=[c]^`",
            "/?",
        ],
    )
    def test_the_server_gets_the_path_and_query_unchanged(self, face, connect, scripted, target):
        server = scripted(response(body=b"ok"))
        face.get_bytes(connect(), server.url_for(target))
        assert server.requests[0].target == target.encode()

    def test_the_target_of_a_redirect_arrives_as_browsers_send_it(self, face, connect, scripted):
        moved = b"HTTP/1.1 302 Found\r\nLocation: /b/../jos\xe9 {}?sig=a%2fb|+\r\nContent-Length: 0\r\n\r\n"
        server = scripted(in_turn([moved], response(body=b"ok")))
        face.get_bytes(connect(), server.url_for("/a"))
        assert server.requests[1].target == b"/jos%E9%20%7B%7D?sig=a%2fb|+"

    def test_a_request_has_one_of_each_header(self, face, connect, scripted):
        server = scripted(response())
        face.get_bytes(connect(), server.url_for("/"))
        names = [name.lower() for name, _ in server.requests[0].headers]
        assert sorted(names) == sorted(set(names))
        assert server.requests[0].header("Host") == f"127.0.0.1:{server.port}"

    def test_userinfo_is_sent_as_basic_authorization(self, face, connect, scripted):
        server = scripted(response())
        face.get_bytes(connect(), f"http://user:p%40ss@127.0.0.1:{server.port}/")
        assert server.requests[0].header("Authorization") == "Basic dXNlcjpwQHNz"

    def test_connections_are_kept_between_calls(self, face, connect, scripted):
        server = scripted(response(body=b"ok"))
        connection = connect()
        for _ in range(5):
            face.get_bytes(connection, server.url)
        assert server.connections == 1

    def test_cookies_are_not_stored(self, face, connect, scripted):
        server = scripted(response(headers={"Set-Cookie": "a=b; Path=/"}))
        connection = connect()
        face.get_bytes(connection, server.url)
        face.get_bytes(connection, server.url)
        assert server.requests[1].header("Cookie") is None

    def test_a_connection_closed_while_idle_is_replaced_silently(self, face, connect, scripted):
        server = scripted(response(body=b"ok"))
        connection = connect(retries=ONCE)
        face.get_bytes(connection, server.url)
        server.drop_connections()
        assert face.get_bytes(connection, server.url) == b"ok"
        assert server.connections == 2


class TestRedirects:
    """httpconn follows redirects itself; httpx does not."""

    def test_per_call_headers_stay_on_their_origin(self, face, connect, scripted):
        away = scripted(response(body=b"ok"))
        server = scripted(response(302, {"Location": away.url_for("/b")}))
        headers = {"Authorization": "Bearer x", "Cookie": "a=b", "X-API-Key": "k"}
        assert face.get_bytes(connect(headers={"X-Conn": "1"}), server.url, extra_headers=headers) == b"ok"
        assert server.requests[0].header("X-API-Key") == "k"
        sent = {name.lower() for name, _ in away.requests[0].headers}
        assert sent == {b"host", b"user-agent", b"accept", b"accept-encoding"}

    def test_a_redirects_body_is_never_read(self, face, connect, scripted):
        endless = [b"HTTP/1.1 302 Found\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n", Forever(b"1\r\nx\r\n")]
        server = scripted({"/a": endless, "/b": response(body=b"ok")})
        assert face.get_bytes(connect(), server.url_for("/a")) == b"ok"

    def test_the_response_has_the_history_and_the_final_url(self, face, connect, scripted):
        server = scripted(in_turn(response(301, {"Location": "/b"}), response(body=b"ok")))
        received = face.get_response(connect(), server.url_for("/a#part"))
        assert [hop.status_code for hop in received.history] == [301]
        assert str(received.url) == server.url_for("/b#part")

    def test_a_redirect_that_is_not_followed_is_a_response_without_content(self, face, connect, scripted):
        server = scripted(response(302, {"Location": "/b"}, body=b"not content"))
        connection = connect()
        assert face.get_response(connection, server.url, allow_redirects=False).status_code == 302
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url, allow_redirects=False)

    def test_a_loop_is_an_error(self, face, connect, scripted):
        server = scripted(response(302, {"Location": "/a"}))
        with pytest.raises(httpconn.TooManyRedirects):
            face.get_bytes(connect(), server.url_for("/a"))
        assert len(server.requests) == 21

    @pytest.mark.parametrize("location", ["", "/a", "#part"])
    def test_the_same_url_may_respond_differently_the_second_time(self, face, connect, scripted, location):
        server = scripted(in_turn(response(302, {"Location": location}), response(body=b"ok")))
        assert face.get_bytes(connect(), server.url_for("/a")) == b"ok"
        assert [request.target for request in server.requests] == [b"/a", b"/a"]

    def test_a_redirect_from_https_to_http_is_refused(self, face, connect, scripted, certificates):
        plain = scripted(response(body=b"secret"))
        server = scripted(response(302, {"Location": plain.url}), tls=certificates.good)
        with pytest.raises(httpconn.RedirectRefused):
            face.get_bytes(connect(verify=certificates.trust()), server.url)
        assert plain.connections == 0


class TestBodies:
    """A body is complete, limited and decoded, or the call raises an error."""

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_a_body_cut_at_any_byte_is_never_returned(self, face, connect, scripted, framing):
        whole = response(body=b"0123456789", framing=framing)
        server = scripted(lambda request: [whole[: int(request.path[1:])], Close()])
        connection = connect(retries=ONCE)
        # The very last line end may be missing: careless servers forget it, and the last chunk has said the end.
        for length in range(len(whole) - (2 if framing == "chunked" else 0)):
            with pytest.raises(httpconn.HTTPConnError) as caught:
                face.get_bytes(connection, server.url_for(f"/{length}"))
            assert isinstance(caught.value, (httpconn.ReadFailed, httpconn.TruncatedBody)), length

    def test_a_reset_in_the_body_is_retried(self, face, connect, scripted):
        broken = [response(headers={"Content-Length": "10"}, body=b"half"), Reset()]
        server = scripted(in_turn(broken, broken, response(body=b"0123456789")))
        assert face.get_bytes(connect(retries=AT_ONCE), server.url) == b"0123456789"

    def test_a_close_delimited_body_is_flagged(self, face, connect, scripted):
        server = scripted([response(body=b"all?", framing="close"), Close()])
        received = face.get_response(connect(), server.url)
        assert received.content == b"all?"
        assert received.close_delimited
        with pytest.raises(httpconn.ProtocolError):
            face.get_bytes(connect(limits=Limits(strict_framing=True)), server.url)

    @pytest.mark.parametrize(
        ("coding", "packed"),
        [
            ("gzip", gzip.compress(b"hello" * 1000, mtime=0)),  # without mtime=0, each run would have other test names
            ("x-gzip", gzip.compress(b"hello" * 1000, mtime=0)),
            ("deflate", zlib.compress(b"hello" * 1000)),
            ("deflate", zlib.compress(b"hello" * 1000)[2:-4]),
            ("gzip, gzip", gzip.compress(gzip.compress(b"hello" * 1000, mtime=0), mtime=0)),
            ("gzip, aws-chunked", gzip.compress(b"hello" * 1000, mtime=0) + b"\r\n"),
            ("identity", b"hello" * 1000),
            ("UTF-8, none", b"hello" * 1000),
        ],
    )
    def test_codings(self, face, connect, scripted, coding, packed):
        server = scripted(response(headers={"Content-Encoding": coding}, body=packed))
        assert face.get_bytes(connect(), server.url) == b"hello" * 1000

    @pytest.mark.parametrize("coding", ["compress", "gzip, gzip, gzip", "gzip, exi"])
    def test_a_coding_that_cannot_be_decoded_is_an_error(self, face, connect, scripted, coding):
        server = scripted(response(headers={"Content-Encoding": coding}, body=gzip.compress(b"x")))
        with pytest.raises(httpconn.DecodingError):
            face.get_bytes(connect(), server.url)

    def test_a_truncated_gzip_is_an_error(self, face, connect, scripted):
        server = scripted(response(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"hello")[:-1]))
        with pytest.raises(httpconn.DecodingError):
            face.get_bytes(connect(), server.url)

    def test_a_compression_bomb_stops_at_the_ratio(self, face, connect, scripted):
        server = scripted(response(headers={"Content-Encoding": "gzip"}, body=bomb("gzip")))
        with pytest.raises(httpconn.LimitExceeded, match="times its size"):
            face.get_bytes(connect(), server.url)

    def test_a_declared_length_above_the_limit_fails_before_the_body(self, face, connect, scripted):
        server = scripted([response(headers={"Content-Length": "11"}), Stall()])
        with pytest.raises(httpconn.LimitExceeded, match="declares 11"):
            face.get_bytes(connect(), server.url, max_bytes=10)

    @pytest.mark.parametrize("method", ["get_bytes", "get_text", "get_json", "get_response", "download_file"])
    def test_an_endless_body_ends_at_the_limit_on_every_method(self, face, connect, scripted, tmp_path, method):
        endless = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Forever(chunked(b"x" * 5000)[:-5])]
        server = scripted(endless)
        path = [tmp_path / "file"] if method == "download_file" else []
        with pytest.raises(httpconn.LimitExceeded):
            face.call(connect(), method, server.url, *path, max_bytes=100_000)
        with pytest.raises(httpconn.LimitExceeded):
            face.call(connect(), method, server.url, *path, budget=ByteBudget(100_000))
        assert list(tmp_path.iterdir()) == []

    def test_a_budget_is_shared_by_calls(self, face, connect, scripted):
        server = scripted(response(body=b"x" * 60))
        connection, budget = connect(), ByteBudget(100)
        face.get_bytes(connection, server.url, budget=budget)
        with pytest.raises(httpconn.LimitExceeded):
            face.get_bytes(connection, server.url, budget=budget)

    def test_headers_are_limited_in_number_and_size(self, face, connect, scripted):
        many = {f"X-{number}": "x" for number in range(200)}
        server = scripted({"/many": response(headers=many), "/large": response(headers={"X": "x" * 70_000})})
        for path in ("/many", "/large"):
            with pytest.raises(httpconn.LimitExceeded, match="header"):
                face.get_bytes(connect(), server.url_for(path))

    def test_an_unrequested_part_is_an_error(self, face, connect, scripted, tmp_path):
        parts = ["bytes 0-1/10", "bytes 0-1/*", "bytes 1-2/3", "bytes 0-2/3", "bytes */2", "items 0-1/2", ""]
        server = scripted(lambda request: response(206, {"Content-Range": parts[int(request.path[1:])]}, body=b"ab"))
        for number, part in enumerate(parts):
            with pytest.raises(httpconn.ProtocolError):
                face.get_bytes(connect(retries=0), server.url_for(f"/{number}"))
            with pytest.raises(httpconn.ProtocolError):
                face.download_file(connect(retries=0), server.url_for(f"/{number}"), tmp_path / "file")
            assert list(tmp_path.iterdir()) == [], part

    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    def test_an_unrequested_part_that_is_the_whole_file_is_content(self, face, connect, scripted, tmp_path, framing):
        server = scripted([response(206, {"Content-Range": "bytes 0-1/2"}, body=b"ab", framing=framing), Close()])
        assert face.get_bytes(connect(), server.url) == b"ab"
        assert face.download_file(connect(), server.url, tmp_path / "file").read_bytes() == b"ab"

    @pytest.mark.parametrize("body", [b"a", b"abc"])
    def test_a_part_of_another_length_than_its_content_range_is_an_error(self, face, connect, scripted, body):
        server = scripted(response(206, {"Content-Range": "bytes 0-1/2"}, body=body, framing="chunked"))
        with pytest.raises(httpconn.ProtocolError):
            face.get_bytes(connect(retries=0), server.url)


class TestTime:
    """Every wait ends."""

    @pytest.mark.parametrize(
        "script",
        [
            [Stall()],
            [b"HTTP/1.1 200 OK\r\n", Stall()],
            [Drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000)],
            [response(headers={"Content-Length": "10000"}), Stall()],
            [response(headers={"Content-Length": "10000"}), Drip(b"x" * 10_000)],
            [Drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, size=25)],
        ],
        ids=["nothing", "half a header", "dripped header", "no body", "dripped body", "interim flood"],
    )
    def test_a_call_ends_within_its_total(self, face, connect, scripted, script):
        with pytest.raises((httpconn.DeadlineExceeded, httpconn.ProtocolError)):
            face.get_bytes(connect(), scripted(script).url, timeout=0.15)

    def test_a_read_timeout_is_a_read_timed_out_error(self, face, connect, scripted):
        server = scripted([Stall()])
        with pytest.raises(httpconn.ReadTimedOut) as caught:
            face.get_bytes(connect(retries=ONCE), server.url, timeout=Timeouts(read=0.1))
        assert isinstance(caught.value, httpx.ReadTimeout)
        assert caught.value.retryable

    def test_a_dripped_header_does_not_outlast_the_read_timeout(self, face, connect, scripted):
        server = scripted([Drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000)])
        with pytest.raises(httpconn.ReadTimedOut):
            face.get_bytes(connect(retries=ONCE), server.url, timeout=Timeouts(read=0.2, total=None))

    def test_a_slow_body_is_an_error(self, face, connect, scripted):
        server = scripted([response(headers={"Content-Length": "10000"}), Drip(b"x" * 10_000, every=0.02)])
        limits = Limits(min_speed=10_000, speed_window=0.2)
        with pytest.raises(httpconn.TooSlow):
            face.get_bytes(connect(limits=limits, retries=ONCE), server.url)

    def test_a_timeout_is_retried(self, face, connect, scripted):
        server = scripted(in_turn([Stall()], response(body=b"ok")))
        assert face.get_bytes(connect(retries=AT_ONCE), server.url, timeout=Timeouts(read=0.2)) == b"ok"


class TestRetries:
    """Retries of GET, which is safe to repeat (RFC 9110 section 9.2.2)."""

    @pytest.mark.parametrize("fault", [[Close()], [Reset()], [b"HTTP/1.1 2", Close()], response(503), response(429)])
    def test_transient_failures_are_retried(self, face, connect, scripted, fault):
        server = scripted(in_turn(fault, fault, response(body=b"ok")))
        assert face.get_bytes(connect(retries=AT_ONCE), server.url) == b"ok"
        assert len(server.requests) == 3

    def test_get_response_returns_the_last_response(self, face, connect, scripted):
        server = scripted(response(503, body=b"busy"))
        received = face.get_response(connect(retries=AT_ONCE), server.url)
        assert (received.status_code, received.content) == (503, b"busy")
        assert len(server.requests) == 3
        with pytest.raises(httpconn.StatusError):
            received.raise_for_status()

    def test_a_refused_connection_is_an_error(self, face, connect, scripted):
        with scripted(b"") as gone:
            url = gone.url
        with pytest.raises(httpconn.ConnectFailed) as caught:
            face.get_bytes(connect(retries=AT_ONCE), url)
        assert caught.value.attempts == 3

    def test_a_name_that_does_not_resolve(self, face, connect):
        with pytest.raises(httpconn.ConnectFailed):
            face.get_bytes(connect(retries=0), "http://no-such-host.invalid/")


class TestOrder:
    """The status is handled before the limits of the body."""

    @pytest.mark.parametrize(
        "busy", [response(503, body=b"x" * 5000), response(503, {"Content-Encoding": "unknown"}, body=b"x")]
    )
    def test_a_large_or_odd_error_page_does_not_stop_retries(self, face, connect, scripted, busy):
        server = scripted(in_turn(busy, response(body=b"ok")))
        assert face.get_bytes(connect(retries=AT_ONCE), server.url, max_bytes=100) == b"ok"

    def test_a_large_error_page_is_a_status(self, face, connect, scripted):
        server = scripted(response(404, body=b"x" * 5000))
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connect(), server.url, max_bytes=100)

    def test_an_empty_close_delimited_body_with_a_coding_is_truncated(self, face, connect, scripted):
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
        whole = [head + gzip.compress(b"hello"), Close()]
        server = scripted(in_turn([head, Close()], [head + gzip.compress(b"hello")[:-3], Close()], whole))
        assert face.get_bytes(connect(retries=AT_ONCE), server.url) == b"hello"

    def test_an_empty_body_with_a_coding_and_a_length_is_empty(self, face, connect, scripted):
        server = scripted(response(headers={"Content-Encoding": "gzip"}))
        assert face.get_bytes(connect(), server.url) == b""


class TestText:
    """Text and JSON in all charsets, without exceptions of codecs."""

    @pytest.mark.parametrize("charset", ["zip", "rot13", "idna", "utf-7", "\\x00", "undefined", "x" * 1000, ""])
    def test_an_unknown_charset_is_utf8(self, face, connect, scripted, charset):
        server = scripted(response(headers={"Content-Type": f"text/plain; charset={charset}"}, body="é".encode()))
        assert face.get_text(connect(), server.url) == "é"
        assert face.get_response(connect(), server.url).text == "é"

    def test_two_content_types_and_a_label_of_browsers(self, face, connect, scripted):
        fields = b'Content-Type: text/plain; charset=" X-SJIS\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n'
        server = scripted([b"HTTP/1.1 200 OK\r\n" + fields + b"\x87\x40"])
        assert face.get_text(connect(), server.url) == "\u2460"
        assert face.get_response(connect(), server.url).text == "\u2460"

    def test_undecodable_bytes_are_replaced(self, face, connect, scripted):
        server = scripted(response(body=b"a\xff"))
        assert face.get_text(connect(), server.url) == "a\ufffd"

    @pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"[" * 100_000, b"1" * 5000, b"\xff\xfe", b'{"a": secret}'])
    def test_invalid_json_is_one_error(self, face, connect, scripted, body):
        server = scripted(response(body=body))
        with pytest.raises(httpconn.InvalidJSON) as caught:
            face.get_json(connect(), server.url)
        assert len(str(caught.value)) < 600
        with pytest.raises(httpconn.InvalidJSON):
            face.get_response(connect(), server.url).json()

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
    def test_json_in_its_encodings(self, face, connect, scripted, encoding):
        server = scripted(response(body='{"a": "é"}'.encode(encoding)))
        assert face.get_json(connect(), server.url) == {"a": "é"}


class TestResponses:
    """The response, a subclass of httpx.Response."""

    def test_it_is_an_httpx_response(self, face, connect, scripted):
        server = scripted(response(404, {"X-A": "b", "Content-Type": "text/plain"}, body=b"no", reason="Nope"))
        received = face.get_response(connect(), server.url)
        assert isinstance(received, httpx.Response)
        assert (received.status_code, received.reason_phrase, received.headers["x-a"], received.text) == (
            404,
            "Nope",
            "b",
            "no",
        )
        assert received.elapsed.total_seconds() >= 0
        with pytest.raises(httpx.HTTPStatusError):
            received.raise_for_status()

    def test_a_streamed_body_is_received_on_demand(self, face, connect, scripted):
        packed = gzip.compress(b"0123456789" * 1000)
        server = scripted(response(headers={"Content-Encoding": "gzip"}, body=packed))
        connection = connect()
        received = face.get_response(connection, server.url, stream=True)
        assert not received.is_closed
        assert b"".join(face.iter_bytes(received)) == b"0123456789" * 1000
        assert received.is_closed
        received = face.get_response(connection, server.url, stream=True)
        assert b"".join(face.iterate(received, "iter_raw")) == packed
        received = face.get_response(connection, server.url, stream=True)
        pieces = list(face.iterate(received, "iter_bytes", 4096))
        assert [len(piece) for piece in pieces] == [4096, 4096, 1808]
        received = face.get_response(connection, server.url, stream=True)
        assert face.read(received) == received.content == b"0123456789" * 1000
        assert server.connections == 1

    def test_lines_and_text_of_a_stream(self, face, connect, scripted):
        server = scripted(response(body="ä\nb\n".encode()))
        received = face.get_response(connect(), server.url, stream=True)
        assert list(face.iterate(received, "iter_lines")) == ["ä", "b"]

    @pytest.mark.parametrize("stream", [True, False])
    def test_streamed_text_equals_the_whole_text(self, face, connect, scripted, stream):
        marked, bare = "/marked", "/bare"
        header = {"Content-Type": "text/plain; charset=utf-16"}
        native = f"utf-16-{sys.byteorder[0]}e"  # utf-16 itself is refused by Python's incremental decoder
        server = scripted(
            {
                marked: response(headers=header, body="\ufeffäbc".encode("utf-16-be")),
                bare: response(headers=header, body="äbc".encode(native)),
            }
        )
        for path in (marked, bare):
            received = face.get_response(connect(), server.url + path, stream=stream)
            assert "".join(face.iterate(received, "iter_text")) == "äbc"
            received = face.get_response(connect(), server.url + path, stream=stream)
            assert list(face.iterate(received, "iter_text", 2)) == ["äb", "c"]

    def test_a_streamed_body_is_bounded_too(self, face, connect, scripted):
        server = scripted(response(headers={"Content-Encoding": "gzip"}, body=bomb("gzip")))
        received = face.get_response(connect(), server.url, stream=True, max_bytes=1_000_000)
        with pytest.raises(httpconn.LimitExceeded):
            face.read(received)
        assert received.is_closed

    def test_leaving_the_block_closes_the_response(self, face, connect, scripted):
        server = scripted([response(headers={"Content-Length": "10"}, body=b"half"), Stall()])
        connection = connect()
        with face.enter(face.get_response(connection, server.url, stream=True)) as received:
            assert received.status_code == 200
        assert received.is_closed
        server.wait_for(lambda: server.open_connections == 0)

    def test_the_deadline_holds_while_a_stream_is_read(self, face, connect, scripted):
        server = scripted([response(headers={"Content-Length": "10"}, body=b"half"), Stall()])
        received = face.get_response(connect(), server.url, stream=True, timeout=0.3)
        with pytest.raises(httpconn.DeadlineExceeded):
            face.read(received)

    def test_a_slow_reader_does_not_cause_a_timeout(self, face, connect, scripted):
        server = scripted([response(headers={"Content-Length": "4"}, body=b"ha"), Pause(0.3), b"lf"])
        connection = connect(limits=Limits(min_speed=10**9, speed_window=0.1))
        assert face.read(face.get_response(connection, server.url, stream=True)) == b"half"

    @pytest.mark.parametrize("size", [0, -1, 2.5, True])
    @pytest.mark.parametrize("stream", [False, True])
    def test_an_invalid_chunk_size_is_an_error(self, face, connect, scripted, size, stream):
        received = face.get_response(connect(), scripted(response(body=b"x" * 5000)).url, stream=stream)
        with pytest.raises(httpconn.InvalidRequest):
            list(face.iterate(received, "iter_bytes", size))
        face.close(received)

    def test_an_error_of_a_stream_names_its_url(self, face, connect, scripted):
        server = scripted([response(headers={"Content-Length": "10"}, body=b"half"), Close()])
        received = face.get_response(connect(), server.url_for("/?sig=secret"), stream=True)
        with pytest.raises(httpconn.TruncatedBody) as caught:
            face.read(received)
        assert (caught.value.attempts, caught.value.url) == (1, server.url_for("/?sig=***"))
        assert caught.value.request is received.request

    def test_it_counts_and_times_as_httpx_does(self, face, connect, scripted):
        packed = gzip.compress(b"0123456789" * 1000)
        server = scripted(response(headers={"Content-Encoding": "gzip"}, body=packed))
        received = face.get_response(connect(), server.url, stream=True)
        assert received.num_bytes_downloaded == 0
        face.read(received)
        assert received.num_bytes_downloaded == len(packed)
        assert received.elapsed.total_seconds() >= 0

    def test_its_text_follows_the_encoding_that_is_set(self, face, connect, scripted):
        received = face.get_response(connect(), scripted(response(body="\ufeffhé".encode())).url)
        assert (received.encoding, received.text) == ("utf-8", "hé")
        assert received.text == "hé"
        received.encoding = "latin-1"
        assert received.text == "ï»¿hÃ©"

    def test_json_takes_the_options_of_the_decoder(self, face, connect, scripted):
        received = face.get_response(connect(), scripted(response(body=b"[1.5")).url)
        with pytest.raises(httpconn.InvalidJSON):
            received.json(parse_float=str)
        received = face.get_response(connect(), scripted(response(body=b"[1.5]")).url)
        assert received.json(parse_float=str) == ["1.5"]

    def test_a_response_can_be_pickled_and_copied(self, face, connect, scripted):
        received = face.get_response(connect(), scripted(response(body=b"ok")).url)
        for again in (pickle.loads(pickle.dumps(received)), copy.deepcopy(received)):
            assert (again.status_code, again.content, again.text) == (200, b"ok", "ok")

    def test_a_loop_over_a_stream_can_be_left(self, face, connect, scripted):
        server = scripted([response(headers={"Content-Length": "10"}, body=b"half"), Stall()])
        received = face.get_response(connect(), server.url, stream=True)

        async def some():
            async for piece in received.aiter_bytes():
                return piece
            return None

        piece = face.run(some) if face.is_async else next(received.iter_bytes())
        assert piece == b"half"
        face.close(received)
        server.wait_for(lambda: server.open_connections == 0)


class TestHooks:
    """Event hooks, as in httpx."""

    def test_hooks_see_every_hop(self, face, connect, scripted):
        seen = []
        server = scripted(in_turn(response(302, {"Location": "/b"}), response(body=b"ok")))
        hooks = {
            "request": [lambda request: seen.append(request.url.path)],
            "response": [lambda received: seen.append(received.status_code)],
        }
        face.get_bytes(connect(event_hooks=hooks), server.url_for("/a"))
        assert seen == ["/a", 302, "/b", 200]

    def test_a_hook_that_raises_ends_the_call_with_its_error(self, face, connect, scripted):
        class Stop(Exception):
            pass

        def stop(_):
            raise Stop

        server = scripted(response(body=b"ok"))
        connection = connect(event_hooks={"response": [stop]}, limits=Limits(max_connections=1))
        for _ in range(3):
            with pytest.raises(Stop):
                face.get_bytes(connection, server.url, timeout=100)

    def test_a_hook_may_read_the_body(self, face, connect, scripted):
        packed = gzip.compress(b"hello")
        server = scripted(lambda request: response(headers={"Content-Encoding": "gzip"}, body=packed))
        read = []

        async def aread(received):
            read.append(await received.aread())

        hook = aread if face.is_async else lambda received: read.append(received.read())
        connection = connect(event_hooks={"response": [hook]})
        for _ in range(3):
            assert face.get_bytes(connection, server.url, timeout=100) == b"hello"
        assert read == [b"hello"] * 3

    def test_unknown_events_are_refused(self):
        with pytest.raises(httpconn.InvalidRequest):
            httpconn.HTTPConnection(event_hooks={"unheard": []})
