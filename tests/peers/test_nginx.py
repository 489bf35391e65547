"""nginx of a distribution: closed connections, gzip, ranges, TLS and HTTP/2."""

from __future__ import annotations

import gzip

import pytest

import httpconn
from httpconn import HTTPConnection, RetryPolicy
from tests.servers.application import pattern
from tests.servers.nginx import KEEPALIVE_REQUESTS, PROGRAM, Nginx, serve_nginx

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed (Debian: nginx-light)")

SIZE = 8_000_001
HALF = SIZE // 2
LARGE = pattern(SIZE)
TEXT = b"All the world's a stage, and all the men and women merely players.\n" * 1000
AT_ONCE = RetryPolicy(backoff=0)


@pytest.fixture(scope="module")
def running(tmp_path_factory, certificates):
    with serve_nginx(tmp_path_factory.mktemp("nginx"), certificates) as nginx:
        (nginx.files / "large.bin").write_bytes(LARGE)
        (nginx.files / "empty.bin").touch()
        for folder in ("plain", "compressed", "precompressed"):
            (nginx.files / folder).mkdir()
            (nginx.files / folder / "text.html").write_bytes(TEXT)
        (nginx.files / "precompressed" / "text.html.gz").write_bytes(gzip.compress(TEXT))
        yield nginx


@pytest.fixture
def nginx(running) -> Nginx:
    running.network.carried = 0
    return running


def head(face, connection: HTTPConnection, url: str):
    return face.request(connection, "HEAD", url)


def test_connections_are_kept_until_nginx_closes_them(face, connect, nginx):
    connection = connect(retries=0)
    responses = [face.get_response(connection, f"{nginx.url}/plain/text.html") for _ in range(2 * KEEPALIVE_REQUESTS)]
    assert all(response.content == TEXT for response in responses)
    numbers = [str(1 + each) for each in range(KEEPALIVE_REQUESTS)]
    assert [response.headers["X-Request-Number"] for response in responses] == 2 * numbers


def test_a_url_with_a_redirect_to_its_folder(face, connect, nginx):
    response = face.get_response(connect(), f"{nginx.url}/plain")
    assert response.request.url.path == "/plain/"
    assert response.status_code == 403  # no listing of folders


@pytest.mark.parametrize("folder", ["plain", "compressed", "precompressed"])
def test_a_body_is_the_same_however_it_was_compressed(face, connect, nginx, folder):
    response = face.get_response(connect(), f"{nginx.url}/{folder}/text.html")
    assert response.content == TEXT
    assert response.headers.get("Content-Encoding") == (None if folder == "plain" else "gzip")


@pytest.mark.parametrize("folder", ["plain", "compressed", "precompressed"])
def test_a_download_is_not_compressed(face, connect, nginx, folder, tmp_path):
    result = face.call(connect(), "download", f"{nginx.url}/{folder}/text.html", tmp_path / "file")
    assert result.path.read_bytes() == TEXT
    assert result.verified == {"length"}


@pytest.mark.parametrize(("asked", "expected"), [("0-0", LARGE[:1]), ("-7", LARGE[-7:]), ("7999991-", LARGE[7999991:])])
def test_a_range(face, connect, nginx, asked, expected):
    response = face.get_response(connect(), f"{nginx.url}/large.bin", extra_headers={"Range": f"bytes={asked}"})
    assert (response.status_code, response.content) == (206, expected)


