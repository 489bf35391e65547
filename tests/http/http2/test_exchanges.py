"""Whole exchanges with a server of the h2 library: bodies both ways, windows, limits, and the ends of streams."""

from __future__ import annotations

import gc
import weakref

import pytest
from h2.errors import ErrorCodes
from h2.events import StreamReset as PeerReset

from httpconn.errors import InvalidRequest, ProtocolError, ReadFailed, StreamReset, TruncatedBody
from httpconn.http.http2 import windows
from httpconn.http.http2.frames import RST_STREAM, WINDOW_UPDATE, settings
from tests.http.http2.conversation import OK, SETTINGS, body, frames_in, get, goaway, head, opened, reset, window_update
from tests.http.http2.peer import HEADERS, Pair

MIB = 2**20


def read(pair: Pair, stream) -> bytes:
    """Read a response to its end: take the queued data, then wait for more."""
    data = bytearray()
    while True:
        part = pair.client.take_data(stream)
        pair.exchange()
        data += part
        if not part and (stream.complete or stream.error):
            return data


def upload(pair: Pair, stream, data: bytes) -> None:
    while True:
        data = data[pair.client.send_data(stream, data, end=True) :]
        if not data:
            break
        pair.progressed.clear()
        pair.exchange()
        assert stream in pair.progressed
    pair.exchange()


def test_requests_and_responses_of_many_streams_arrive_whole():
    pair = Pair()
    streams = [pair.get(b"/%d" % number) for number in range(50)]
    pair.exchange()
    for number, stream in reversed([*enumerate(streams)]):
        pair.peer.respond(stream.id, b"%d" % number * 1000, [(b"x", b"%d" % number)])
    pair.exchange()
    for number, stream in enumerate(streams):
        assert dict(pair.peer.requests[stream.id])[b":path"] == b"/%d" % number
        assert stream.head.fields == [(b"x", b"%d" % number)]
        assert read(pair, stream) == b"%d" % number * 1000
    assert pair.client.available == pair.client.max_streams


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 3 * MIB])
def test_bodies_of_any_size_pass_both_ways(size):
    pair = Pair()
    sent = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    stream = pair.client.request(b"POST", b"https", b"example.com", b"/", HEADERS, end_stream=False)
    upload(pair, stream, sent)
    assert pair.peer.bodies[stream.id] == sent
    pair.peer.respond(stream.id, sent)
    pair.exchange()
    assert read(pair, stream) == sent
    assert pair.client.available == pair.client.max_streams


def test_a_head_of_many_bytes_is_sent_and_read_in_several_frames():
    pair = Pair()
    fields = [(b"x-%d" % number, b"y" * 1000) for number in range(40)]
    stream = pair.client.request(b"GET", b"https", b"example.com", b"/", [*HEADERS, *fields])
    pair.exchange()
    assert pair.peer.requests[stream.id][-40:] == fields
    pair.peer.respond(stream.id, b"ok", fields)
    pair.exchange()
    assert stream.head.fields == fields


def test_a_body_must_be_as_long_as_declared():
    pair = Pair()
    fields = [*HEADERS, (b"Content-Length", b"4")]
    for data in (b"12345", b"123"):
        stream = pair.client.request(b"POST", b"https", b"example.com", b"/", fields, end_stream=False)
        with pytest.raises(InvalidRequest):
            pair.client.send_data(stream, data, end=True)
        pair.client.cancel(stream)
    stream = pair.client.request(b"POST", b"https", b"example.com", b"/", fields, end_stream=False)
    assert pair.client.send_data(stream, b"1234", end=True) == 4
    with pytest.raises(InvalidRequest):
        pair.client.send_data(stream, b"5")


def test_a_stream_without_a_reader_holds_its_window_and_blocks_no_other():
    pair = Pair()
    unread = pair.get()
    pair.exchange()
    pair.peer.respond(unread.id, bytes(20 * MIB))
    pair.exchange()
    assert sum(map(len, unread.chunks)) == MIB
    for _ in range(3):
        stream = pair.get()
        pair.exchange()
        pair.peer.respond(stream.id, bytes(10 * MIB))
        pair.exchange()
        assert len(read(pair, stream)) == 10 * MIB
    assert sum(map(len, unread.chunks)) == MIB
    assert len(read(pair, unread)) == 20 * MIB


