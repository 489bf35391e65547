"""Responses that are composed of consistent or inconsistent parts, or taken from the corpus; some are damaged."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.corpora.raw_responses import TO_GET

STARTS = [
    *(b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 206 Partial"),
    *(b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified", b"HTTP/1.1 404", b"HTTP/1.1 500 \xe4h", b"HTTP/2 200"),
]
INTERIM_STARTS = [b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints", b"HTTP/1.0 102", b"HTTP/1.1 101 Switching"]
FIELDS = [
    *(b"Server: x", b"content-type:text/plain", b'ETag: \t"a" \t', b"X:", b"A: \xff\xe4", b"Set-Cookie: a=b; c"),
    *(
        b"Connection: close",
        b"Connection: keep-alive",
        b"Keep-Alive: timeout=5",
        b"Upgrade: h2c",
        b"Content-Encoding: x",
    ),
    *(b"Content-Length: 5", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"A : b", b"no colon", b"\tfold"),
]
FRAMINGS = [
    *(b"Content-Length: %d", b"content-length:%d", b"CONTENT-LENGTH: \t%d\t"),
    *(b"Transfer-Encoding: chunked", b"transfer-encoding:chunked", b"Connection: close"),
]
EXTENSIONS = [b"", b"", b"", b" ", b";a", b";a=b", b';a="b;c"', b" ;a", b";\xff"]
TRAILERS = [b"Digest: x", b"A:", b"B: \xe4", b"Content-Length: 3", b"no colon"]
DAMAGE = [
    *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\0", b"\x0b", b"\x7f", b"\xff", b":", b";", b",", b"0", b"5"),
    *(b"-", b"+", b"x", b"F", b"0\r\n\r\n", b"\r\n 0", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
]


LARGE = 5000
_known = sorted((raw for raw in TO_GET.values() if len(raw) < LARGE), key=len)


def wild_responses() -> st.SearchStrategy[bytes]:
    """Return a strategy for composed responses, and for damaged and mixed responses of the corpus."""
    return st.one_of(composed(), damaged(composed()), damaged(st.sampled_from(_known)), crossed())


@st.composite
def crossed(draw: st.DrawFn) -> bytes:
    """Return the beginning of one response of the corpus and the end of another."""
    first, second = draw(st.sampled_from(_known)), draw(st.sampled_from(_known))
    return first[: draw(st.integers(0, len(first)))] + second[draw(st.integers(0, len(second))) :]


@st.composite
def composed(draw: st.DrawFn) -> bytes:
    """Return interim responses, a head, a body with the framing of the head, and bytes after it."""
    interim = b"".join(draw(st.lists(_heads(INTERIM_STARTS), max_size=2)))
    body = draw(st.binary(max_size=40))
    framing = draw(st.sampled_from(FRAMINGS))
    if b"%d" in framing:
        framing %= len(body)
    elif b"chunked" in framing:
        body = draw(_chunked(body))
    head = draw(_heads(STARTS, framing))
    return interim + head + body + draw(st.sampled_from([b"", b"", b"", b"\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]))


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Insert, remove or repeat one or two parts, or cut off the end."""
    raw = draw(whole)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(raw)))
        lost = draw(st.sampled_from([0, 0, 1, 2, len(raw)]))
        repeated = raw[place : place + draw(st.sampled_from([0, 0, 0, 1, 2, 20]))]
        raw = raw[:place] + draw(st.sampled_from([b"", *DAMAGE])) + repeated + raw[place + lost :]
    return raw


@st.composite
def _heads(draw: st.DrawFn, starts: list[bytes], framing: bytes | None = None) -> bytes:
    fields = draw(st.lists(st.sampled_from(FIELDS), max_size=3))
    if framing is not None:
        fields.insert(draw(st.integers(0, len(fields))), framing)
    return b"\r\n".join([draw(st.sampled_from(starts)), *fields, b"", b""])


@st.composite
def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    size = draw(st.integers(1, 40))
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    lines = [b"%x%b\r\n%b\r\n" % (len(chunk), draw(st.sampled_from(EXTENSIONS)), chunk) for chunk in chunks]
    trailers = draw(st.lists(st.sampled_from(TRAILERS), max_size=2))
    return b"".join([*lines, b"0\r\n", *(line + b"\r\n" for line in trailers), b"\r\n"])