def test_a_range_beyond_the_end(face, connect, nginx):
    response = face.get_response(connect(), f"{nginx.url}/large.bin", extra_headers={"Range": f"bytes={SIZE}-"})
    assert (response.status_code, response.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


@pytest.mark.parametrize(("version", "status"), [(None, 206), ('"another"', 200)], ids=["same", "another"])
def test_a_range_of_a_version(face, connect, nginx, version, status):
    connection, url = connect(), f"{nginx.url}/large.bin"
    version = version or head(face, connection, url).headers["ETag"]
    with face.enter(
        face.get_response(connection, url, stream=True, extra_headers={"Range": "bytes=0-9", "If-Range": version})
    ) as response:
        assert response.status_code == status


def test_a_head_has_no_body_and_leaves_the_connection_usable(face, connect, nginx):
    connection, url = connect(retries=0), f"{nginx.url}/plain/text.html"
    response = head(face, connection, url)
    assert (response.headers["Content-Length"], response.content) == (str(len(TEXT)), b"")
    assert face.get_response(connection, url).headers["X-Request-Number"] == "2"


def test_an_empty_file(face, connect, nginx, tmp_path):
    assert face.download_file(connect(), f"{nginx.url}/empty.bin", tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("cuts", [[HALF], [HALF, 1000, 1_000_000]], ids=["once", "again and again"])
def test_a_cut_download_continues_where_it_broke(face, connect, nginx, tmp_path, cuts):
    nginx.network.cuts.extend(cuts)
    result = face.call(connect(retries=AT_ONCE), "download", f"{nginx.cut_url}/large.bin", tmp_path / "file")
    assert result.path.read_bytes() == LARGE
    assert result.attempts == 1 + len(cuts)
    assert nginx.network.carried < SIZE + HALF


def test_another_call_continues_where_one_failed(face, connect, nginx, tmp_path):
    nginx.network.cuts.append(HALF)
    connection, url = connect(retries=0), f"{nginx.cut_url}/large.bin"
    with pytest.raises(httpconn.TruncatedBody):
        face.download_file(connection, url, tmp_path / "file")
    result = face.call(connection, "download", url, tmp_path / "file")
    assert result.path.read_bytes() == LARGE
    assert 0 < result.resumed < HALF


def test_a_file_that_was_replaced_during_a_download_restarts(face, connect, nginx, tmp_path):
    replaced, old = nginx.files / "replaced.bin", pattern(SIZE)
    new = bytes(reversed(old))[:-1]
    replaced.write_bytes(old)
    connection = connect(retries=AT_ONCE, event_hooks={"retry": [lambda _event: replaced.write_bytes(new)]})
    nginx.network.cuts.append(HALF)
    path = face.download_file(connection, f"{nginx.cut_url}/replaced.bin", tmp_path / "file")
    assert path.read_bytes() == new


@pytest.mark.parametrize("http2", [False, True], ids=["http/1.1", "h2"])
class TestTLS:
    """The same over TLS, with HTTP/1.1 and HTTP/2."""

    @pytest.fixture
    def connection(self, connect, certificates, http2):
        return connect(verify=str(certificates.files.authority), http2=http2, retries=AT_ONCE)

    def test_the_version(self, face, connection, nginx, http2):
        response = face.get_response(connection, f"{nginx.secure_url}/plain/text.html")
        assert response.content == TEXT
        assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")

    # Over HTTP/2, nginx sends a GOAWAY before the last response.
    def test_more_requests_than_a_connection_may_have(self, face, connection, nginx):
        url = f"{nginx.secure_url}/compressed/text.html"
        assert all(face.get_bytes(connection, url) == TEXT for _ in range(3 * KEEPALIVE_REQUESTS))

    def test_many_at_once(self, face, connection, nginx):
        started = [face.start(connection, "get_bytes", f"{nginx.secure_url}/large.bin") for _ in range(6)]
        assert all(each.result() == LARGE for each in started)

    def test_a_download(self, face, connection, nginx, tmp_path):
        path = face.download_file(connection, f"{nginx.secure_url}/large.bin", tmp_path / "file")
        assert path.read_bytes() == LARGE


class TestHTTP2:
    """Events that cost no attempt, because nginx completes the request or did not process it."""

    @pytest.fixture
    def connection(self, connect, certificates):
        return connect(verify=str(certificates.files.authority), http2=True, retries=0)

    def test_many_at_once_on_connections_of_few_requests(self, face, connection, nginx):
        url = f"{nginx.secure_url}/empty.bin"
        started = [face.start(connection, "get_bytes", url) for _ in range(1000)]
        assert all(each.result() == b"" for each in started)

    def test_a_reload_during_responses(self, face, connection, nginx):
        url = f"{nginx.secure_url}/large.bin"
        with face.enter(face.get_response(connection, url, stream=True)) as begun:
            nginx.reload()
            started = [face.start(connection, "get_bytes", url) for _ in range(4)]
            assert face.read(begun) == LARGE
            assert all(each.result() == LARGE for each in started)
        assert face.get_bytes(connection, url) == LARGE


@pytest.mark.parametrize("kind", ["bytes", "parts"])
@pytest.mark.parametrize("http2", [False, True])
def test_a_refused_body_gets_the_response_of_nginx(face, connect, nginx, certificates, http2, kind):
    connection = connect(http2=http2, verify=certificates.trust())
    body = bytes(8_000_000)
    content = body if kind == "bytes" else [body[:1_000_000]] * 8
    for url in (nginx.url, nginx.secure_url):
        received = face.request(connection, "POST", f"{url}/", content=content)
        # nginx reads only a declared length before it looks for the file.
        assert (received.status_code, b"nginx" in received.content) == (413 if kind == "bytes" else 403, True)