def test_the_window_grows_with_a_reader_that_keeps_up():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head())
    for _ in range(40 * MIB // 65_536):
        connection.receive(body(bytes(65_536)))
        connection.take_data(stream)
    assert stream.window_size == 32 * MIB
    updates = [each for each in frames_in(connection.take_output()) if each[0] == WINDOW_UPDATE and each[2] == 1]
    assert len(updates) <= 12
    assert stream.window + stream.unacknowledged == 32 * MIB


def test_the_window_of_a_large_body_grows_with_its_head():
    connection = opened()
    connection.receive(SETTINGS)
    streams = [get(connection) for _ in range(10)]
    connection.take_output()
    for stream in streams:
        connection.receive(head(OK, (b"content-length", b"%d" % (100 * MIB)), stream=stream.id))
    assert streams[0].window == 32 * MIB
    assert all(stream.window > MIB for stream in streams)
    assert sum(stream.window for stream in streams) <= 10 * MIB + windows.GROWTH
    assert len(frames_in(connection.take_output())) == 10


def test_the_window_of_a_slow_reader_stays():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head())
    for _ in range(20):
        connection.receive(body(bytes(65_536)) * 16)
        assert len(connection.take_data(stream)) == MIB
    assert stream.window_size == MIB


def test_the_windows_of_all_streams_grow_within_one_bound():
    connection = opened()
    connection.receive(SETTINGS)
    streams = [get(connection) for _ in range(20)]
    for stream in streams:
        connection.receive(head(stream=stream.id))
        for _ in range(320):
            connection.receive(body(bytes(65_536), stream=stream.id))
            connection.take_data(stream)
    assert windows.GROWTH < sum(stream.window_size for stream in streams) <= 20 * MIB + windows.GROWTH
    for stream in streams[:10]:
        connection.cancel(stream)
    for stream in streams[10:]:
        connection.receive(body(b"x", stream=stream.id, end=True))
        connection.take_data(stream)
    late = get(connection)
    connection.receive(head(stream=late.id))
    for _ in range(320):
        connection.receive(body(bytes(65_536), stream=late.id))
        connection.take_data(late)
    assert late.window_size > 4 * MIB


def test_no_window_is_opened_for_a_declared_body_that_fits():
    pair = Pair()
    stream = pair.get()
    pair.exchange()
    pair.peer.respond(stream.id, bytes(MIB), [(b"content-length", b"%d" % MIB)])
    answer = pair.peer.h2.data_to_send()
    for start in range(0, len(answer), 65_536):
        pair.client.receive(answer[start : start + 65_536])
        pair.client.take_data(stream)
    assert stream.complete
    assert pair.client.take_output() == b""


def test_a_stream_progresses_when_the_bytes_that_its_reader_wants_have_come():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head(OK, (b"content-length", b"5000")))
    buffer = memoryview(bytearray(3000))
    assert connection.take_into(stream, buffer, 2000) == 0
    assert connection.receive(body(bytes(1999))) == []
    assert connection.receive(body(b"x" * 1501)) == [stream]
    assert connection.take_into(stream, buffer, 2000) == 3000
    assert (bytes(buffer), stream.unread) == (bytes(1999) + b"x" * 1001, 2000)
    assert connection.take_into(stream, buffer[:100], 1) == 100
    assert connection.receive(body(b"y" * 1500, end=True)) == [stream]
    assert connection.take_into(stream, buffer, 3000) == 1900
    assert (bytes(buffer[:1900]), stream.unread) == (b"x" * 400 + b"y" * 1500, 0)


def test_a_stream_progresses_when_it_is_reset_before_the_wanted_bytes():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head(OK, (b"content-length", b"5000")) + body(b"abc"))
    buffer = memoryview(bytearray(3000))
    assert connection.take_into(stream, buffer, 2000) == 0
    assert connection.receive(reset(2)) == [stream]
    assert connection.take_into(stream, buffer, 2000) == 3
    assert connection.take_into(stream, buffer, 2000) == 0
    assert isinstance(stream.error, StreamReset)


def test_a_waiting_buffer_receives_data_until_its_reader_leaves():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head(OK, (b"content-length", b"9000")))
    buffer = memoryview(bytearray(3000))
    assert connection.take_into(stream, buffer, 3000) == 0
    assert connection.receive(body(b"a" * 1000) + body(b"b" * 1000)) == []
    assert connection.receive(body(b"c" * 1000) + body(b"d" * 1000)) == [stream]
    assert connection.take_into(stream, buffer, 3000) == 3000
    assert bytes(buffer) == b"a" * 1000 + b"b" * 1000 + b"c" * 1000
    connection.receive(body(b"e" * 1000))
    assert (bytes(buffer[:3]), connection.take_data(stream)) == (b"aaa", b"d" * 1000 + b"e" * 1000)
    assert connection.take_into(stream, buffer, 3000) == 0
    connection.cancel(stream)
    connection.receive(body(b"f" * 1000))
    assert (bytes(buffer[:3]), connection.error) == (b"aaa", None)


