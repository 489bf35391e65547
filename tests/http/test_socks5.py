"""The bytes of the SOCKS5 handshake."""

from __future__ import annotations

import pytest

from httpconn.errors import ProxyFailed
from httpconn.http.socks5 import handshake

CONNECTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"


def converse(steps, proxy: bytes) -> tuple[bytes, bytes]:
    """Run a handshake with the bytes of a proxy; return the sent bytes and the bytes after the handshake."""
    sent = b""
    try:
        outgoing, count = next(steps)
        while True:
            sent += outgoing
            data, proxy = proxy[:count], proxy[count:]
            assert len(data) == count, "the handshake waits for more than the proxy sent"
            outgoing, count = steps.send(data)
    except StopIteration:
        return sent, proxy


def test_a_name_is_resolved_by_the_proxy() -> None:
    sent, remaining = converse(handshake("example.com", 443, None), b"\x05\x00" + CONNECTED)
    assert sent == b"\x05\x01\x00" + b"\x05\x01\x00\x03\x0bexample.com\x01\xbb"
    assert remaining == b""


@pytest.mark.parametrize(
    ("host", "written"),
    [("127.0.0.1", b"\x01\x7f\x00\x00\x01"), ("::1", b"\x04" + bytes(15) + b"\x01"), ("x.1", b"\x03\x03x.1")],
)
def test_addresses_are_sent_as_addresses(host: str, written: bytes) -> None:
    sent, _ = converse(handshake(host, 80, None), b"\x05\x00" + CONNECTED)
    assert sent == b"\x05\x01\x00\x05\x01\x00" + written + b"\x00\x50"


def test_credentials_are_sent_only_if_the_proxy_asks_for_them() -> None:
    offer = b"\x05\x02\x00\x02"
    sent, _ = converse(handshake("127.0.0.1", 80, (b"user", b"pass")), b"\x05\x00" + CONNECTED)
    assert sent.startswith(offer + b"\x05\x01")
    sent, _ = converse(handshake("127.0.0.1", 80, (b"user", b"pass")), b"\x05\x02\x01\x00" + CONNECTED)
    assert sent.startswith(offer + b"\x01\x04user\x04pass\x05\x01")


@pytest.mark.parametrize("bound", [b"\x01" + bytes(4), b"\x04" + bytes(16), b"\x03\x05proxy", b"\x03\x00"])
def test_no_byte_of_the_tunnel_is_consumed(bound: bytes) -> None:
    reply = b"\x05\x00\x00" + bound + b"\x00\x00"
    assert converse(handshake("127.0.0.1", 80, None), b"\x05\x00" + reply + b"tunnel")[1] == b"tunnel"


@pytest.mark.parametrize(
    ("proxy", "message"),
    [
        (b"\x05\xff", "requires credentials"),
        (b"\x05\x02", "not offered"),
        (b"\x04\x00", "does not speak SOCKS5"),
        (b"HT", "does not speak SOCKS5"),
        (b"\x05\x00HTTP", "does not speak SOCKS5"),
        (b"\x05\x00\x05\x05\x00\x01", "Connection refused"),
        (b"\x05\x00\x05\x02\x00\x01", "not allowed"),
        (b"\x05\x00\x05\x63\x00\x01", "reply code 99"),
        (b"\x05\x00\x05\x00\x00\x07", "unknown type"),
    ],
)
def test_a_refusal_is_an_error_with_its_reason(proxy: bytes, message: str) -> None:
    with pytest.raises(ProxyFailed, match=message):
        converse(handshake("127.0.0.1", 80, None), proxy)


@pytest.mark.parametrize(
    ("credentials", "proxy", "message"),
    [
        ((b"user", b"secret"), b"\x05\x02\x01\x01", "rejected the user name or the password"),
        ((b"user", b"secret"), b"\x05\xff", "no supported authentication"),
        ((b"", b"secret"), b"\x05\x02", "1 to 255 bytes"),
        ((b"user", b"s" * 256), b"\x05\x02", "255 bytes"),
    ],
)
def test_errors_about_credentials_do_not_quote_them(
    credentials: tuple[bytes, bytes], proxy: bytes, message: str
) -> None:
    with pytest.raises(ProxyFailed, match=message) as caught:
        converse(handshake("127.0.0.1", 80, credentials), proxy)
    assert "secret" not in str(caught.value)
