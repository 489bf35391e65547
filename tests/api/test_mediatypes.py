"""Accepted media types and ``data:`` URLs, on sync, asyncio and trio."""

from __future__ import annotations

import gzip

import httpx
import pytest

import httpconn
from httpconn import AccessPolicy, InvalidRequest, InvalidURL, LimitExceeded, UnexpectedContent
from httpconn.core.dataurls import content_of, data_url
from tests.api.test_many import collect
from tests.servers.scripted import Close, Forever, Stall, in_turn, redirect, response

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
HTML = b"<!DOCTYPE html><title>Sign in</title>"
WITH_DATA = AccessPolicy.public_internet(
    schemes={"http", "https", "data"}, allowed_networks=["127.0.0.0/8"], own_interfaces=True
)


def of_type(kind, body, **headers):
    return response(headers={"Content-Type": kind, **headers}, body=body)


class TestAccept:
    """The first bytes determine the type of a body."""

    @pytest.mark.parametrize("method", ["get_bytes", "get_text", "get_json", "get_response"])
    def test_another_type_is_an_error_without_a_retry(self, connect, face, scripted, method):
        server = scripted(of_type("image/png", HTML))
        with pytest.raises(UnexpectedContent, match=r"text/html, declared as image/png.*image/\*"):
            face.call(connect(), method, server.url, accept={"image/*"})
        assert len(server.requests) == 1
        assert server.requests[0].header("Accept") == "image/*"

    @pytest.mark.parametrize("size", [0, 7, 1444, 1445, 5000])
    @pytest.mark.parametrize("coding", [None, "gzip"])
    def test_a_body_of_the_type_is_returned_unchanged(self, connect, face, scripted, size, coding):
        body = PNG[:8] + bytes(size)
        wire, fields = (gzip.compress(body), {"Content-Encoding": "gzip"}) if coding else (body, {})
        server = scripted(of_type("application/octet-stream", wire, **fields))
        connection = connect()
        options = {"accept": ["image/png", "image/webp"], "extra_headers": {"accept": "image/webp"}}
        assert face.call(connection, "get_bytes", server.url, **options) == body
        assert face.get_response(connection, server.url, **options).content == body
        with face.enter(face.get_response(connection, server.url, stream=True, **options)) as streamed:
            assert b"".join(face.iterate(streamed, "iter_bytes")) == body
        assert {request.header("Accept") for request in server.requests} == {"image/webp"}
        assert len({request.connection for request in server.requests}) == 1

    def test_raw_bytes_are_those_on_the_wire_or_an_error(self, connect, face, scripted):
        plain, packed = (
            of_type("image/png", PNG),
            of_type("image/png", gzip.compress(PNG), **{"Content-Encoding": "gzip"}),
        )
        server = scripted(in_turn(plain, packed))
        connection = connect()
        with face.enter(face.get_response(connection, server.url, stream=True, accept="image/*")) as streamed:
            assert b"".join(face.iterate(streamed, "iter_raw")) == PNG
        with (
            face.enter(face.get_response(connection, server.url, stream=True, accept="image/*")) as streamed,
            pytest.raises(InvalidRequest, match="accept="),
        ):
            list(face.iterate(streamed, "iter_raw"))

    @pytest.mark.parametrize("rest", [Forever(b"x" * 65536), Stall()])
    @pytest.mark.parametrize("stream", [False, True])
    def test_the_rest_of_a_body_of_another_type_is_not_read(self, connect, face, scripted, rest, stream):
        server = scripted([b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n" + HTML + bytes(1445), rest])
        with pytest.raises(UnexpectedContent):
            face.get_response(connect(), server.url, accept="image/*", stream=stream, timeout=100)

    def test_a_short_body_is_not_accepted_as_a_whole_body(self, connect, face, scripted):
        server = scripted([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + PNG[:20], Close()])
        with pytest.raises(httpconn.TruncatedBody):
            face.get_bytes(connect(retries=0), server.url, accept="image/*")

    def test_a_large_body_continues_after_a_failure(self, connect, face, scripted):
        body = PNG[:8] + bytes(3_000_000)
        fields = {"ETag": '"a"', "Content-Type": "image/png"}
        whole = response(headers=fields, body=body)
        head = len(whole) - len(body)

        def script(request):
            if request.header("range") is None:
                return [whole[: head + 2_000_000], Close()]
            start = int(request.header("range").removeprefix("bytes=").removesuffix("-"))
            place = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
            return response(206, {**fields, **place}, body[start:])

        server = scripted(script)
        connection = connect(retries=httpconn.RetryPolicy(backoff=0))
        assert face.get_bytes(connection, server.url, accept="image/*") == body
        assert len(server.requests) == 2

    def test_only_successes_are_checked(self, connect, face, scripted):
        server = scripted(response(404, {"Content-Type": "text/html"}, HTML))
        assert face.get_response(connect(), server.url, accept="image/*").status_code == 404
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connect(), server.url, accept="image/*")

    def test_many_urls(self, connect, face, scripted):
        server = scripted({"/a": of_type("image/png", PNG), "/b": of_type("image/png", HTML)})
        urls = [server.url_for("/a"), server.url_for("/b")]
        good, bad = sorted(collect(face, connect(), urls, accept={"image/*"}), key=lambda each: each.index)
        assert (good.content, type(bad.error)) == (PNG, UnexpectedContent)

    def test_stored_and_shared_responses_are_checked(self, connect, face, scripted):
        server = scripted(of_type("image/png", PNG, **{"Cache-Control": "max-age=60"}))
        connection = connect(cache=httpconn.Cache(), coalesce=True, headers={"Accept": "image/*"})
        fields = {"extra_headers": {"Accept": "image/*"}}
        for accept in ("image/*", "image/png", None):
            assert face.get_bytes(connection, server.url, accept=accept, **fields) == PNG
        with pytest.raises(UnexpectedContent):
            face.get_bytes(connection, server.url, accept="text/*", **fields)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("accept", ["image", 5, [None], {"a/b; c=d"}, (), set()])
    def test_invalid_patterns_are_rejected(self, connect, face, accept):
        for method, url in (("get_bytes", "http://127.0.0.1:9/"), ("get_response", "http://127.0.0.1:9/")):
            with pytest.raises(InvalidRequest, match=r"accept|pattern"):
                face.call(connect(), method, url, accept=accept)
        with pytest.raises(InvalidRequest, match=r"accept|pattern"):
            collect(face, connect(), [], accept=accept)


GOOD = {
    "data:,": (b"", "text/plain;charset=US-ASCII"),
    "data:,Hello%2C%20World!": (b"Hello, World!", "text/plain;charset=US-ASCII"),
    "DATA:text/html,<p>a</p>#fragment": (b"<p>a</p>", "text/html"),
    "data:;charset=utf-8,%C3%BC": ("ü".encode(), "text/plain;charset=utf-8"),
    "data:text/plain,ü": ("ü".encode(), "text/plain"),
    "data:text/plain;base64,SGk=": (b"Hi", "text/plain"),
    "data:text/plain; BASE64,SGk": (b"Hi", "text/plain"),
    "data:;base64,SG%6B%3D": (b"Hi", "text/plain;charset=US-ASCII"),
    "data:;base64,S G\tk\n=": (b"Hi", "text/plain;charset=US-ASCII"),
    "  data:text/plain;base64;x=y,SGk": (b"SGk", "text/plain;base64;x=y"),
    "data:nonsense,a": (b"a", "text/plain;charset=US-ASCII"),
    "data:image/png;a\x00=b,a": (b"a", "text/plain;charset=US-ASCII"),
    "data:,%zz%4": (b"%zz%4", "text/plain;charset=US-ASCII"),
    "data:,a,b?c=d": (b"a,b?c=d", "text/plain;charset=US-ASCII"),
}
INVALID = [
    "data:",
    "data:text/plain",
    "data:;base64,A",
    "data:;base64,SGk*",
    "data:;base64,SG=k",
    "data:;base64,SGk===",
]


class TestDataURLs:
    """URLs that contain their content."""

    @pytest.mark.parametrize("url", GOOD)
    def test_the_content_and_its_type(self, url):
        content = content_of(data_url(url))
        assert (content.decode(), content.kind) == GOOD[url]
        assert content.size == len(GOOD[url][0])

    @pytest.mark.parametrize("url", INVALID)
    def test_an_invalid_url_is_an_error_without_its_content(self, connect, face, url):
        with pytest.raises(InvalidURL) as raised:
            face.get_bytes(connect(access=WITH_DATA), url)
        assert "SG" not in str(raised.value)

    def test_all_get_methods(self, connect, face):
        connection = connect(access=WITH_DATA, auth=("u", "p"), cache=httpconn.Cache(), coalesce=True)
        assert face.call(connection, "get_text", "data:;charset=iso-8859-1,%FC") == "ü"
        assert face.call(connection, "get_json", "data:application/json,[1]") == [1]
        got = face.get_response(connection, "data:text/plain;base64," + "QUJD" * 100_000)
        assert (got.status_code, len(got.content), str(got.url)) == (200, 300_000, "data:text/plain;base64,***")
        with face.enter(face.get_response(connection, httpx.URL("data:,abc"), stream=True)) as streamed:
            assert face.call(streamed, "read") == b"abc"
        results = collect(face, connection, ["data:,a", "data:,b"], ordered=True)
        assert [each.content for each in results] == [b"a", b"b"]
        with pytest.raises(UnexpectedContent):
            face.get_bytes(connection, "data:image/png,<html>", accept="image/*")

    @pytest.mark.parametrize("url", ["data:," + "a" * 11, "data:,%61" + "a" * 10, "data:;base64," + "A" * 16])
    def test_limits_apply_before_the_content_is_decoded(self, connect, face, url):
        connection = connect(access=WITH_DATA)
        with pytest.raises(LimitExceeded):
            face.get_bytes(connection, url, max_bytes=10)
        with pytest.raises(LimitExceeded):
            face.get_bytes(connection, url, budget=httpconn.ByteBudget(10))
        budget = httpconn.ByteBudget(20)
        face.get_bytes(connection, url, budget=budget, max_bytes=12)
        with pytest.raises(LimitExceeded):
            face.get_bytes(connection, url, budget=budget)

    @pytest.mark.parametrize("access", [AccessPolicy.anywhere(), AccessPolicy.public_internet()])
    def test_by_default_they_are_rejected(self, connect, face, access):
        with pytest.raises(InvalidURL):
            face.get_bytes(connect(access=access), "data:,a")
        assert not access.check("data:,a").allowed
        assert WITH_DATA.check("data:,secret") == httpconn.Checked("data:,***", True)

    def test_a_redirect_to_a_data_url_is_refused(self, connect, face, scripted):
        server = scripted(redirect("data:text/plain,inside"))
        with pytest.raises(httpconn.RedirectRefused):
            face.get_bytes(connect(access=WITH_DATA), server.url)

    def test_other_methods_reject_them(self, connect, face, tmp_path):
        connection = connect(access=AccessPolicy.anywhere(schemes={"data"}))
        with pytest.raises(InvalidRequest, match="GET only"):
            face.request(connection, "POST", "data:,a", json=1)
        for method, args in (("download", (tmp_path / "file",)), ("get_metadata", ()), ("get_ranges", ([(0, 1)],))):
            with pytest.raises(InvalidURL):
                face.call(connection, method, "data:,a", *args)
        assert list(tmp_path.iterdir()) == []

    def test_a_transport_rejects_them(self):
        with (
            httpconn.transport.HTTPTransport(access=WITH_DATA) as transport,
            httpx.Client(transport=transport) as client,
            pytest.raises(httpx.HTTPError),
        ):
            transport.handle_request(client.build_request("GET", "data:,a"))