def test_a_buffer_of_a_large_body_opens_the_window():
    """The window opens when the data arrives, not when the reader wakes up."""
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head())
    buffer = memoryview(bytearray(4 * MIB))
    assert connection.take_into(stream, buffer, 4 * MIB) == 0
    for _ in range(63):
        connection.receive(body(bytes(65_536)))
    assert (stream.error, connection.receive(body(bytes(65_536)))) == (None, [stream])
    assert connection.take_into(stream, buffer, 4 * MIB) == 4 * MIB


def test_padding_opens_the_window_again():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head())
    padded = b"\xff" + bytes(255)
    for _ in range(3 * MIB // 256):
        connection.receive(body(b"\xfe" + b"x" + bytes(254), flags=0x8) + body(padded, flags=0x8))
        connection.take_data(stream)
    assert stream.error is None
    assert connection.error is None


def test_data_beyond_the_window_is_refused():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head() + body(bytes(65_536)) * 16)
    assert connection.error is None
    connection.receive(body(b"x"))
    assert "window" in str(stream.error)
    assert len(connection.take_data(stream)) == MIB


def test_single_bytes_of_a_body_do_not_cost_an_object_each():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head() + body(b"x") * 10_000)
    assert len(stream.chunks) == 1
    assert connection.take_data(stream) == b"x" * 10_000


def test_as_many_streams_open_as_the_server_allows():
    connection = opened()
    assert connection.available == 100
    connection.receive(settings({3: 2}))
    first = get(connection)
    get(connection)
    assert connection.available == 0
    with pytest.raises(InvalidRequest):
        get(connection)
    connection.receive(settings({3: 1}) + head(stream=first.id, end=True))
    assert connection.available == 0
    connection.receive(head(stream=3, end=True))
    assert connection.available == 1
    connection.receive(settings({3: 0}))
    assert connection.available == 0
    connection.receive(settings({3: 2**32 - 1}))
    assert connection.available == 256


def test_the_settings_of_the_server_apply_to_open_streams():
    connection = opened()
    connection.receive(settings({4: 0}))
    stream = get(connection, end_stream=False)
    assert connection.send_data(stream, b"hello", end=True) == 0
    assert connection.receive(settings({4: 3})) == [stream]
    assert connection.send_data(stream, b"hello", end=True) == 3
    connection.receive(settings({4: 1}))  # the window is -2 now
    connection.receive(window_update(2, stream.id))
    assert connection.send_data(stream, b"lo", end=True) == 0
    assert connection.receive(window_update(2, stream.id)) == [stream]
    assert connection.send_data(stream, b"lo", end=True) == 2


def test_bodies_are_sent_in_frames_of_the_size_that_the_server_accepts():
    connection = opened()
    connection.receive(settings({4: MIB, 5: 20_000}))
    stream = get(connection, end_stream=False)
    connection.take_output()
    assert connection.send_data(stream, bytes(50_000), end=True) == 50_000
    sent = frames_in(connection.take_output())
    assert [(flags, len(payload)) for _, flags, _, payload in sent] == [(0, 20_000), (0, 20_000), (1, 10_000)]


def test_after_a_goaway_earlier_streams_continue_and_later_ones_are_unprocessed():
    connection = opened()
    connection.receive(SETTINGS)
    first, second, third = (get(connection) for _ in range(3))
    assert set(connection.receive(head() + body(b"he") + goaway(3))) == {first, third}
    assert connection.is_closing
    assert connection.available == 0
    assert (first.error, second.error, third.unprocessed) == (None, None, True)
    assert isinstance(third.error, ReadFailed)
    connection.receive(body(b"llo", end=True) + head(stream=3, end=True) + b"")
    assert (first.complete, connection.take_data(first), second.complete) == (True, b"hello", True)
    connection.receive(b"")
    assert third.error is not None


def test_a_goaway_may_be_announced_first():
    connection = opened()
    connection.receive(SETTINGS)
    first, second = get(connection), get(connection)
    connection.receive(goaway(2**31 - 1))
    assert (first.error, second.error) == (None, None)
    connection.receive(goaway(1) + head(end=True))
    assert (first.complete, second.unprocessed) == (True, True)


