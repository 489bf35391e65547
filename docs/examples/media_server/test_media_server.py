"""The responses of the API to all kinds of URLs, against real servers, most of them hostile."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

import httpconn
from docs.examples.media_server import media
from docs.examples.media_server.app import create_app
from tests.servers.asgi import serve_http1
from tests.servers.scripted import Close, Forever, ScriptedServer, Stall, in_turn, response

PNG = b"\x89PNG\r\n\x1a\n" + bytes(1000)
LOOPBACK = httpconn.AccessPolicy.public_internet(
    allowed_networks=["127.0.0.0/8"], own_interfaces=True, schemes={"http", "https", "data"}
)

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def strict() -> Iterator[Ask]:
    """Send requests to the application as deployed."""
    with asking(create_app()) as ask:
        yield ask


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Send requests to an application that can reach the servers of the tests."""
    with asking(create_app(LOOPBACK)) as ask:
        yield ask


@contextmanager
def asking(app: object) -> Iterator[Ask]:
    """Run the application on a real server, with a client."""
    with serve_http1(app, lifespan="on") as origin, httpx.Client(trust_env=False, timeout=30) as client:

        def ask(*urls: str) -> httpx.Response:
            parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
            content = [{"type": "text", "text": "What is this?"}, *parts]
            body = {"messages": [{"role": "user", "content": content}]}
            return client.post(f"{origin}/v1/chat/completions", json=body)

        yield ask


def message(result: httpx.Response) -> str:
    return str(result.json()["error"]["message"])


def test_the_first_bytes_decide_the_type_of_an_image(ask: Ask) -> None:
    data = "data:image/png;base64," + base64.b64encode(b"\xff\xd8\xff" + bytes(7)).decode()
    with ScriptedServer(response(headers={"Content-Type": "text/html"}, body=PNG)) as server:
        result = ask(server.url_for("/a.png"), data)
    assert result.status_code == 200
    said = result.json()["choices"][0]["message"]["content"]
    assert said == "I see an image of 1008 bytes, an image of 10 bytes."


INSIDE = [
    "http://127.0.0.1/",
    "http://localhost:8000/metrics",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://[::ffff:10.0.0.1]/",
    "http://2130706433/",
    "http://0x7f.1/",
    "https://user:password@example.com/",
    "file:///etc/passwd",
    "http://example.com\\@127.0.0.1/",
]


@pytest.mark.parametrize("url", INSIDE)
def test_internal_addresses_are_denied(strict: Ask, url: str) -> None:
    result = strict(url)
    assert result.status_code == 400
    assert message(result) in (httpconn.AccessDenied.public_message, httpconn.InvalidURL.public_message)


def test_a_redirect_to_an_internal_address_is_denied(ask: Ask) -> None:
    secret = "http://10.0.0.1/admin"
    with ScriptedServer(response(302, {"Location": secret})) as server:
        result = ask(server.url)
    assert result.status_code == 400
    assert "10.0.0.1" not in result.text


FAULTS = {
    "no image": (response(body=b"<html>"), 400),
    "not found": (response(404, body=PNG), 400),
    "down": (response(503), 502),
    "too large": (response(headers={"Content-Length": str(media.MAX_IMAGE_BYTES + 1)}), 400),
    "no end": (
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Forever(b"ffff\r\n" + bytes(65535) + b"\r\n")],
        400,
    ),
    "a bomb": (response(headers={"Content-Encoding": "gzip"}, body=gzip.compress(bytes(50_000_000))), 400),
    "cut": ([b"HTTP/1.1 200 OK\r\nContent-Length: 1008\r\n\r\n" + PNG[:500], Close()], 502),
    "no HTTP": ([b"SSH-2.0-OpenSSH\r\n", Close()], 502),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_the_status_of_its_cause(ask: Ask, fault: str) -> None:
    script, status = FAULTS[fault]
    with ScriptedServer(script) as server:
        result = ask(server.url)
        assert result.status_code == status
        assert str(server.port) not in result.text


def test_a_silent_server_ends_at_the_deadline_of_the_request(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "SECONDS", 0.3)
    with ScriptedServer([Stall()]) as server:
        assert ask(server.url).status_code == 504


def test_all_images_of_a_request_share_one_budget(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MAX_REQUEST_BYTES", 2500)
    with ScriptedServer(in_turn(*[response(body=PNG)] * 3)) as server:
        assert ask(server.url, server.url).status_code == 200
    with ScriptedServer(in_turn(*[response(body=PNG)] * 3)) as server:
        assert ask(server.url, server.url, server.url).status_code == 400


def test_the_number_of_images_is_limited(ask: Ask) -> None:
    result = ask(*["data:image/png;base64,"] * 9)
    assert (result.status_code, message(result)) == (400, "At most 8 images, please.")


@pytest.mark.parametrize("url", ["data:,plain", "data:image/png,<html>"])
def test_a_data_url_contains_an_image(ask: Ask, url: str) -> None:
    assert message(ask(url)) == "Images must be PNG, JPEG, GIF or WebP."


@pytest.mark.parametrize("url", ["data:image/png;base64,!!", "data:image/png;base64"])
def test_an_invalid_data_url_is_denied(ask: Ask, url: str) -> None:
    assert message(ask(url)) == httpconn.InvalidURL.public_message
