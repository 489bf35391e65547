"""The transports of httpconn and httpx read the same bytes in the same way, except for the listed differences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

import httpx
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from httpconn.http.http1protocol import HTTP11Connection
from httpconn.testing import Step
from tests.corpora.raw_responses import TO_GET, TO_HEAD
from tests.http.response_cases import BAD, GOOD, IRREGULAR
from tests.http.rivals import Comparison, Outcome, at_random, comparison, single_bytes, split, whole
from tests.servers.faces import FACES
from tests.servers.scripted import Stall, response
from tests.strategies.responses import wild_responses

CASES = {
    **{name: ("GET", raw) for name, raw in TO_GET.items()},
    **{name: ("GET", raw) for name, (raw, _) in {**GOOD, **IRREGULAR, **BAD}.items()},
    **{f"HEAD, {name}": ("HEAD", raw) for name, raw in TO_HEAD.items()},
}
DIVISIONS = (whole, single_bytes, at_random)

Relation = Literal["same", "refused", "accepted", "other"]


class Difference(NamedTuple):
    """A difference between the transports of httpconn and httpx, with its reason and its cases."""

    ours: Relation
    reason: str
    pattern: bytes
    """A regular expression that matches the responses with the difference."""
    cases: tuple[str, ...]


DIFFERENCES = (
    Difference(
        "refused",
        "A control character in the reason: invalid by RFC 9112 section 4, and dangerous in a log or on a terminal.",
        rb"HTTP/[^\n]*[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]",
        ("reason with DEL", "reason with ESC"),
    ),
    Difference(
        "accepted",
        "A vertical tab or a form feed in a value: RFC 9110 section 5.5 lets a recipient keep it, as curl does.",
        rb"[\x0b\x0c]",
        ("field with a form feed", "field that begins with a vertical tab", "control characters in a value"),
    ),
    Difference(
        "refused",
        "A control character in a chunk extension: invalid by RFC 9112 section 7.1.1; a lone CR there "
        "smuggles chunks past recipients that end the line with it.",
        rb";[^\n]*?(?:[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n))",
        ("an extension with a CR", "an extension with a control character", "NUL in a chunk extension"),
    ),
    Difference(
        "refused",
        "A version that does not exist, in the form of HTTP/1 (RFC 9112 section 2.3), curl refuses as well.",
        rb"HTTP/(?!1\.[01])[0-9]\.[0-9]",
        (
            *("version 1.3", "version 3.0", "version 0.9 to the end", "HTTP/0.9 by name"),
            *("HTTP/1.2", "HTTP/2.1", "HTTP/9.9"),
        ),
    ),
    Difference(
        "refused",
        "More than 100 fields or 64 KiB of header, or of trailers: the limits of ours, which RFC 9110 section 5.4 "
        "leaves to the client. httpx's is 100 KiB, and does not hold for what arrives at once.",
        rb"(?:\n[^\n:]+:[^\n]*){101}|[^\n]{60000}",
        (
            *("field of 90,000 bytes", "a hundred and ten fields", "a thousand fields", "too many headers"),
            *("a header one byte too large", "a hundred and fifty trailers", "too many trailers"),
            *("a trailer section one byte too large", "LF, and too many headers"),
        ),
    ),
    Difference(
        "refused",
        "More chunk extensions than data: RFC 9112 section 7.1.1 asks for a limit.",
        rb";[^\n]{900}",
        ("an extension of 20,000 bytes", "thirty extensions of 1,000 bytes", "a long chunk extension"),
    ),
    Difference(
        "refused",
        "A number with more digits than one of 64 bits has, even zeros: RFC 9112 section 7.1 warns of overflows.",
        rb"\n[0-9A-Fa-f]{17,}|: *[0-9]{20,}",
        ("chunk size of 17 digits", "chunk size of 20 digits", "length with 19 zeros before"),
    ),
    Difference(
        "accepted",
        "White space between a chunk's size and its extension: RFC 9112 section 7.1.1 requires "
        "recipients to accept it.",
        rb"\n[0-9A-Fa-f]+[ \t]+;",
        ("an extension with white space", "an extension behind a tab", "chunk extensions", "chunk extensions, quoted"),
    ),
    Difference(
        "accepted",
        "The empty line after the last chunk is missing: the last chunk completes the body. curl accepts it.",
        rb"\r\n0+[ \t]*(?:;[^\n]*)?\r\n(?:[^\n]+\r\n)*\r?$",
        (
            *("no empty line after a trailer", "half an empty line after a trailer"),
            *("last CRLF missing", "last CRLF half missing", "last CRLF missing after a trailer"),
        ),
    ),
    Difference(
        "accepted",
        "Any framing fields in a trailer section: they have no meaning there (RFC 9110 section 6.5.1).",
        rb"(?is)\n0[^\n]*\r\n.*(?:content-length|transfer-encoding):",
        ("a trailer that frames",),
    ),
    Difference(
        "other",
        "The value of Transfer-Encoding is passed on unchanged; httpx converts it to lower case.",
        rb"(?i:\ntransfer-encoding:)[ \t]*(?!chunked)(?i:chunked)",
        ("coding in capitals", "chunked, odd case"),
    ),
    Difference(
        "accepted",
        "An empty line before the status line: RFC 9112 section 2.2 lets a server ignore it, and browsers do so too.",
        rb"^(?:HTTP/1\.. 1[^\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n)*+\r?\n",
        (
            *("100 after an empty line", "LF before", "an empty line after 100", "two empty lines before"),
            *("an empty line after an interim response", "an empty line before", "empty lines before"),
        ),
    ),
    Difference(
        "accepted",
        "A Transfer-Encoding that names chunked more than once, or identity, or nothing beside it: curl and browsers "
        "accept it, and it has only one meaning.",
        rb"(?is)\ntransfer-encoding:(?:.*,|.*\ntransfer-encoding:|[ \t]*identity)",
        (
            *("chunked and an empty second field", "chunked and identity in two fields", "chunked, identity"),
            *("coding after an empty member", "coding with an empty member", "identity and a length"),
            *("identity, chunked", "chunked behind an empty member", "chunked beside identity"),
            *("chunked in two fields", "chunked twice", "identity"),
        ),
    ),
    Difference(
        "accepted",
        "Any Content-Length beside chunked: Transfer-Encoding overrides it (RFC 9112 section 6.3).",
        rb"(?is)(?=.*\ntransfer-encoding:).*\ncontent-length:",
        ("chunked and a bad length",),
    ),
    Difference(
        "accepted",
        "Content-Length fields with the same number in different digits.",
        rb"(?is)content-length:[^\n]*(?:,|\n(?:.*\n)?content-length:)",
        ("length repeated, written differently",),
    ),
    Difference(
        "other",
        "Only the effective framing field is passed on (RFC 9110 section 8.6, RFC 9112 section 6.3); httpx passes on "
        "all of them.",
        rb"(?is)(?=.*\ntransfer-encoding:).*\ncontent-length:|content-length:[^\n]*(?:,|\n(?:.*\n)?content-length:)",
        (
            *("304 with a length and chunked", "chunked and a length of the chunks", "chunked and a length of zero"),
            *("HEAD, a length and chunked", "chunked and length", "length and chunked"),
        ),
    ),
    Difference(
        "other",
        "HTTP/2 in the status line of an HTTP/1.1 response: the version passed on is HTTP/1.1.",
        rb"HTTP/2\.0 ",
        ("HTTP/2 in clear text",),
    ),
    Difference(
        "accepted",
        "HTTP/2 in the status line without a minor version, which curl accepts.",
        rb"HTTP/2 ",
        ("version 2", "HTTP/2 without a minor version"),
    ),
    Difference(
        "other",
        "A fold and the white space around it become one space (RFC 9112 section 5.2). h11 keeps leading space.",
        rb"[ \t]\r?\n[ \t]",
        ("obs-fold in much white space",),
    ),
    Difference(
        "refused",
        "A fold that readers understand differently: of nothing, of a framing field, or like one.",
        rb"(?i)\n[ \t]+(?:\r?\n|content-length:)|(?:content-length|transfer-encoding):[^\n]*\n[ \t]",
        (
            *("obs-fold of the length", "obs-fold of the coding", "obs-fold like a field", "obs-fold of nothing"),
            *("coding folded", "field folded, nothing more", "field folded, like a field"),
            "header ended by a line of space",
        ),
    ),
    Difference(
        "refused",
        "More than 64 interim responses, or more than 64 KiB of them: without a limit, they could continue forever.",
        rb"(?s)(?:HTTP/1\.[01] 1.*){9}",
        ("a thousand of 100", "65 interim responses", "interim responses larger than a header"),
    ),
    Difference(
        "refused",
        "A chunk extension that is invalid by RFC 9112 section 7.1.1: recipients that find its end elsewhere see other "
        "chunks.",
        rb"\n[0-9A-Fa-f]+[ \t]*;",
        (
            *("an extension above ASCII", "an extension that is empty", "an extension, quoted, open"),
            *("extensions that are empty", "an empty chunk extension", "an empty chunk extension behind another"),
            *("a chunk extension of two words", "a chunk extension with a quote inside"),
            *("a chunk extension with an escaped quote", "a chunk extension with an open quote"),
            *("a chunk extension without a name", "a chunk extension without a value"),
            "an invalid extension of the last chunk",
        ),
    ),
)


@pytest.fixture(scope="module")
def on() -> Iterator[Comparison]:
    with comparison() as opened:
        yield opened


def relation(ours: Outcome, theirs: Outcome) -> Relation:
    if ours == theirs or (ours.error and theirs.error):
        return "same"
    if ours.error:
        return "refused"
    return "accepted" if theirs.error else "other"


def one(outcomes: set[Outcome]) -> Outcome:
    assert len(outcomes) == 1, outcomes
    return outcomes.pop()


def ours_of(on: Comparison, method: str, raw: bytes) -> Outcome:
    """Return the outcome, which is the same on all faces and for any division of the bytes."""
    return one({on.deliver(rival, way(raw), method) for rival in on.ours.values() for way in DIVISIONS})


def in_lower_case(outcome: Outcome) -> Outcome:
    """h11 changes the value of Transfer-Encoding."""
    headers = (
        (name, value.lower() if name.lower() == b"transfer-encoding" else value) for name, value in outcome.headers
    )
    return outcome._replace(headers=tuple(headers))


def has_framed_end(method: str, raw: bytes) -> bool:
    connection = HTTP11Connection()
    connection.send_head(method.encode(), b"/", [(b"Host", b"x")])
    try:
        for piece in whole(raw):
            connection.receive(piece)
    except httpx.RemoteProtocolError:
        return True
    return connection.complete


@pytest.mark.parametrize(("name", "method", "raw"), [(name, *case) for name, case in CASES.items()], ids=CASES)
def test_both_libraries_agree_except_for_the_listed_differences(on, name, method, raw):
    ours = ours_of(on, method, raw)
    listed: set[Relation] = {row.ours for row in DIFFERENCES if name in row.cases} or {"same"}
    for face, way in zip(FACES, DIVISIONS, strict=True):
        theirs = on.deliver(on.theirs[face], way(raw), method)
        assert {relation(ours, theirs)} == listed, (ours, theirs)


@pytest.mark.parametrize(("method", "raw"), CASES.values(), ids=CASES)
def test_a_response_has_the_same_meaning_through_a_proxy(on, method, raw):
    ours = on.deliver(on.ours["sync"], whole(raw), method)
    proxied = one(
        {on.deliver(rival, way(raw), method) for rival, way in zip(on.proxied.values(), DIVISIONS, strict=True)}
    )
    assert in_lower_case(proxied) == in_lower_case(ours)


def test_each_listed_difference_matches_its_cases():
    for row in DIFFERENCES:
        assert row.cases
        for name in row.cases:
            assert re.search(row.pattern, CASES[name][1]), name


ENDED = {name: case for name, case in CASES.items() if has_framed_end(*case)}


@pytest.mark.parametrize(("method", "raw"), ENDED.values(), ids=ENDED)
def test_a_framed_response_ends_before_the_connection(on, method, raw):
    held: list[Step] = [*whole(raw), Stall()]
    in_time = one({on.play(rival, held, method) for rival in on.ours.values()})
    assert in_time == on.deliver(on.ours["sync"], whole(raw), method)


@pytest.mark.parametrize(("method", "raw"), ENDED.values(), ids=ENDED)
def test_no_part_of_a_response_reaches_the_next(on, method, raw):
    for rival in on.keeping.values():
        on.play(rival, [*whole(raw)], method)
        following = on.play(rival, [response(body=b"the next")])
        assert (following.status, following.body, following.error) == (200, b"the next", "")


@settings(deadline=None)
@given(raw=wild_responses(), method=st.sampled_from(["GET", "HEAD"]), places=st.lists(st.integers(0, 500), max_size=8))
def test_both_libraries_agree_on_generated_responses(on, raw, method, places):
    pieces = [whole(raw), single_bytes(raw), split(raw, places)]
    ours = one({on.deliver(on.ours["sync"], each, method) for each in pieces})
    theirs = on.deliver(on.theirs["sync"], whole(raw), method)
    found = relation(ours, theirs)
    note(f"{raw!r}\nours: {ours}\ntheirs: {theirs}")
    assert found == "same" or any(row.ours == found and re.search(row.pattern, raw) for row in DIFFERENCES)


@settings(deadline=None)
@given(raw=wild_responses(), places=st.lists(st.integers(0, 500), max_size=8))
def test_generated_responses_have_the_same_meaning_on_every_face(on, raw, places):
    one({on.deliver(rival, split(raw, places)) for rival in on.ours.values()})