def test_a_refused_stream_is_unprocessed_and_others_continue():
    connection = opened()
    connection.receive(SETTINGS)
    first, second = get(connection), get(connection)
    connection.receive(reset(7) + head(stream=3, end=True))
    assert first.unprocessed
    assert isinstance(first.error, ReadFailed)
    assert (second.complete, connection.is_closing) == (True, False)


def test_a_server_may_end_its_response_before_the_request_ends():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection, end_stream=False)
    connection.receive(head(end=True))
    assert stream.complete
    assert connection.available == connection.max_streams - 1
    connection.receive(reset(0))
    assert stream.error is None
    assert connection.available == connection.max_streams
    assert connection.send_data(stream, b"x", end=True) == 0


@pytest.mark.parametrize("rest", [b"", body(b"hello")], ids=["nothing", "a part"])
def test_the_end_of_the_connection_cuts_a_response(rest):
    connection = opened()
    connection.receive(SETTINGS)
    begun, unbegun = get(connection), get(connection)
    connection.receive(head() + rest)
    connection.receive(b"")
    assert type(begun.error) is TruncatedBody
    assert type(unbegun.error) is ReadFailed
    assert (begun.responded, unbegun.responded) == (True, False)
    assert connection.take_data(begun) == rest[9:]


def test_the_end_after_a_goaway_with_an_error_names_it():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(goaway(1, 11))
    assert stream.error is None
    connection.receive(b"")
    assert type(stream.error) is ProtocolError
    assert stream.error.retryable
    assert "ENHANCE_YOUR_CALM" in str(stream.error)


def test_each_stream_gets_an_error_of_its_own():
    connection = opened()
    connection.receive(SETTINGS)
    streams = [get(connection) for _ in range(3)]
    assert connection.fail(ReadFailed("The socket broke")) == streams
    assert len({id(stream.error) for stream in streams}) == 3
    assert {str(stream.error) for stream in streams} == {"The socket broke"}
    assert connection.receive(head()) == []


def test_a_cancelled_stream_is_reset_and_its_frames_are_dropped():
    pair = Pair()
    stream = pair.get()
    pair.exchange()
    pair.peer.respond(stream.id, bytes(10 * MIB))
    on_its_way = pair.peer.h2.data_to_send()
    pair.client.receive(on_its_way[:100_000])
    pair.client.cancel(stream)
    pair.client.cancel(stream)
    assert not stream.chunks
    assert [each[0] for each in frames_in(pair.client.take_output())] == [RST_STREAM]
    assert pair.client.receive(on_its_way[100_000:]) == []
    assert pair.client.error is None
    other = pair.get()
    pair.exchange()
    pair.peer.respond(other.id, b"ok")
    pair.exchange()
    assert read(pair, other) == b"ok"


def test_a_cancelled_request_body_is_reset():
    pair = Pair()
    stream = pair.client.request(b"POST", b"https", b"example.com", b"/", HEADERS, end_stream=False)
    pair.client.send_data(stream, b"begin")
    pair.client.cancel(stream)
    pair.exchange()
    (event,) = [each for each in pair.peer.events if isinstance(each, PeerReset)]
    assert event.error_code == ErrorCodes.CANCEL
    assert pair.client.send_data(stream, b"more") == 0


def test_data_of_cancelled_streams_is_bounded_by_their_windows():
    connection = opened()
    connection.receive(SETTINGS)
    stream = get(connection)
    connection.receive(head())
    connection.cancel(stream)
    connection.receive(body(bytes(65_536)) * 16)
    assert connection.error is None
    connection.receive(body(b"x"))
    assert "has ended" in str(connection.error)


def test_streams_are_noted_once_for_each_call():
    connection = opened()
    connection.receive(SETTINGS)
    first, second = get(connection), get(connection)
    assert connection.receive(head(stream=3) + head() + body(b"x") + body(b"y", end=True)) == [second, first]
    assert connection.receive(body(b"x", stream=3)) == [second]


def test_a_reset_names_its_code():
    pair = Pair()
    stream = pair.get()
    pair.exchange()
    pair.peer.h2.reset_stream(stream.id, ErrorCodes.INTERNAL_ERROR)
    pair.exchange()
    assert isinstance(stream.error, StreamReset)
    assert "INTERNAL_ERROR" in str(stream.error)


class Marker:
    """What lives as long as the stream that holds it."""


def test_a_dropped_connection_is_freed_at_once():
    pair = Pair()
    stream, marker = pair.get(), Marker()
    pair.exchange()
    stream.waiter, freed = marker, weakref.ref(marker)
    gc.disable()
    try:
        del pair, stream, marker
        assert freed() is None
    finally:
        gc.enable()
