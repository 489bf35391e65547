"""Event hooks: their events, their effects on requests, and their errors."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import httpconn
from httpconn import Downloaded, HTTPConnection, InvalidRequest, RedirectEvent, RetryEvent, RetryPolicy
from httpconn.testing import Close, Stall, cut, in_turn, response

QUICK = RetryPolicy(backoff=0)
SIGNED = {"Authorization": "Signature secret"}


async def coroutine_hook(event: object) -> None:
    """Nothing."""


class CallableObject:
    async def __call__(self, event: object) -> None:
        """Nothing."""


class Stop(Exception):
    pass


def stop(event: object) -> None:
    raise Stop


class TestRetryEvents:
    def test_each_retry_is_reported(self, face, connect, scripted):
        seen: list[RetryEvent] = []
        server = scripted(in_turn([Close()], response(503), response(body=b"ok")))
        face.get_bytes(connect(retries=QUICK, event_hooks={"retry": [seen.append]}), server.url_for("/a?sig=secret"))
        assert [event.attempt for event in seen] == [1, 2]
        assert {event.url for event in seen} == {server.url_for("/a?sig=***")}
        assert [event.wait for event in seen] == [0, 0]
        assert isinstance(seen[0].error, httpconn.TransportError | httpconn.ProtocolError)
        assert isinstance(seen[1].error, httpconn.StatusError)
        assert [event.error.attempts for event in seen] == [1, 2]

    def test_the_last_failure_is_not_a_retry(self, face, connect, scripted):
        seen: list[RetryEvent] = []
        connection = connect(retries=RetryPolicy(attempts=2, backoff=0), event_hooks={"retry": [seen.append]})
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, scripted(response(503)).url)
        assert len(seen) == 1


class TestRedirectEvents:
    def test_each_redirect_is_reported(self, face, connect, scripted):
        seen: list[RedirectEvent] = []
        other = scripted(response(body=b"ok"))
        away = response(307, {"Location": other.url + "/c?sig=secret"})
        server = scripted({"/a": response(302, {"Location": "/b?k=v"}), "/b": away})
        face.get_bytes(connect(event_hooks={"redirect": [seen.append]}), server.url_for("/a?token=1"))
        assert seen == [
            RedirectEvent(server.url_for("/a?token=***"), server.url_for("/b?k=***"), 302),
            RedirectEvent(server.url_for("/b?k=***"), other.url + "/c?sig=***", 307),
        ]

    def test_a_redirect_that_is_not_followed_is_not_reported(self, face, connect, scripted):
        seen: list[RedirectEvent] = []
        server = scripted(response(302, {"Location": "/b"}))
        face.get_response(connect(event_hooks={"redirect": [seen.append]}), server.url, allow_redirects=False)
        assert seen == []


class TestDownloadEvents:
    def test_a_complete_download_is_reported(self, face, connect, scripted, tmp_path):
        seen: list[Downloaded] = []
        server = scripted(in_turn(cut(response(body=b"content"), 3), response(body=b"content")))
        connection = connect(retries=QUICK, event_hooks={"download": [seen.append]})
        downloaded = face.call(connection, "download", server.url, tmp_path / "file")
        face.download_file(connection, server.url, tmp_path / "other")
        assert seen[0] is downloaded
        assert [event.path.name for event in seen] == ["file", "other"]

    def test_a_failed_download_is_not_reported(self, face, connect, scripted, tmp_path):
        seen: list[Downloaded] = []
        connection = connect(event_hooks={"download": [seen.append]})
        with pytest.raises(httpconn.StatusError):
            face.download_file(connection, scripted(response(404)).url, tmp_path / "file")
        assert seen == []

    def test_the_file_stays_when_a_hook_raises(self, face, connect, scripted, tmp_path):
        connection = connect(event_hooks={"download": [stop]})
        with pytest.raises(Stop):
            face.download_file(connection, scripted(response(body=b"content")).url, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"content"


class TestErrorsOfHooks:
    @pytest.mark.parametrize("event", ["request", "response", "retry", "redirect"])
    def test_an_error_of_a_hook_ends_the_call_unchanged(self, face, connect, scripted, event):
        server = scripted(in_turn(response(503), response(302, {"Location": "/b"}), response(body=b"ok")))
        connection = connect(retries=QUICK, event_hooks={event: [stop]}, limits=httpconn.Limits(max_connections=1))
        with pytest.raises(Stop):
            face.get_bytes(connection, server.url, timeout=100)
        assert face.get_bytes(connect(), server.url) == b"ok"

    @pytest.mark.parametrize("event", ["request", "response", "retry", "redirect"])
    def test_an_error_of_httpconn_in_a_hook_is_not_retried(self, face, connect, scripted, event):
        error = httpconn.ReadFailed("of another call")
        calls: list[object] = []

        def fail(message: object) -> None:
            calls.append(message)
            raise error

        server = scripted(in_turn(response(503), response(302, {"Location": "/b"}), response(body=b"ok")))
        with pytest.raises(httpconn.ReadFailed) as caught:
            face.get_bytes(connect(retries=QUICK, event_hooks={event: [fail]}), server.url)
        assert caught.value is error
        assert len(calls) == 1

    def test_a_stream_that_a_hook_rejects_leaves_nothing_open(self, face, connect, scripted):
        def fail(message: object) -> None:
            raise httpconn.ReadFailed("no")

        server = scripted(response(body=b"ok"))
        connection = connect(event_hooks={"response": [fail]}, reuse_client=False)
        with pytest.raises(httpconn.ReadFailed, match="no"):
            face.get_response(connection, server.url, stream=True)
        server.wait_for(lambda: server.open_connections == 0)

    def test_no_other_mirror_is_used(self, face, connect, scripted, tmp_path):
        def fail(message: object) -> None:
            raise httpconn.ReadFailed("no")

        server, mirror = scripted(response(body=b"ok")), scripted(response(body=b"ok"))
        connection = connect(event_hooks={"response": [fail]})
        options: dict[str, Any] = {"digest": "md5:444bcb3a3fcf8389296c49467f27e1d6", "mirrors": [mirror.url]}
        with pytest.raises(httpconn.ReadFailed, match="no"):
            face.call(connection, "download", server.url, tmp_path / "file", **options)
        assert mirror.requests == []


class TestCoroutineFunctions:
    """They work with the asynchronous methods only."""

    @pytest.mark.parametrize("hook", [coroutine_hook, CallableObject(), functools.partial(coroutine_hook)])
    @pytest.mark.parametrize("event", ["request", "response", "retry", "redirect", "download"])
    def test_a_synchronous_call_fails_before_anything_is_sent(self, event, hook, scripted):
        server = scripted(response(body=b"ok"))
        refused = pytest.raises(InvalidRequest, match=r"coroutine_hook|CallableObject|partial")
        with HTTPConnection(event_hooks={event: [hook]}) as connection, refused:
            connection.get_bytes(server.url)
        assert server.requests == []

    @pytest.mark.parametrize("face", ["sync"], indirect=True)
    def test_a_hidden_coroutine_function_is_detected(self, face, connect, scripted):
        connection = connect(event_hooks={"request": [lambda request: coroutine_hook(request)]})
        with pytest.raises(InvalidRequest, match="must be awaited"):
            face.get_bytes(connection, scripted(response(body=b"ok")).url)

    @pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
    def test_they_are_awaited(self, face, connect, scripted, tmp_path):
        seen: list[str] = []

        async def hook(event: object) -> None:
            seen.append(type(event).__name__)

        server = scripted(in_turn(response(503), response(302, {"Location": "/b"}), response(body=b"ok")))
        hooks = {event: [hook] for event in ("retry", "redirect", "download")}
        face.download_file(connect(retries=QUICK, event_hooks=hooks), server.url, tmp_path / "file")
        assert seen == ["RetryEvent", "RedirectEvent", "Downloaded"]


class TestRequestHooks:
    def test_headers_that_it_adds_are_sent_and_stay_on_their_hop(self, face, connect, scripted):
        other = scripted(response(body=b"ok"))
        server = scripted(response(302, {"Location": other.url}))

        def sign(request):
            if request.url.port == server.port:
                request.headers.update(SIGNED)

        assert face.get_bytes(connect(event_hooks={"request": [sign]}), server.url) == b"ok"
        assert server.requests[0].header("Authorization") == SIGNED["Authorization"]
        assert other.requests[0].header("Authorization") is None

    def test_each_attempt_is_signed_again(self, face, connect, scripted):
        numbers = iter(range(10))

        def sign(request):
            request.headers["X-Number"] = str(next(numbers))

        server = scripted(in_turn(response(503), response(body=b"ok")))
        face.get_bytes(connect(retries=QUICK, event_hooks={"request": [sign]}), server.url)
        assert [request.header("X-Number") for request in server.requests] == ["0", "1"]

    def test_a_later_call_does_not_have_them(self, face, connect, scripted):
        added = iter([SIGNED, {}])
        server = scripted(response(body=b"ok"))
        connection = connect(event_hooks={"request": [lambda request: request.headers.update(next(added))]})
        for _ in range(2):
            face.get_bytes(connection, server.url)
        assert [request.header("Authorization") for request in server.requests] == [SIGNED["Authorization"], None]

    @pytest.mark.parametrize(
        "change",
        [
            lambda request: request.headers.update({"X-A": "a\r\nX-B: b"}),
            lambda request: request.headers.update({"X-A\r\nX-B": "b"}),
            lambda request: request.headers.update({"X-A": "grün".encode("latin-1")}),
            lambda request: request.headers.update({"Host": "other.example"}),
            lambda request: request.headers.pop("Host"),
            lambda request: request.headers.update({"Content-Length": "5"}),
            lambda request: request.headers.update({"Transfer-Encoding": "chunked"}),
            lambda request: request.headers.update({"Connection": "close"}),
            lambda request: setattr(request, "url", request.url.copy_with(path="/other")),
            lambda request: setattr(request, "url", request.url.copy_with(host="10.0.0.1")),
        ],
        ids=["crlf", "name", "not ascii", "host", "no host", "length", "coding", "connection", "path", "origin"],
    )
    def test_headers_that_callers_cannot_pass_are_rejected(self, face, connect, scripted, change):
        server = scripted(response(body=b"ok"))
        with pytest.raises(InvalidRequest):
            face.get_bytes(connect(event_hooks={"request": [change]}), server.url)
        assert server.requests == []

    @pytest.mark.parametrize(
        "change",
        [
            lambda request: setattr(request, "extensions", {}),
            lambda request: request.extensions.update({"timeout": None, "target": b"http://other.example/"}),
        ],
        ids=["all", "some"],
    )
    def test_a_hook_cannot_change_target_or_timeout(self, face, connect, scripted, change):
        server = scripted(Stall())
        connection = connect(timeout=httpconn.Timeouts(read=0.1), retries=0, event_hooks={"request": [change]})
        with pytest.raises(httpconn.ReadTimedOut):
            face.get_bytes(connection, server.url_for("/a/../%62"))
        server.wait_for(lambda: bool(server.requests))
        assert [request.target for request in server.requests] == [b"/a/../%62"]

    def test_another_method_is_not_tried_again(self, face, connect, scripted):
        def post(request):
            request.method = "POST"

        server = scripted(response(503))
        for policy, requests in ((QUICK, 1), (RetryPolicy(backoff=0, methods={"POST"}), 3)):
            before = len(server.requests)
            with pytest.raises(httpconn.StatusError):
                face.get_bytes(connect(retries=policy, event_hooks={"request": [post]}), server.url)
            assert len(server.requests) - before == requests


def test_an_unknown_event_is_rejected():
    with pytest.raises(InvalidRequest, match="no event hook 'retries'"):
        HTTPConnection(event_hooks={"retries": []})


def test_later_changes_of_the_lists_have_no_effect(scripted):
    hooks: list[Any] = []
    with HTTPConnection(event_hooks={"request": hooks}) as connection:
        hooks.append(stop)
        assert connection.get_bytes(scripted(response(body=b"ok")).url) == b"ok"


def test_the_target_is_not_a_hook_s_to_change(face, connect, scripted):

    def hook(request):
        request.extensions["target"] = b"/elsewhere"

    server = scripted(response(body=b"x"))
    connection = connect(event_hooks={"request": [hook]})
    face.get_bytes(connection, server.url_for("/here"))
    assert [request.target for request in server.requests] == [b"/here"]
