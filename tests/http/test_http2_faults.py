"""HTTP/2 servers that violate the protocol: the error is always a remote one."""

from __future__ import annotations

import httpx
import hyperframe.frame as frames
import pytest

import httpconn
from httpconn import RetryPolicy
from tests.http.frames import (
    CONTENT_LENGTH,
    STATUS,
    STATUS_200,
    data,
    headers,
    http2_peer,
    literal,
    respond_on,
    responding_http2_peer,
)

FAULTS = {
    "a status that is not a number": headers(literal(STATUS, b"abc")) + data(b"ok"),
    "a length that is not a number": headers(STATUS_200 + literal(CONTENT_LENGTH, b"x")) + data(b"ok"),
    "a length that is not the body's": headers(STATUS_200 + literal(CONTENT_LENGTH, b"9")) + data(b"ok"),
    "a header that cannot be unpacked": headers(b"\xff\xff\xff\xff\xff\xff"),
    "a body before the header": data(b"ok"),
    "a stream that was never opened": frames.DataFrame(7, b"ok").serialize(),
    "a frame of the wrong size": b"\x00\x00\x03\x04\x00\x00\x00\x00\x00abc",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_protocol_violation_is_a_remote_protocol_error(face, user, certificates, fault):
    with http2_peer(certificates, FAULTS[fault]) as url:
        made = user(http2=True, ssl_context=certificates.trust())
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            face.run(made.get, url)
        assert len(str(caught.value)) <= 200
        face.run(made.leave)


def test_a_response_that_begins_before_goaway_continues(face, connect, certificates):
    """RFC 9113 section 6.8: the server processes the streams up to the last one that it names."""
    remaining = headers(STATUS_200) + data(b"ok")
    with http2_peer(certificates, frames.GoAwayFrame(0, last_stream_id=1).serialize() + remaining) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        assert face.get_bytes(connection, url) == b"ok"
        assert face.get_bytes(connection, url) == b"ok"
        assert connection.stats().connections.made == 2


def test_goaway_before_any_request_was_processed_is_retried(face, connect, certificates):
    with http2_peer(certificates, frames.GoAwayFrame(0, last_stream_id=0).serialize()) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=RetryPolicy(attempts=2, backoff=0))
        with pytest.raises(httpconn.ReadFailed) as caught:
            face.get_bytes(connection, url)
        assert caught.value.attempts == 2


@pytest.mark.parametrize(("name", "value"), [("TE", "SECRET"), ("X-Key", "SECRET\n"), ("X Key", "SECRET")])
def test_an_error_names_an_invalid_request_header(face, user, http2_server, certificates, name, value):
    made = user(http2=True, ssl_context=certificates.trust())
    with pytest.raises(httpx.LocalProtocolError, match=f"(?i){name}") as caught:
        face.run(lambda: made.open(http2_server, headers={name: value}))
    assert "SECRET" not in str(caught.value)


def streamed(face, parts):
    """Return a body that can be read only once."""

    return AsyncParts(parts) if face.is_async else parts


class AsyncParts:
    """An asynchronous iterator, which needs no closing, unlike a generator."""

    def __init__(self, parts):
        self._parts = parts

    def __aiter__(self):
        return self

    async def __anext__(self):
        part = next(self._parts, None)
        if part is None:
            raise StopAsyncIteration
        return part


def test_an_error_of_the_request_body_is_raised_unchanged(face, user, http2_server, certificates):
    made = user(http2=True, ssl_context=certificates.trust())

    def parts():
        yield b"x"
        raise ValueError("out of parts")

    with pytest.raises(ValueError, match="out of parts"):
        face.run(made.post, f"{http2_server}/echo", streamed(face, parts()))


def take_one(send, stream):
    """Respond to the first request of a connection, and send GOAWAY instead of processing another one."""
    send(respond_on(stream) if stream == 1 else frames.GoAwayFrame(0, last_stream_id=1).serialize())


def test_an_unprocessed_request_is_sent_on_another_connection(face, user, certificates):
    with responding_http2_peer(certificates, frames.SettingsFrame(0).serialize(), take_one) as url:
        made = user(http2=True, ssl_context=certificates.trust())
        face.run(made.get, url)
        assert face.run(made.post, url, b"body").content == b"late"
        assert made.transport.stats.made == 2
        face.run(made.leave)


def test_an_unprocessed_request_with_a_consumed_body_is_an_error(face, user, certificates):
    with responding_http2_peer(certificates, frames.SettingsFrame(0).serialize(), take_one) as url:
        made = user(http2=True, ssl_context=certificates.trust())
        face.run(made.get, url)
        with pytest.raises(httpx.RemoteProtocolError, match="cannot be sent again"):
            face.run(made.post, url, streamed(face, (part for part in [b"bo", b"dy"])))
        assert face.run(made.get, url).content == b"late"
        face.run(made.leave)
