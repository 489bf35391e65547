"""Field blocks: compatibility with hpack in both directions, and limits of the decoder."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.errors import InvalidRequest
from httpconn.http.http2.compression import FieldDecoder, encode_fields, encode_target
from httpconn.http.http2.faults import ConnectionFault
from httpconn.http.http2.messages import RequestWriter
from tests.http.http2.conversation import FIELDS, SETTINGS, get, head, opened

ROOM = 10_000

TEXTS = st.one_of(st.sampled_from([b":status", b"200", b"server", b"etag", b"a"]), st.binary(max_size=200))
FIELD_LISTS = st.lists(st.tuples(TEXTS, TEXTS), max_size=12)
SIZES = st.sampled_from([None, 0, 100, 4096])


@given(st.lists(st.tuples(SIZES, st.booleans(), FIELD_LISTS), max_size=6))
def test_blocks_of_hpack_are_read_with_its_table(blocks):
    encoder, decoder = hpack.Encoder(), FieldDecoder(1_000_000)
    for size, huffman, fields in blocks:
        if size is not None and size != encoder.header_table_size:
            encoder.header_table_size = size
        assert decoder.decode(encoder.encode(fields, huffman=huffman)) == fields


@given(FIELD_LISTS, st.binary(min_size=1, max_size=400))
def test_hpack_reads_what_is_written(fields, target):
    block = encode_fields(fields) + encode_target(target)
    decoder = hpack.Decoder(max_header_list_size=1_000_000)
    assert decoder.decode(block, raw=True) == [*fields, (b":path", target)]
    assert FieldDecoder(1_000_000).decode(block) == [*fields, (b":path", target)]


@given(st.binary(max_size=60))
def test_any_block_is_read_as_by_hpack_or_refused(block):
    reference = hpack.Decoder(max_header_list_size=ROOM)
    try:
        expected = reference.decode(block, raw=True)
    except (hpack.HPACKError, IndexError):
        expected = None
    try:
        fields = FieldDecoder(ROOM).decode(block)
    except ConnectionFault:
        fields = None
    assert fields == expected


@pytest.mark.parametrize(
    "block",
    [
        b"\x40\x01a\x7f\x80\x1f" + b"b" * 4000 + b"\xbe" * 10,
        b"\x3f\xe2\x1f",
        b"\x82\x20",
        b"\x80",
        b"\x00\x01a\x7f\xff\xff\xff\xff\xff\xff\x01",
        b"\x00\x01a\x05b",
    ],
    ids=["a bomb", "a larger table", "a table resized late", "index 0", "a huge number", "a text cut short"],
)
def test_a_block_beyond_the_bounds_is_refused(block):
    with pytest.raises(ConnectionFault):
        FieldDecoder(ROOM).decode(block)


def test_a_response_sent_again_is_read_again():
    connection = opened()
    connection.receive(SETTINGS)
    encoder = hpack.Encoder()
    for stream_id in range(1, 11, 2):
        stream = get(connection)
        fields = [(b"server", b"x"), (b"etag", b'"%d"' % (stream_id // 4))]
        connection.receive(head(encoder.encode([(b":status", b"200"), *fields]), stream=stream_id, end=True))
        assert stream.head.fields == fields


def test_a_request_is_written_in_lower_case_without_fields_of_the_connection():
    fields = [(b"Host", b"other"), (b"Connection", b"close"), (b"Transfer-Encoding", b"chunked"), (b"X-Key", b"1")]
    block, length = RequestWriter().write(b"GET", b"https", b"example.com", b"/a?b", fields)
    assert length == -1
    assert hpack.Decoder().decode(block, raw=True) == [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"example.com"),
        (b":path", b"/a?b"),
        (b"x-key", b"1"),
    ]


def test_secrets_are_marked_as_such():
    block, _ = RequestWriter().write(b"GET", b"https", b"example.com", b"/", [(b"Authorization", b"SECRET")])
    assert [isinstance(field, hpack.NeverIndexedHeaderTuple) for field in hpack.Decoder().decode(block, raw=True)][-1]


@pytest.mark.parametrize(
    "change",
    [
        {"method": b"CONNECT"},
        {"method": b"G T"},
        {"target": b"/a b"},
        {"target": b""},
        {"authority": b"a\r\nb"},
        {"headers": [(b"a", b"x\r\nb: y")]},
        {"headers": [(b"a b", b"x")]},
        {"headers": [(b":path", b"/")]},
        {"headers": [(b"TE", b"gzip")]},
        {"headers": [(b"Content-Length", b"x")]},
    ],
)
def test_a_request_that_cannot_be_sent_is_refused_before_anything_is_written(change):
    given = {"method": b"GET", "scheme": b"https", "authority": b"example.com", "target": b"/", "headers": FIELDS}
    connection = opened()
    with pytest.raises(InvalidRequest):
        connection.request(**{**given, **change})
    assert connection.take_output() == b""
    assert connection.available == connection.max_streams
