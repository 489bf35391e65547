"""Bytes that a server sends without a request never become the next response."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from httpconn.testing.link import Link
from tests.servers.scripted import Until, chunked, in_turn, response

POISON = response(body=b"poison")
FIRST = {
    "length": response(body=b"first"),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"first"),
    "no body": response(204),
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_an_early_response_is_not_the_next_one(face, aim, first):
    target = aim(in_turn([first + POISON], response(body=b"second")))
    face.get_response(target.connection, target.url_for("/1"))
    assert face.get_bytes(target.connection, target.url_for("/2")) == b"second"
    assert target.server.connections == 2


@pytest.mark.parametrize("odd", [b"\r\n", b"\0", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_the_start_of_a_response_is_not_the_next_one(face, aim, odd):
    target = aim(in_turn([FIRST["length"] + odd], response(body=b"second")))
    face.get_response(target.connection, target.url_for("/1"))
    assert face.get_bytes(target.connection, target.url_for("/2")) == b"second"
    assert target.server.connections == 2


@dataclass(frozen=True)
class Tell:
    """A step that signals that all bytes before it were sent."""

    event: threading.Event

    def play(self, link: Link) -> None:
        self.event.set()


@pytest.mark.parametrize("late", [POISON, POISON[:20], b"\0"], ids=["a response", "half a response", "a byte"])
@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_bytes_between_requests_are_not_the_next_response(face, aim, first, late):
    is_first_read, sent = threading.Event(), threading.Event()
    target = aim(in_turn([first, Until(is_first_read), late, Tell(sent)], response(body=b"second")))
    face.get_response(target.connection, target.url_for("/1"))
    is_first_read.set()
    assert sent.wait(200)
    assert face.get_bytes(target.connection, target.url_for("/2")) == b"second"
    assert target.server.connections == 2
