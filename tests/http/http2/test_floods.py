"""Servers that send endless frames: the connection breaks, and memory stays bounded."""

from __future__ import annotations

import tracemalloc

import pytest

from httpconn.errors import HeaderTooLarge, ProtocolError
from httpconn.http.http2.frames import HEADERS, PRIORITY, frame, settings
from tests.http.http2.conversation import (
    OK,
    PING_FRAME,
    SETTINGS,
    body,
    continuation,
    get,
    goaway,
    head,
    literal,
    opened,
    reset,
    status,
    window_update,
)

BEGUN = frame(HEADERS, 0, 1, OK)
ENOUGH = 100_000_000
"""More bytes than any flood may take before the connection breaks."""

FLOODS = {
    "PING": (b"", PING_FRAME),
    "SETTINGS": (b"", settings({4: 65_535, 3: 100})),
    "changing windows": (b"", settings({4: 1}) + settings({4: 100_000})),
    "replies to SETTINGS": (b"", frame(4, 1, 0, b"")),
    "WINDOW_UPDATE": (b"", window_update(1)),
    "WINDOW_UPDATE of a stream": (b"", window_update(1, 1)),
    "WINDOW_UPDATE of an ended stream": (head(end=True), window_update(1, 1)),
    "RST_STREAM": (head(end=True), reset(0)),
    "PRIORITY": (b"", frame(PRIORITY, 0, 1, bytes(5))),
    "GOAWAY": (b"", goaway(1)),
    "unknown frames": (b"", frame(0xBA, 0, 1, bytes(1000))),
    "empty DATA": (head(), body(b"")),
    "DATA of padding alone": (head(), body(b"\xff" + bytes(255), flags=8)),
    "empty DATA of an ended stream": (head(end=True), body(b"", end=True)),
    "empty CONTINUATION": (BEGUN, continuation(b"")),
    "HEADERS of an ended stream": (head(end=True), head(end=True)),
    "malformed HEADERS of an ended stream": (head(end=True), head(b"", (b"A", b"b"))),
}


@pytest.mark.parametrize("first", [b"", head(stream=3)], ids=["alone", "beside a response"])
@pytest.mark.parametrize(("begin", "flood"), FLOODS.values(), ids=FLOODS)
def test_a_flood_breaks_the_connection(begin, flood, first):
    connection = opened()
    stream, other = get(connection), get(connection)
    connection.receive(SETTINGS + first + begin)
    for _ in range(ENOUGH // len(flood)):
        connection.receive(flood)
        connection.take_output()
        if connection.error:
            break
    assert type(connection.error) is ProtocolError
    assert "1,000" in str(connection.error)
    assert stream.complete or stream.error
    assert other.error


@pytest.mark.parametrize("flood", [PING_FRAME, SETTINGS], ids=["PING", "SETTINGS"])
def test_queued_replies_are_limited_if_the_server_does_not_read(flood):
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head())
    for _ in range(2000):
        connection.receive(flood + body(b"x"))
    assert "replies" in str(connection.error)
    assert len(connection.take_output()) < 100_000
    assert stream.error is not None


def test_frames_of_the_connection_beside_a_long_response_are_no_flood():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head())
    for _ in range(5000):
        connection.receive(PING_FRAME + body(b"x"))
        connection.take_output()
    assert stream.error is None


def test_window_updates_for_a_long_request_are_no_flood():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection, end_stream=False)
    for _ in range(3000):
        assert connection.send_data(stream, bytes(1000)) == 1000
        connection.take_output()
        connection.receive(window_update(1000, stream.id) + window_update(1000))
    assert connection.error is None


def test_a_header_in_endless_parts_is_cut_off():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(BEGUN)
    part = continuation(literal(b"a", b"b" * 100) * 100)
    tracemalloc.start()
    try:
        for _ in range(1000):
            connection.receive(part)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(stream.error) is HeaderTooLarge
    assert peak < 2_000_000


def test_a_small_block_of_many_large_fields_is_refused():
    entry = b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    tracemalloc.start()
    try:
        connection.receive(head(OK + entry + b"\xbe" * 60_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "field block" in str(stream.error)
    assert peak < 2_000_000


def test_settings_of_many_entries_are_refused():
    connection = opened()
    connection.receive(SETTINGS)
    connection.receive(frame(4, 0, 0, settings({4: 1})[9:] * 65))
    assert "64 settings" in str(connection.error)


def test_interim_responses_do_not_count_as_progress():
    connection = opened()
    connection.receive(SETTINGS)
    streams = [get(connection) for _ in range(100)]
    for stream in streams:
        connection.receive((PING_FRAME + status(b"103", stream=stream.id)) * 60)
        connection.take_output()
    assert "1,000" in str(connection.error)
