"""Valid, irregular and invalid responses, with the results that a client must produce."""

from __future__ import annotations

from typing import NamedTuple

from httpx import RemoteProtocolError

from httpconn.errors import Disconnected
from httpconn.errors import TruncatedBody as Truncated


class Expected(NamedTuple):
    """The expected result of a response."""

    status: int = 200
    body: bytes = b""
    reusable: bool = True
    close_delimited: bool = False
    reason: bytes = b"OK"
    headers: list[tuple[bytes, bytes]] | None = None


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"Content-Length: 0\r\n\r\n"
HELLO = b"Content-Length: 5\r\n\r\nhello"

HELLO_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"

EMPTY = Expected()
REUSABLE = Expected(body=b"hello")
NOT_REUSABLE = Expected(body=b"hello", reusable=False)
CLOSE_DELIMITED = Expected(body=b"hello", reusable=False, close_delimited=True)


def _interim(count: int) -> bytes:
    return b"HTTP/1.1 100 Continue\r\n\r\n" * count


GOOD: dict[str, tuple[bytes, Expected]] = {
    "length": (OK + HELLO, REUSABLE),
    "length zero": (OK + END, EMPTY),
    "length with leading zeros": (OK + b"Content-Length: 005\r\n\r\nhello", REUSABLE),
    "length with white space": (OK + b"Content-Length: \t5 \t\r\n\r\nhello", REUSABLE),
    "length without white space": (OK + b"Content-Length:5\r\n\r\nhello", REUSABLE),
    "length, lower case": (OK + b"content-length: 5\r\n\r\nhello", REUSABLE),
    "length, odd case": (OK + b"cOnTeNt-LeNgTh: 5\r\n\r\nhello", REUSABLE),
    "header bytes in the body": (OK + b"Content-Length: 4\r\n\r\n\r\n\r\n", Expected(body=b"\r\n\r\n")),
    "names and order kept": (
        OK + b"b: 1\r\nA: 2\r\nB:\r\n" + END,
        Expected(headers=[(b"b", b"1"), (b"A", b"2"), (b"B", b""), (b"Content-Length", b"0")]),
    ),
    "white space around values": (
        OK + b"A: \t x y \t\r\nB: \t\r\n" + END,
        Expected(headers=[(b"A", b"x y"), (b"B", b""), (b"Content-Length", b"0")]),
    ),
    "repeated Set-Cookie": (
        OK + b"Set-Cookie: a\r\nSet-Cookie: b\r\n" + END,
        Expected(headers=[(b"Set-Cookie", b"a"), (b"Set-Cookie", b"b"), (b"Content-Length", b"0")]),
    ),
    "bytes above ASCII in a value": (
        OK + b"A: \xe4\xff\r\n" + END,
        Expected(headers=[(b"A", b"\xe4\xff"), (b"Content-Length", b"0")]),
    ),
    "every token character": (
        OK + b"!#$%&'*+-.^_`|~09aZ: 1\r\n" + END,
        Expected(headers=[(b"!#$%&'*+-.^_`|~09aZ", b"1"), (b"Content-Length", b"0")]),
    ),
    "reason absent": (b"HTTP/1.1 200 \r\n" + HELLO, Expected(body=b"hello", reason=b"")),
    "reason and space absent": (b"HTTP/1.1 200\r\n" + HELLO, Expected(body=b"hello", reason=b"")),
    "long reason": (b"HTTP/1.1 200 " + b"so " * 30 + b"\r\n" + HELLO, Expected(body=b"hello", reason=b"so " * 30)),
    "reason above ASCII": (b"HTTP/1.1 404 \xc4h\r\n" + HELLO, Expected(404, b"hello", reason=b"\xc4h")),
    "status unknown": (b"HTTP/1.1 599 ?\r\n" + HELLO, Expected(599, b"hello", reason=b"?")),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + HELLO, NOT_REUSABLE),
    "HTTP/1.0, keep-alive": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + HELLO, NOT_REUSABLE),
    "HTTP/1.0 to the end": (b"HTTP/1.0 200 OK\r\n\r\nhello", CLOSE_DELIMITED),
    "to the end": (OK + b"\r\nhello", CLOSE_DELIMITED),
    "to the end, empty": (OK + b"\r\n", CLOSE_DELIMITED._replace(body=b"")),
    "to the end, keep-alive": (OK + b"Connection: keep-alive\r\n\r\nhello", CLOSE_DELIMITED),
    "close": (OK + b"Connection: close\r\n" + HELLO, NOT_REUSABLE),
    "close, odd case": (OK + b"CONNECTION: Close\r\n" + HELLO, NOT_REUSABLE),
    "close in a list": (OK + b"Connection: foo ,\tclose\r\n" + HELLO, NOT_REUSABLE),
    "close in a second field": (OK + b"Connection: foo\r\nConnection: close\r\n" + HELLO, NOT_REUSABLE),
    "close and keep-alive": (OK + b"Connection: keep-alive, close\r\n" + HELLO, NOT_REUSABLE),
    "keep-alive": (OK + b"Connection: Keep-Alive\r\nKeep-Alive: timeout=5\r\n" + HELLO, REUSABLE),
    "an option that only looks like close": (OK + b"Connection: closed\r\n" + HELLO, REUSABLE),
    "upgrade offered": (OK + b"Connection: upgrade\r\nUpgrade: h2c\r\n" + HELLO, REUSABLE),
    "upgrade required": (
        b"HTTP/1.1 426 No\r\nConnection: upgrade\r\nUpgrade: h2c\r\n" + HELLO,
        Expected(426, b"hello", reason=b"No"),
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", Expected(204, reason=b"No Content")),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\n" + END, Expected(204, reason=b"No Content")),
    "304 with the length of the other": (b"HTTP/1.1 304 X\r\nContent-Length: 99\r\n\r\n", Expected(304, reason=b"X")),
    "304, chunked": (b"HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n", Expected(304, reason=b"X")),
    "205 with a body": (b"HTTP/1.1 205 X\r\n" + HELLO, Expected(205, b"hello", reason=b"X")),
    "100 before": (_interim(1) + OK + HELLO, REUSABLE),
    "103 before": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + HELLO, REUSABLE),
    "interim says close": (b"HTTP/1.1 102 X\r\nConnection: close\r\n\r\n" + OK + HELLO, REUSABLE),
    "64 interim responses": (_interim(64) + OK + HELLO, REUSABLE),
    "chunked": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", REUSABLE),
    "chunked, two": (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", REUSABLE),
    "chunked, empty": (CHUNKED + b"0\r\n\r\n", EMPTY),
    "chunked, odd case": (OK + b"transfer-ENCODING:CHUNKED \r\n\r\n5\r\nhello\r\n0\r\n\r\n", REUSABLE),
    "chunked, hexadecimal": (
        CHUNKED + b"1A\r\n" + b"x" * 26 + b"\r\nb\r\nhello world\r\n0\r\n\r\n",
        Expected(body=b"x" * 26 + b"hello world"),
    ),
    "chunked, padded with zeros": (CHUNKED + b"0005\r\nhello\r\n0000\r\n\r\n", REUSABLE),
    "chunked, padded with spaces": (CHUNKED + b"5   \r\nhello\r\n0   \r\n\r\n", REUSABLE),
    "chunk extensions": (CHUNKED + b'5;a=b;c="d e"\r\nhello\r\n0 ; x\r\n\r\n', REUSABLE),
    "chunk extensions, quoted": (
        CHUNKED + b'5 ; a = "b\\";\xe4\\\\"\t;c;d=""\r\nhello\r\n0;a="\t"  \r\n\r\n',
        REUSABLE,
    ),
    "chunk with framing inside": (CHUNKED + b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", Expected(body=b"\r\n0\r\n\r\n")),
    "trailers dropped": (
        CHUNKED + b"5\r\nhello\r\n0\r\nA: 1\r\nContent-Length: 9\r\n\r\n",
        REUSABLE._replace(headers=[(b"Transfer-Encoding", b"chunked")]),
    ),
    "a second response": (OK + HELLO + OK + HELLO, NOT_REUSABLE),
    "a second response after chunks": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + OK, NOT_REUSABLE),
    "a stray CRLF after the body": (OK + HELLO + b"\r\n", NOT_REUSABLE),
    "a body longer than its length": (OK + HELLO + b"!", NOT_REUSABLE),
    "bytes after an empty body": (OK + END + b"x", Expected(reusable=False)),
    "as many headers as allowed": (OK + b"A: 1\r\n" * 99 + END, EMPTY),
    "as many trailers as allowed": (CHUNKED + b"0\r\n" + b"A: 1\r\n" * 100 + b"\r\n", EMPTY),
    "as large a trailer section as allowed": (CHUNKED + b"0\r\nA: " + b"x" * 65529 + b"\r\n\r\n", EMPTY),
    "as large a header as allowed": (OK + b"A: " + b"x" * (65536 - len(OK) - 5 - len(END)) + b"\r\n" + END, EMPTY),
}

