"""HTTP/2 servers that violate the protocol or flood the client (RFC 9113 section 10.5)."""

from __future__ import annotations

import gzip

import hyperframe.frame as frames
import pytest

import httpconn
from tests.attacks.bombs import MIB, PACK, bomb
from tests.http.frames import CONTENT_LENGTH, STATUS, STATUS_200, data, headers, http2_peer, literal

SERVER, CONTENT_ENCODING = 54, 26  # of the static table (RFC 7541)


def begun(block: bytes = STATUS_200) -> bytes:
    """Return a header block without its end."""
    return frames.HeadersFrame(1, block).serialize()


def named(name: bytes, value: bytes = b"x") -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def indexed_flood(count: int) -> bytes:
    """Return one field that is added to the table and then repeated by its index, a byte each (RFC 7541)."""
    return STATUS_200 + b"\x40\x01x\x7f\x81\x1f" + b"y" * 4000 + b"\xbe" * count


def pushed() -> bytes:
    frame = frames.PushPromiseFrame(1, 2, STATUS_200)
    frame.flags.add("END_HEADERS")
    return frame.serialize()


LIES = {
    "two statuses": headers(STATUS_200 + literal(STATUS, b"404")) + data(b"ok"),
    "NUL in a value": headers(STATUS_200 + named(b"x", b"a\0b")) + data(b"ok"),
    "LF in a value": headers(STATUS_200 + named(b"x", b"a\nb: c")) + data(b"ok"),
    "lengths that differ": headers(STATUS_200 + literal(CONTENT_LENGTH, b"2") + literal(CONTENT_LENGTH, b"3"))
    + data(b"ok"),
    "less than the length": headers(STATUS_200 + literal(CONTENT_LENGTH, b"3")) + data(b"ok"),
    "more than the length": headers(STATUS_200 + literal(CONTENT_LENGTH, b"1")) + data(b"ok"),
    "status 999": headers(literal(STATUS, b"999")) + data(b"ok"),
    "status 99": headers(literal(STATUS, b"99")) + data(b"ok"),
    "101": headers(literal(STATUS, b"101")) + data(b"ok"),
    "a push": headers(STATUS_200) + pushed() + data(b"ok"),
    "2000 fields": headers(STATUS_200 + named(b"x") * 500),
    "a bomb of indices": headers(indexed_flood(8000)),
    "a stream reset": headers(STATUS_200) + frames.RstStreamFrame(1, 8).serialize(),
    "a stream reset at once": frames.RstStreamFrame(1, 2).serialize(),
    "going away": frames.GoAwayFrame(0, 0, 11).serialize(),
    "going away in mid-body": headers(STATUS_200) + frames.GoAwayFrame(0, 0, 11).serialize(),
    "a window that overflows": headers(STATUS_200) + frames.WindowUpdateFrame(0, 2**31 - 1).serialize() * 2,
    "a window that grows by nothing": frames.WindowUpdateFrame(0, 1).serialize()[:-4] + bytes(4),
    "a setting out of range": frames.SettingsFrame(0, {frames.SettingsFrame.MAX_FRAME_SIZE: 1}).serialize(),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_protocol_violation_is_an_error(face, connect, certificates, outcome, lie):
    with http2_peer(certificates, LIES[lie]) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        result = outcome(connection, url, timeout=1)
        face.close(connection)
        assert isinstance(result, (httpconn.ResponseError, httpconn.ReadFailed, httpconn.LimitExceeded)), result


WHOLE = headers(STATUS_200 + literal(CONTENT_LENGTH, b"10")) + data(b"0123456789")
GZIPPED = gzip.compress(b"0123456789", mtime=0)
PACKED = headers(STATUS_200 + literal(CONTENT_ENCODING, b"gzip")) + data(GZIPPED)


@pytest.mark.parametrize("whole", [WHOLE, PACKED], ids=["length", "gzip"])
def test_a_response_cut_at_any_byte_is_an_error(face, connect, certificates, outcome, whole):
    cuts = iter(range(len(whole) + 1))
    with http2_peer(certificates, lambda: whole[: next(cuts)], closing=True) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        for length in range(len(whole)):
            result = outcome(connection, url)
            assert isinstance(result, (httpconn.ReadFailed, httpconn.TruncatedBody, httpconn.ProtocolError)), length
        assert outcome(connection, url) == b"0123456789"


@pytest.mark.parametrize("codings", [*PACK, "gzip, gzip", "zstd, br", "gzip, gzip, gzip"])
def test_a_bomb_is_rejected(face, connect, certificates, outcome, codings):
    packed = bomb(codings)
    pieces = [frames.DataFrame(1, packed[at : at + 16_384]).serialize() for at in range(0, len(packed), 16_384)]
    block = headers(STATUS_200 + literal(CONTENT_ENCODING, codings.encode())) + b"".join(pieces)
    with http2_peer(certificates, block) as url:
        limits = httpconn.Limits(max_bytes=MIB)
        connection = connect(http2=True, verify=certificates.trust(), retries=0, limits=limits)
        result = outcome(connection, url)
        face.close(connection)
    assert isinstance(result, (httpconn.LimitExceeded, httpconn.DecodingError)), result


def continued(block: bytes) -> bytes:
    return frames.ContinuationFrame(1, block).serialize()


EMPTY_DATA = frames.DataFrame(1, b"").serialize()
TINY_DATA = frames.DataFrame(1, b"x").serialize()
FLOODS = {
    "continuations": (begun(), continued(literal(SERVER, b"x")) * 100),
    "empty continuations": (begun(), continued(b"") * 100),
    "interim responses": (b"", headers(literal(STATUS, b"103")) * 100),
    "pings": (b"", frames.PingFrame(0, b"12345678").serialize() * 100),
    "settings": (b"", frames.SettingsFrame(0).serialize() * 100),
    "windows": (b"", frames.WindowUpdateFrame(1, 1).serialize() * 100),
    "priorities": (b"", frames.PriorityFrame(1, depends_on=3).serialize() * 100),
    "unknown frames": (b"", b"\x00\x00\x00\xee\x00\x00\x00\x00\x01" * 100),
    "pings in mid-body": (headers(STATUS_200), frames.PingFrame(0, b"12345678").serialize() * 100),
    "empty data": (headers(STATUS_200), EMPTY_DATA * 100),
    "data": (headers(STATUS_200), frames.DataFrame(1, b"x" * 10_000).serialize()),
    "a frame larger than allowed": (b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", b"x" * 65536),
    "data of one byte, padded": (
        headers(STATUS_200),
        frames.DataFrame(1, b"x", pad_length=255, flags=["PADDED"]).serialize() * 10,
    ),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_at_a_limit_or_in_time(face, connect, certificates, outcome, flood):
    with http2_peer(certificates, *FLOODS[flood]) as url:
        limits = httpconn.Limits(max_bytes=200_000)
        connection = connect(http2=True, verify=certificates.trust(), retries=0, limits=limits)
        result = outcome(connection, url, timeout=0.3)
        face.close(connection)
        assert isinstance(result, httpconn.HTTPConnError), result


@pytest.mark.parametrize("frame", [EMPTY_DATA, TINY_DATA])
def test_the_number_of_frames_without_content_is_limited(face, connect, certificates, outcome, frame):
    with http2_peer(certificates, headers(STATUS_200), frame * 1000) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        assert isinstance(outcome(connection, url, timeout=20), (httpconn.HeaderTooLarge, httpconn.ProtocolError))
        face.close(connection)
