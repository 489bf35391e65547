"""Bad input: one clear error of our tree, before or instead of harm, and nothing lost."""

from __future__ import annotations

import pytest

import httpconn
from httpconn import HTTPConnection, Timeouts
from tests.servers.scripted import Close, response

URLS = [
    None,
    3,
    b"http://x/",
    "",
    "x",
    "http://",
    "ftp://x/",
    "http://x\r\n/",
    "http://x/\x00",
    "http://x/" + "a" * 1_000_000,
]
METHODS = ["get_bytes", "get_text", "get_json", "get_response", "download_file"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("url", URLS, ids=lambda url: repr(url)[:20])
def test_a_bad_url(face, connect, tmp_path, method, url):
    path = [tmp_path / "file"] if method == "download_file" else []
    with pytest.raises(httpconn.InvalidURL):
        face.call(connect(), method, url, *path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "options",
    [
        {"extra_headers": {"X": 3}},
        {"extra_headers": {"X": "a\r\nb"}},
        {"extra_headers": {"Host": "x"}},
        {"extra_headers": "X: y"},
        {"timeout": -1},
        {"timeout": 0},
        {"timeout": "5"},
        {"timeout": float("nan")},
        {"max_bytes": -1},
        {"max_bytes": "10"},
        {"budget": 5},
        {"timeout": 10**400},
    ],
    ids=repr,
)
def test_a_bad_argument(face, connect, scripted, tmp_path, method, options):
    server = scripted(response())
    path = [tmp_path / "file"] if method == "download_file" else []
    with pytest.raises(httpconn.InvalidRequest):
        face.call(connect(), method, server.url, *path, **options)
    assert server.connections == 0


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": -1},
        {"timeout": Timeouts},
        {"retries": -1},
        {"retries": "3"},
        {"headers": {"Host": "x"}},
        {"user_agent": 3},
        {"event_hooks": {"unknown": []}},
        {"event_hooks": {"request": print}},
        {"event_hooks": 5},
        {"limits": 5},
        {"limits": 0},
        {"access": None},
        {"redirects": 0},
        {"rate_limit": 5},
        {"transport": 5},
        {"async_transport": 5},
        {"proxy": "ftp://x"},
        {"proxy": "not a url"},
        {"verify": "/no/such/file.pem"},
        {"cert": "/no/such/file.pem"},
    ],
    ids=repr,
)
def test_a_bad_option(face, connect, options):
    """At the latest when the first client is made."""
    with pytest.raises(httpconn.InvalidRequest):
        face.get_bytes(connect(**options), "http://127.0.0.1:1/")


def test_positional_options_are_refused():
    with pytest.raises(TypeError):
        HTTPConnection(True)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x00" * 100,
        b"\x16\x03\x01\x02\x00",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"x" * 200_000,
    ],
    ids=lambda garbage: repr(garbage)[:60],
)
def test_a_server_that_sends_garbage(face, connect, scripted, garbage):
    server = scripted([garbage, Close()])
    connection = connect(retries=0)
    with pytest.raises(httpconn.HTTPConnError) as caught:
        face.get_bytes(connection, server.url)
    assert isinstance(caught.value, (httpconn.ResponseError, httpconn.ReadFailed, httpconn.LimitExceeded))
    assert "127.0.0.1" not in caught.value.public_message
    with pytest.raises(httpconn.HTTPConnError):
        face.get_bytes(connection, server.url)