UNFOLDED = [(b"A", b"b c"), (b"Content-Length", b"5")]

# Each has an irregular form but only one meaning. It is delivered, and its connection is not reused.
IRREGULAR: dict[str, tuple[bytes, Expected]] = {
    "interim with a length": (b"HTTP/1.1 102 X\r\nContent-Length: 5\r\n\r\n" + OK + HELLO, NOT_REUSABLE),
    "204 with a body": (b"HTTP/1.1 204 X\r\n" + HELLO, Expected(204, reusable=False, reason=b"X")),
    "204 in chunks": (
        b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n",
        Expected(204, reusable=False, reason=b"X"),
    ),
    "HTTP/2 in clear text": (b"HTTP/2.0 200 OK\r\n" + HELLO, NOT_REUSABLE),
    "HTTP/2 without a minor version": (b"HTTP/2 200\r\n" + HELLO, NOT_REUSABLE._replace(reason=b"")),
    "status 600": (b"HTTP/1.1 600 X\r\n" + HELLO, Expected(600, b"hello", reusable=False, reason=b"X")),
    "status 999": (b"HTTP/1.1 999 X\r\n" + HELLO, Expected(999, b"hello", reusable=False, reason=b"X")),
    "an empty line before": (b"\r\n" + OK + HELLO, NOT_REUSABLE),
    "empty lines before": (b"\n\r\n\n" + OK + HELLO, NOT_REUSABLE),
    "an empty line after an interim response": (_interim(1) + b"\r\n" + OK + HELLO, NOT_REUSABLE),
    "an interim response in LF": (b"HTTP/1.1 103 X\nA: b\n\n" + OK + HELLO, NOT_REUSABLE),
    "LF throughout": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", NOT_REUSABLE),
    "LF after the status line": (b"HTTP/1.1 200 OK\n" + HELLO, NOT_REUSABLE),
    "LF after a field": (OK + b"A: b\n" + HELLO, NOT_REUSABLE),
    "LF for the empty line": (
        OK + b"Content-Length: 13\r\n\nhello\r\n\r\nbye!",
        NOT_REUSABLE._replace(body=b"hello\r\n\r\nbye!"),
    ),
    "LF and CRLF for the end of the header": (OK + b"Content-Length: 5\n\r\nhello", NOT_REUSABLE),
    "LF, no field": (b"HTTP/1.1 204 X\n\n", Expected(204, reusable=False, reason=b"X")),
    "LF, and an end that CRLF marks later": (
        OK + b"Content-Length: 8\n\nA: b\r\n\r\n",
        NOT_REUSABLE._replace(body=b"A: b\r\n\r\n"),
    ),
    "obs-fold": (OK + b"A: b\r\n c\r\n" + HELLO, NOT_REUSABLE._replace(headers=UNFOLDED)),
    "obs-fold by tab": (OK + b"A: b\r\n\tc\r\n" + HELLO, NOT_REUSABLE._replace(headers=UNFOLDED)),
    "obs-fold in much white space": (OK + b"A: b \t\r\n \t c\t\r\n" + HELLO, NOT_REUSABLE._replace(headers=UNFOLDED)),
    "obs-fold in LF": (OK + b"A: b\n c\n" + HELLO, NOT_REUSABLE._replace(headers=UNFOLDED)),
    "more folds than fields are allowed": (OK + b"A: b" + b"\r\n c" * 200 + b"\r\n" + HELLO, NOT_REUSABLE),
    "control characters in a value": (
        OK + b"A: \x01\x1b[0m\x7f\x0b\r\n" + HELLO,
        NOT_REUSABLE._replace(headers=[(b"A", b"\x01\x1b[0m\x7f\x0b"), (b"Content-Length", b"5")]),
    ),
    "a control character in a trailer": (CHUNKED + HELLO_CHUNKS[:-2] + b"A: \x1b\r\n\r\n", NOT_REUSABLE),
    "lengths that agree": (
        OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        NOT_REUSABLE._replace(headers=[(b"Content-Length", b"5")]),
    ),
    "a list of lengths": (
        OK + b"A: b c\r\ncontent-length: 5, 5,5\r\n\r\nhello",
        NOT_REUSABLE._replace(headers=[(b"A", b"b c"), (b"content-length", b"5")]),
    ),
    "length and chunked": (
        OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + HELLO_CHUNKS,
        NOT_REUSABLE._replace(headers=[(b"Transfer-Encoding", b"chunked")]),
    ),
    "chunked and length": (
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + HELLO_CHUNKS,
        NOT_REUSABLE._replace(headers=[(b"Transfer-Encoding", b"chunked")]),
    ),
    "chunked twice": (OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + HELLO_CHUNKS, NOT_REUSABLE),
    "chunked in two fields": (OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n" + HELLO_CHUNKS, NOT_REUSABLE),
    "chunked behind an empty member": (OK + b"Transfer-Encoding: , Chunked\r\n\r\n" + HELLO_CHUNKS, NOT_REUSABLE),
    "chunked beside identity": (OK + b"Transfer-Encoding: identity, chunked\r\n\r\n" + HELLO_CHUNKS, NOT_REUSABLE),
    "identity": (OK + b"Transfer-Encoding: identity\r\n\r\nhello", CLOSE_DELIMITED._replace(headers=[])),
    "identity and a length": (OK + b"Transfer-Encoding: Identity\r\n" + HELLO, NOT_REUSABLE),
    "chunked in HTTP/1.0": (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + HELLO_CHUNKS, NOT_REUSABLE),
    "a trailer folded": (CHUNKED + HELLO_CHUNKS[:-2] + b"A: b\r\n c\r\n\r\n", NOT_REUSABLE),
    "a trailer that ends in LF": (CHUNKED + HELLO_CHUNKS[:-2] + b"A: b\n\r\n", NOT_REUSABLE),
    "LF after the last chunk": (CHUNKED + HELLO_CHUNKS[:-2] + b"\n", NOT_REUSABLE),
    "last CRLF missing": (CHUNKED + b"5\r\nhello\r\n0\r\n", NOT_REUSABLE),
    "last CRLF half missing": (CHUNKED + b"5\r\nhello\r\n0\r\n\r", NOT_REUSABLE),
    "last CRLF missing after a trailer": (CHUNKED + b"5\r\nhello\r\n0\r\nA: 1\r\n", NOT_REUSABLE),
}

BAD: dict[str, tuple[bytes, type[Exception]]] = {
    "nothing": (b"", Disconnected),
    "HTTP/0.9": (b"<html>hello</html>", RemoteProtocolError),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", RemoteProtocolError),
    "ICY": (b"ICY 200 OK\r\n\r\n", RemoteProtocolError),
    "HTTP/0.9 by name": (b"HTTP/0.9 200 OK\r\n" + HELLO, RemoteProtocolError),
    "HTTP/1.2": (b"HTTP/1.2 200 OK\r\n" + HELLO, RemoteProtocolError),
    "HTTP/1.10": (b"HTTP/1.10 200 OK\r\n" + HELLO, RemoteProtocolError),
    "HTTP/9.9": (b"HTTP/9.9 200 OK\r\n" + HELLO, RemoteProtocolError),
    "http/1.1": (b"http/1.1 200 OK\r\n" + HELLO, RemoteProtocolError),
    "status 0": (b"HTTP/1.1 000 X\r\n" + HELLO, RemoteProtocolError),
    "status 99": (b"HTTP/1.1 099 X\r\n" + HELLO, RemoteProtocolError),
    "status of two digits": (b"HTTP/1.1 20 X\r\n" + HELLO, RemoteProtocolError),
    "status of four digits": (b"HTTP/1.1 2000 X\r\n" + HELLO, RemoteProtocolError),
    "status signed": (b"HTTP/1.1 +20 X\r\n" + HELLO, RemoteProtocolError),
    "status no number": (b"HTTP/1.1 OK\r\n" + HELLO, RemoteProtocolError),
    "two spaces before the status": (b"HTTP/1.1  200 OK\r\n" + HELLO, RemoteProtocolError),
    "a tab before the status": (b"HTTP/1.1\t200 OK\r\n" + HELLO, RemoteProtocolError),
    "NUL in the reason": (b"HTTP/1.1 200 O\0K\r\n" + HELLO, RemoteProtocolError),
    "CR in the reason": (b"HTTP/1.1 200 O\rK\r\n" + HELLO, RemoteProtocolError),
    "101": (b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw", RemoteProtocolError),
    "101 without fields": (b"HTTP/1.1 101 X\r\n\r\n", RemoteProtocolError),
    "65 interim responses": (_interim(65) + OK + HELLO, RemoteProtocolError),
    "interim responses larger than a header": (
        (b"HTTP/1.1 103 X\r\nLink: " + b"x" * 8000 + b"\r\n\r\n") * 9 + OK + HELLO,
        RemoteProtocolError,
    ),
    "only interim responses": (_interim(2), Truncated),
    "CR without LF": (OK + b"A: b\rC: d\r\n" + HELLO, RemoteProtocolError),
    "CR before the empty line": (OK + b"A: b\r\r\n" + HELLO, RemoteProtocolError),
    "obs-fold of the length": (OK + b"Content-Length:\r\n 5\r\n\r\nhello", RemoteProtocolError),
    "obs-fold like a field": (OK + b"A: b\r\n Content-Length: 9\r\n" + HELLO, RemoteProtocolError),
    "obs-fold of nothing": (OK + b"A: b c\r\n \r\n\t\r\n" + HELLO, RemoteProtocolError),
    "obs-fold of the coding": (OK + b"Transfer-Encoding:\n chunked\r\n\r\n" + HELLO_CHUNKS, RemoteProtocolError),
    "obs-fold of the first field": (OK + b" A: b\r\n" + HELLO, RemoteProtocolError),
    "space before the colon": (OK + b"Content-Length : 5\r\n\r\nhello", RemoteProtocolError),
    "space in a name": (OK + b"Content Length: 5\r\n\r\nhello", RemoteProtocolError),
    "no name": (OK + b": b\r\n" + HELLO, RemoteProtocolError),
    "no colon": (OK + b"hello\r\n" + HELLO, RemoteProtocolError),
    "a name above ASCII": (OK + b"\xc3\xa4: b\r\n" + HELLO, RemoteProtocolError),
    "NUL in a value": (OK + b"A: b\0c\r\n" + HELLO, RemoteProtocolError),
    "NUL in a name": (OK + b"A\0: b\r\n" + HELLO, RemoteProtocolError),
    "a control character in a name": (OK + b"A\x01: b\r\n" + HELLO, RemoteProtocolError),
    "a control character around a length": (OK + b"Content-Length: \x0c5\x0b\r\n\r\nhello", RemoteProtocolError),
    "a control character before a folded length": (
        OK + b"A: b\r\n \x0bContent-Length: 9\r\n" + HELLO,
        RemoteProtocolError,
    ),
    "a control character in a blank fold": (OK + b"A: b\r\n \x0c\r\n" + HELLO, RemoteProtocolError),
    "lengths that differ": (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", RemoteProtocolError),
    "a negative length": (OK + b"Content-Length: -5\r\n\r\nhello", RemoteProtocolError),
    "a signed length": (OK + b"Content-Length: +5\r\n\r\nhello", RemoteProtocolError),
    "a hexadecimal length": (OK + b"Content-Length: 0x5\r\n\r\nhello", RemoteProtocolError),
    "a length with a fraction": (OK + b"Content-Length: 5.0\r\n\r\nhello", RemoteProtocolError),
    "a length with an underscore": (OK + b"Content-Length: 1_0\r\n\r\nhello", RemoteProtocolError),
    "a length with a space inside": (OK + b"Content-Length: 5 5\r\n\r\nhello", RemoteProtocolError),
    "an empty length": (OK + b"Content-Length:\r\n\r\nhello", RemoteProtocolError),
    "a length of 65 bits": (OK + b"Content-Length: 18446744073709551616\r\n\r\nhello", RemoteProtocolError),
    "a length of 5000 digits": (OK + b"Content-Length: " + b"0" * 5000 + b"5\r\n\r\nhello", RemoteProtocolError),
    "a bad length of no body": (b"HTTP/1.1 304 X\r\nContent-Length: x\r\n\r\n", RemoteProtocolError),
    "a coding unasked": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", RemoteProtocolError),
    "chunked not last": (OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", RemoteProtocolError),
    "an empty coding": (OK + b"Transfer-Encoding:\r\n\r\nhello", RemoteProtocolError),
    "xchunked": (OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", RemoteProtocolError),
    "chunked behind a control character": (
        OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        RemoteProtocolError,
    ),
    "an obs-fold behind the status line": (b"HTTP/1.1 200\r\n OK\r\n" + HELLO, RemoteProtocolError),
    "an obs-fold before the colon": (OK + b"Content-Length\r\n : 5\r\n\r\nhello", RemoteProtocolError),
    "an obs-fold behind CR": (OK + b"A: b\r\r\n c\r\n" + HELLO, RemoteProtocolError),
    "CR for every line end": (b"HTTP/1.1 200 OK\rContent-Length: 5\r\rhello\n\n", RemoteProtocolError),
    "LF, and a space before the colon": (b"HTTP/1.1 200 OK\nContent-Length : 5\n\nhello", RemoteProtocolError),
    "LF, and no colon": (b"HTTP/1.1 200 OK\nhello\n\nhello", RemoteProtocolError),
    "LF, and too many headers": (OK + b"A: 1\n" * 101 + b"\n", RemoteProtocolError),
    "nine empty lines before": (b"\r\n" * 9 + OK + HELLO, RemoteProtocolError),
    "CR before": (b"\r" + OK + HELLO, RemoteProtocolError),
    "a space before": (b" " + OK + HELLO, RemoteProtocolError),
    "HTTP/2.1": (b"HTTP/2.1 200 OK\r\n" + HELLO, RemoteProtocolError),
    "status 0200": (b"HTTP/1.1 0200 OK\r\n" + HELLO, RemoteProtocolError),
    "lengths that differ in a list": (OK + b"Content-Length: 5, 6\r\n\r\nhello", RemoteProtocolError),
    "a list of lengths with an empty member": (OK + b"Content-Length: 5,\r\n\r\nhello", RemoteProtocolError),
    "a list of lengths with a sign": (OK + b"Content-Length: 5, +5\r\n\r\nhello", RemoteProtocolError),
    "chunked with a parameter": (OK + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk without a size": (CHUNKED + b"\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk of negative size": (CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk of size 0x5": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk size behind a space": (CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk size of no digits": (CHUNKED + b"g\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk size of 68 bits": (CHUNKED + b"F" * 17 + b"\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "an endless chunk size": (CHUNKED + b"0" * 5000, RemoteProtocolError),
    "a chunk size that ends in LF": (CHUNKED + b"5\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk that ends in LF": (CHUNKED + b"5\r\nhello\n0\r\n\r\n", RemoteProtocolError),
    "a chunk longer than its size": (CHUNKED + b"4\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk shorter than its size": (CHUNKED + b"6\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk without an end": (CHUNKED + b"5\r\nhello0\r\n\r\n", RemoteProtocolError),
    "a chunk extension without semicolon": (CHUNKED + b"5 x\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "LF in a chunk extension": (CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "an empty chunk extension": (CHUNKED + b"5;\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "an empty chunk extension behind another": (CHUNKED + b"5;a;\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk extension without a name": (CHUNKED + b"5;=a\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk extension without a value": (CHUNKED + b"5;a=\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk extension of two words": (CHUNKED + b"5;a b\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a chunk extension with an open quote": (CHUNKED + b'5;a="b\r\nhello\r\n0\r\n\r\n', RemoteProtocolError),
    "a chunk extension with an escaped quote": (CHUNKED + b'5;a="b\\"\r\nhello\r\n0\r\n\r\n', RemoteProtocolError),
    "a chunk extension with a quote inside": (CHUNKED + b'5;a=b"c"\r\nhello\r\n0\r\n\r\n', RemoteProtocolError),
    "an invalid extension of the last chunk": (CHUNKED + b"0;\r\n\r\n", RemoteProtocolError),
    "a trailer that begins with a space": (CHUNKED + b"0\r\n A: b\r\n\r\n", RemoteProtocolError),
    "NUL in a chunk extension": (CHUNKED + b"5;\0\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "a long chunk extension": (CHUNKED + b"5;" + b"x" * 4096 + b"\r\nhello\r\n0\r\n\r\n", RemoteProtocolError),
    "an endless chunk extension": (CHUNKED + b"5;" + b"x" * 9000, RemoteProtocolError),
    "a flood of chunk extensions": (CHUNKED + (b"1;" + b"x" * 999 + b"\r\n!\r\n") * 20, RemoteProtocolError),
    "a flood of chunk extensions after much data": (
        CHUNKED + b"10000;x\r\n" + b"!" * 65536 + b"\r\n" + (b"1;" + b"x" * 999 + b"\r\n!\r\n") * 20,
        RemoteProtocolError,
    ),
    "a trailer section one byte too large": (
        CHUNKED + b"0\r\nA: " + b"x" * 65530 + b"\r\n\r\n",
        RemoteProtocolError,
    ),
    "a trailer without colon": (CHUNKED + b"0\r\nhello\r\n\r\n", RemoteProtocolError),
    "a NUL in a trailer": (CHUNKED + b"0\r\nA: \0\r\n\r\n", RemoteProtocolError),
    "too many trailers": (CHUNKED + b"0\r\n" + b"A: 1\r\n" * 101 + b"\r\n", RemoteProtocolError),
    "endless trailers": (CHUNKED + b"0\r\n" + b"A: 1\r\n" * 101, RemoteProtocolError),
    "an endless trailer": (CHUNKED + b"0\r\nA: " + b"x" * 70000, RemoteProtocolError),
    "too many headers": (OK + b"A: 1\r\n" * 100 + END, RemoteProtocolError),
    "endless headers": (OK + b"A: 1\r\n" * 101, RemoteProtocolError),
    "an endless header": (OK + b"A: " + b"x" * 70000, RemoteProtocolError),
    "an endless name": (OK + b"x" * 70000, RemoteProtocolError),
    "an endless reason": (b"HTTP/1.1 200 " + b"x" * 70000, RemoteProtocolError),
    "a header one byte too large": (
        OK + b"A: " + b"x" * (65536 - len(OK) - 5 - len(END) + 1) + b"\r\n" + END,
        RemoteProtocolError,
    ),
    "a trailer cut": (CHUNKED + b"5\r\nhello\r\n0\r\nA: b", Truncated),
    "cut before the last chunk": (CHUNKED + b"5\r\nhello\r\n", Truncated),
    "cut within the last chunk": (CHUNKED + b"5\r\nhello\r\n0\r", Truncated),
    "cut after a chunk size": (CHUNKED + b"5\r\n", Truncated),
    "cut within a length": (OK + b"Content-Length: 6\r\n\r\nhello", Truncated),
    "cut within the header": (OK + b"Content-Length: 5\r\n", Truncated),
}
