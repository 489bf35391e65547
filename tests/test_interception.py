"""Libraries that replace, record or trace the requests of httpx do so with those of httpconn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import sentry_sdk
import vcr
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.integrations.httpx import HttpxIntegration

import httpconn
from httpconn.testing import in_turn, response
from httpconn.transport import through_httpx

QUICK = httpconn.RetryPolicy(backoff=0)
METHODS = ("get_bytes", "download")


@pytest.fixture(params=["new", "used", "global"])
def connection(request, face, scripted) -> Iterator[httpconn.HTTPConnection]:
    """A connection object that was never used, one that has open connections, and the global one."""
    if request.param == "global":
        yield httpconn.global_http_connection
        face.run(httpconn.global_http_connection.aclose) if face.is_async else httpconn.global_http_connection.close()
        return
    made = httpconn.HTTPConnection(retries=QUICK)
    if request.param == "used":
        assert face.get_bytes(made, scripted(response(body=b"real")).url) == b"real"
    yield made
    face.close(made)


@pytest.fixture
def fetch(face, tmp_path: Path) -> Callable[..., bytes]:
    """Fetches a URL by one of the methods."""

    def fetched(connection: httpconn.HTTPConnection, method: str, url: str) -> bytes:
        if method == "get_bytes":
            return face.get_bytes(connection, url)
        return face.call(connection, "download", url, tmp_path / "file").path.read_bytes()

    return fetched


class TestRespx:
    @pytest.mark.parametrize("method", METHODS)
    def test_the_order_of_use_makes_no_difference(self, fetch, connection, scripted, method):
        url = scripted(response(body=b"real")).url
        for _ in range(2):
            assert fetch(connection, method, url) == b"real"
            with respx.mock(using="httpx") as router:
                route = router.get(url).mock(side_effect=[httpx.Response(503), httpx.Response(200, content=b"mocked")])
                assert fetch(connection, method, url) == b"mocked"
                assert route.call_count == 2
        assert fetch(connection, method, url) == b"real"

    @pytest.mark.parametrize("using", ["httpcore", "httpx"])
    @pytest.mark.parametrize("method", METHODS)
    def test_each_of_its_modes_works_through_httpx(self, fetch, connection, httpconn_through_httpx, using, method):
        for _ in range(2):
            with respx.mock(using=using) as router:
                router.get("https://a.example/?x=%2F").mock(return_value=httpx.Response(200, content=b"mocked"))
                assert fetch(connection, method, "https://a.example/?x=%2F") == b"mocked"


class TestPytestHTTPX:
    @pytest.mark.parametrize("method", METHODS)
    def test_a_request_is_replaced(self, fetch, connection, httpconn_through_httpx, httpx_mock, method):
        httpx_mock.add_response(url="https://a.example/", status_code=302, headers={"Location": "/b"})
        httpx_mock.add_response(url="https://a.example/b", status_code=503)
        httpx_mock.add_response(url="https://a.example/", status_code=302, headers={"Location": "/b"})
        httpx_mock.add_response(url="https://a.example/b", content=b"mocked")
        assert fetch(connection, method, "https://a.example/") == b"mocked"
        assert len(httpx_mock.get_requests()) == 4

    def test_an_error_is_an_error_of_httpconn(self, face, connection, httpconn_through_httpx, httpx_mock):
        httpx_mock.add_exception(httpx.ReadTimeout("slow"), is_reusable=True)
        with pytest.raises(httpconn.ReadTimedOut) as caught:
            face.get_bytes(connection, "https://a.example/")
        assert caught.value.attempts == 3

    def test_limits_and_policies_apply(self, face, connect, httpconn_through_httpx, httpx_mock):
        httpx_mock.add_response(content=bytes(100))
        connection = connect(access=httpconn.AccessPolicy.public_internet())
        with pytest.raises(httpconn.LimitExceeded):
            face.get_bytes(connection, "https://a.example/", max_bytes=10)
        with pytest.raises(httpconn.AccessDenied):
            face.get_bytes(connection, "http://127.0.0.1/")


class TestVCR:
    @pytest.mark.parametrize("method", METHODS)
    def test_a_response_is_recorded_and_replayed(self, fetch, connection, scripted, tmp_path, method):
        server = scripted(response(body=b"real"))
        cassette = str(tmp_path / "cassette.yaml")
        for _ in range(2):
            with through_httpx(), vcr.use_cassette(cassette):
                assert fetch(connection, method, server.url) == b"real"
        assert len(server.requests) == 1

    def test_pytest_recording(self, pytester: pytest.Pytester, scripted):
        server = scripted(response(body=b"real"))
        pytester.makeconftest('pytest_plugins = ["httpconn.testing.plugin"]')
        pytester.makepyfile(f"""
            import httpconn, pytest
            pytestmark = pytest.mark.usefixtures("httpconn_through_httpx")

            @pytest.mark.vcr
            def test_it():
                with httpconn.HTTPConnection() as connection:
                    assert connection.get_bytes({server.url!r}) == b"real"
            """)
        for mode in ("once", "none"):
            pytester.runpytest_inprocess("-p", "no:cacheprovider", f"--record-mode={mode}").assert_outcomes(passed=1)
        assert len(server.requests) == 1


class TestTracing:
    @pytest.mark.parametrize("method", METHODS)
    def test_opentelemetry_for_all_of_httpx(self, fetch, connection, scripted, httpconn_through_httpx, method):
        spans, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        server = scripted(in_turn(response(503), response(body=b"ok")))
        instrumentor = HTTPXClientInstrumentor()
        instrumentor.instrument(tracer_provider=provider)
        try:
            assert fetch(connection, method, server.url) == b"ok"
        finally:
            instrumentor.uninstrument()
        assert [each.attributes["http.status_code"] for each in spans.get_finished_spans()] == [503, 200]
        assert all(request.header("traceparent") for request in server.requests)

    @pytest.mark.parametrize("method", METHODS)
    def test_sentry(self, fetch, connection, scripted, httpconn_through_httpx, method):
        server = scripted(response(body=b"ok"))
        with sentry(HttpxIntegration()) as events, sentry_sdk.start_transaction(name="t"):
            assert fetch(connection, method, server.url) == b"ok"
        (span,) = events[-1]["spans"]
        assert (span["op"], span["data"]["http.response.status_code"]) == ("http.client", 200)
        assert server.requests[0].header("sentry-trace")


@contextmanager
def sentry(integration: Any) -> Iterator[list[Any]]:
    """Sentry with an integration; yields the events. Its patches of httpx stay, and do nothing after the block."""
    events: list[Any] = []

    class Transport(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            events.extend(json.loads(item.get_bytes()) for item in envelope.items)

    sentry_sdk.init(
        "http://key@127.0.0.1:9/1",
        transport=Transport,
        traces_sample_rate=1.0,
        default_integrations=False,
        integrations=[integration],
    )
    try:
        yield events
    finally:
        sentry_sdk.init(default_integrations=False)


def test_real_requests_use_the_options_of_the_object(face, connect, scripted, certificates, httpconn_through_httpx):
    server = scripted(response(body=b"ok"), tls=certificates.good)
    assert face.get_bytes(connect(verify=str(certificates.files.authority)), server.url) == b"ok"
    with pytest.raises(httpconn.TLSFailed):
        face.get_bytes(connect(retries=0), server.url)


def test_requests_through_a_proxy(face, connect, proxy_server, scripted, httpconn_through_httpx):
    server = scripted(response(body=b"ok"))
    assert face.get_bytes(connect(proxy=proxy_server.url), server.url) == b"ok"
    assert server.requests[0].header("via")


def test_the_proxy_of_a_host(face, connect, proxy_server, scripted, httpconn_through_httpx):
    server = scripted(response(body=b"ok"))
    proxies = {"127.0.0.1": proxy_server.url, "localhost": "direct"}
    hosts = {host: httpconn.HostOptions(proxy=proxy) for host, proxy in proxies.items()}
    connection = connect(hosts=hosts, proxy="http://unused.invalid:1")
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        assert face.get_bytes(connection, url) == b"ok"
    assert [request.header("via") is not None for request in server.requests] == [True, False]


def test_the_userinfo_of_a_url_is_sent_once(face, connect, scripted, httpconn_through_httpx):
    server = scripted(response(body=b"ok"))
    assert face.get_bytes(connect(), server.url.replace("://", "://me:secret@")) == b"ok"
    assert server.requests[0].header("authorization") == "Basic bWU6c2VjcmV0"


def test_objects_with_their_own_transport_keep_it(face, connect, httpconn_through_httpx):
    own = httpx.MockTransport(lambda request: httpx.Response(200, content=b"own"))
    made = connect(async_transport=own) if face.is_async else connect(transport=own)
    assert face.get_bytes(made, "https://a.example/") == b"own"


def test_threads_leave_no_connection_open(scripted):
    server = scripted(response(body=b"ok"))
    with through_httpx(), httpconn.HTTPConnection() as connection, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(connection.get_bytes, [server.url] * 32)) == [b"ok"] * 32
    server.wait_for(lambda: server.open_connections == 0)


def test_a_stop_without_a_start_has_no_effect(face, connect, scripted):
    server, connection = scripted(response(body=b"ok")), connect()
    through_httpx().stop()
    assert face.get_bytes(connection, server.url) == b"ok"
    assert connection.stats().connections.made == 1


def test_after_the_block_the_engine_sends_again(face, connect, scripted):
    server, connection = scripted(response(body=b"ok")), connect()
    with through_httpx():
        face.get_bytes(connection, server.url)
    face.get_bytes(connection, server.url)
    face.get_bytes(connection, server.url)
    assert (connection.stats().connections.made, server.connections) == (1, 2)
