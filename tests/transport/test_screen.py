"""What h11 is given to read; what it then makes of answers is for tests/transport/test_differential.py."""

from __future__ import annotations

import pytest
from hyperframe.frame import SettingsFrame

from httpconn.errors import HeaderTooLarge, ProtocolError, TruncatedBody
from httpconn.options import Limits
from httpconn.transport.frames import PREFACE, SPARE
from httpconn.transport.passages import Passage
from httpconn.transport.screen import Screen

MAX_STREAMS, WINDOW = SettingsFrame.MAX_CONCURRENT_STREAMS, SettingsFrame.INITIAL_WINDOW_SIZE
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def asked(request: bytes = GET, limits: Limits | None = None) -> Screen:
    screen = Screen()
    with Passage(limits or Limits()).current():
        screen.sent(request)
    return screen


@pytest.mark.parametrize("sent", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x05\x01\x00", b"\0\0\0\x04\0\0\0\0\0"])
def test_other_protocols_pass(sent):
    assert asked(sent).passed(b"\0\n\r anything") == b"\0\n\r anything"


class TestFrames:
    """Of HTTP/2; see also tests/attacks/test_http2.py."""

    EMPTY, FULL = bytes(9), b"\x00\x00\x09" + bytes(6 + 9)
    LAST, PING = b"\0\0\0\0\x01\0\0\0\1", b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)

    def counting(self) -> Screen:
        return asked(PREFACE + b"\0\0\0\4\0\0\0\0\0")

    @pytest.mark.parametrize("size", [1, 7, 9, 10, 10_000])
    def test_those_without_content_are_counted_however_they_are_cut(self, size):
        screen, flood = self.counting(), self.EMPTY * SPARE
        assert b"".join(screen.passed(flood[start : start + size]) for start in range(0, len(flood), size)) == flood
        with pytest.raises(HeaderTooLarge):
            screen.passed(self.EMPTY * SPARE)  # more than time can have given back

    @pytest.mark.parametrize("frame", [FULL, LAST, PING])
    def test_others_are_not(self, frame):
        screen = self.counting()
        screen.passed(frame * 2 * SPARE)
        screen.passed(self.EMPTY * SPARE)

    def test_content_makes_up_for_them(self):
        screen = self.counting()
        for _ in range(3):
            screen.passed(self.EMPTY * SPARE)
            screen.passed(b"\x02\0\0" + bytes(6 + 2**17))

    @pytest.mark.parametrize("size", [1, 5, 6, 14, 1000])
    def test_that_fewer_streams_are_allowed_is_kept_back_however_it_is_cut(self, size):
        def told(*changes: dict[int, int]) -> bytes:
            return b"".join(SettingsFrame(0, change).serialize() + self.PING for change in changes)

        screen, more = self.counting(), told({}, {WINDOW: 9, MAX_STREAMS: 0}, {MAX_STREAMS: 60, WINDOW: 7})
        assert screen.passed(more) == more
        assert not screen.allows_fewer
        came = told({WINDOW: 5, MAX_STREAMS: 1}, {MAX_STREAMS: 0}, {MAX_STREAMS: 61})
        passed = b"".join(screen.passed(came[start : start + size]) for start in range(0, len(came), size))
        assert passed == told({WINDOW: 5, MAX_STREAMS: 60}, {MAX_STREAMS: 60}, {MAX_STREAMS: 61})
        assert screen.allows_fewer


def test_an_answer_is_written_anew():
    screen = asked()
    assert screen.passed(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD[:9]) == b""
    assert screen.passed(HEAD[9:] + b"A:b \r\nTransfer-Encoding: chunked\r\n\r\n") == (
        HEAD + b"A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert screen.passed(b"1;x\r\na\r\n1\r\nb\r\n") == b"2\r\nab\r\n"
    assert screen.passed(b"0\r\nTrailer: x\r\n\r\n") == b"0\r\n\r\n"
    assert screen.passed(b"") == b""


def test_what_follows_an_answer_is_told_and_not_quoted():
    screen = asked()
    assert screen.passed(HEAD + b"Content-Length: 1\r\n\r\na" + HEAD).endswith(b"\r\n\r\na\0")
    assert screen.passed(HEAD) == b"\0"


def test_what_came_before_a_fault_is_passed_first():
    screen = asked()
    assert screen.passed(CHUNKED + b"1\r\na\r\n1\nb") == CHUNKED + b"1\r\na\r\n"
    with pytest.raises(ProtocolError):
        screen.check()


def test_an_early_end_is_a_fault():
    screen = asked()
    screen.passed(CHUNKED + b"1\r\na")
    with pytest.raises(TruncatedBody):
        screen.passed(b"")


def test_the_end_ends_what_has_no_other_end():
    screen = asked()
    assert screen.passed(HEAD + b"\r\nabc") == HEAD + b"\r\nabc"
    assert screen.passed(b"") == b""
    screen.check()


def test_the_limits_are_those_of_the_call():
    with pytest.raises(HeaderTooLarge):
        asked(limits=Limits(max_headers=2)).passed(HEAD + b"A: b\r\n" * 3 + b"\r\n")
    assert asked(limits=Limits(max_headers=3)).passed(HEAD + b"A: b\r\n" * 3 + b"\r\n")


def test_a_body_that_looks_like_a_request_is_none():
    screen = asked(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\n")
    screen.sent(b"HEAD / HTTP/1.1\r\nHost: x")
    assert screen.passed(HEAD + b"Content-Length: 2\r\n\r\nok").endswith(b"ok")


def test_the_next_request_has_the_next_answer():
    screen = asked()
    screen.passed(HEAD + b"Content-Length: 0\r\n\r\n")
    screen.sent(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert screen.passed(CHUNKED) == CHUNKED


def test_tls_ends_the_answer_to_connect():
    screen = asked(b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n")
    screen.passed(HEAD + b"Content-Length: 5\r\n\r\n")
    screen.end_tunnel_request()
    screen.sent(GET)
    assert screen.passed(CHUNKED) == CHUNKED
