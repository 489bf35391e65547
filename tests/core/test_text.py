"""Text and JSON: charsets, safe handling of unknown charsets, and one error for invalid JSON."""

from __future__ import annotations

import codecs
import json
import sys
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from httpconn.core.text import _MARKS, TextDecoder, charset_of, decode_text, parse_json
from httpconn.errors import HTTPConnError, InvalidJSON
from tests.corpora.charsets import LABELS

PYTHONS = "cp437 ibm850 koi8_t mac_latin2 mac-turkish iso2022_jp_2 euc_jisx0213 shift_jis_2004 johab utf-32be".split()  # noqa: SIM905
REPLACED = {label for label, codec in LABELS.items() if codec == "replacement"}
CHARSETS = [*(LABELS.keys() - REPLACED), *PYTHONS]


def test_the_labels_of_browsers_are_known() -> None:
    expected = {label: codecs.lookup(LABELS[label]).name for label in LABELS.keys() - REPLACED}
    assert {label: charset_of(f"text/html; charset={label}") for label in expected} == expected
    assert {label: charset_of(f'text/html; charset=" {label.upper()} "') for label in expected} == expected


def test_pythons_own_names_of_text_codecs_are_known() -> None:
    assert {name: charset_of(f"text/html; charset={name}") for name in PYTHONS} == {
        name: codecs.lookup(name).name for name in PYTHONS
    }


@pytest.mark.parametrize("label", [*sorted(REPLACED), "ISO-2022-KR", '"hz-gb-2312"'])
def test_markup_cannot_hide_in_a_charset_that_browsers_do_not_decode(label: str) -> None:
    content_type = f"text/html; charset={label}"
    assert charset_of(content_type) is None
    assert decode_text(b"~{<script>~}", content_type) == "\ufffd"
    assert decode_text(b"", content_type) == ""
    assert decode_text(codecs.BOM_UTF8 + b"text", content_type) == "text"
    decoder = TextDecoder(content_type)
    assert [decoder.decode(b"~{<s"), decoder.decode(b"cript>"), decoder.decode(b"", final=True)] == ["\ufffd", "", ""]


NOT_TEXT = [
    *("zip", "zlib", "bz2", "hex", "base64", "uu", "quopri", "rot13", "rot_13", "idna", "punycode", "utf-7", "utf_7"),
    *("unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "charmap", "utf_8_sig", "unknown", "none"),
    *("\0", "utf-8\0", "utf-8\nx", "../utf_8", "os.path", "é", "\ud800", "*", "", " ", "u" * 1_000_000),
]


@pytest.mark.parametrize("name", NOT_TEXT, ids=lambda name: ascii(name[:20]))
@pytest.mark.parametrize("form", ["text/plain; charset={}", 'text/plain; charset="{}"'], ids=["plain", "quoted"])
def test_any_other_charset_is_none(name: str, form: str) -> None:
    assert charset_of(form.format(name)) is None
    assert decode_text(b"caf\xc3\xa9", form.format(name)) == "café"


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        (None, None),
        ("", None),
        ("text/html", None),
        ("charset=utf-8", None),
        (";charset=utf-8", "utf-8"),
        ("text/html;charset=utf-8", "utf-8"),
        ("text/html;  Charset = UTF-8  ; x=y", "utf-8"),
        ("text/html;;; charset=utf-8;", "utf-8"),
        ("text/html; x; charset=utf-8", "utf-8"),
        ("text/html; xcharset=big5; charset=utf-8", "utf-8"),
        ('text/html; title="a; charset=big5"; charset=utf-8', "utf-8"),
        ('text/html; title="a\\"; charset=big5"; charset=utf-8', "utf-8"),
        (r'text/html; charset="ut\f-8"', "utf-8"),
        ("text/html; charset*=utf-8''big5; charset=utf-8", "utf-8"),
        ("text/html; charset*=utf-8''big5", None),
        ("text/html; charset=utf-8; charset=big5", "utf-8"),
        ("text/html; charset=unknown; charset=big5", None),
        ('text/html; charset="utf-8', "utf-8"),
        ('text/html; charset="utf-8; x=y', None),
        ('text/html; charset=" utf-8\t"', "utf-8"),
        ('text/html; charset=utf-8"', "utf-8"),
        ('text/html; charset="utf-8"x', "utf-8"),
        ("text/html; charset='utf-8'", "utf-8"),
        ("text/html; charset = utf-8", "utf-8"),
        ("text/html; charset=utf-8 big5", None),
        ("text/html; charset", None),
        # Several fields: the last type counts, and takes the charset of an earlier one of the same type.
        ("text/html, text/html; charset=utf-8", "utf-8"),
        ("text/html; charset=utf-8, text/html", "utf-8"),
        ("text/html; charset=big5, Text/HTML ;charset=utf-8", "utf-8"),
        ('text/html; charset="utf-8, text/html', "utf-8"),
        ('text/html; x=","; charset=utf-8, text/html', "utf-8"),
        ("text/html; charset=utf-8, */*", "utf-8"),
        ("text/html; charset=utf-8, nonsense", "utf-8"),
        ("text/html, text/plain; charset=utf-8", "utf-8"),
        ("text/plain; charset=big5, text/html", None),
        ('text/html; x="open; charset=utf-8', None),
    ],
)
def test_parameters_are_parsed(content_type: str | None, charset: str | None) -> None:
    assert charset_of(content_type) == charset


@pytest.mark.parametrize("part", [";", ",", "a/b,", '"', "\\", '"\\', 'a"b"', "; a=", ' ;"', "="])
def test_a_long_and_invalid_content_type_is_accepted(part: str) -> None:
    assert charset_of("text/html;" + part * 100_000) is None


@given(st.text(alphabet=st.sampled_from('charset=";\\utf-8 *\x00é') | st.characters()))
def test_no_content_type_raises(text: str) -> None:
    charset = charset_of(f"text/html;{text}")
    assert charset is None or charset == codecs.lookup(charset).name


@given(st.sampled_from(CHARSETS), st.binary())
def test_bytes_in_any_charset_make_text(name: str, body: bytes) -> None:
    assert isinstance(decode_text(body, f"text/plain; charset={name}"), str)


MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


@given(st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "gb18030"]), st.text())
def test_encoded_text_is_decoded(name: str, text: str) -> None:
    body = text.encode(name)
    assume(not body.startswith(MARKS))
    assert decode_text(body, f"text/plain; charset={name}") == text


@given(st.sampled_from(CHARSETS), st.lists(st.binary(max_size=8) | st.sampled_from([mark for mark, _ in _MARKS])))
def test_chunks_decode_to_the_same_text(name: str, pieces: list[bytes]) -> None:
    content_type = f"text/plain; charset={name}"
    decoder = TextDecoder(content_type)
    text = "".join(map(decoder.decode, pieces)) + decoder.decode(b"", final=True)
    assert text == decode_text(b"".join(pieces), content_type)


@pytest.mark.parametrize("pieces", [1, 10])
def test_an_unterminated_sequence_raises_no_foreign_error(pieces: int) -> None:
    body = bytes.fromhex("1b24ff2800bfffbb7ebb")
    decoder = TextDecoder("text/plain; charset=iso2022_jp_2")
    text = "".join(decoder.decode(body[at : at + 10 // pieces]) for at in range(0, 10, 10 // pieces))
    assert set(text + decoder.decode(b"", final=True)) <= {"\ufffd", *map(chr, range(128))}


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"", None, ""),
        (b"caf\xc3\xa9", None, "café"),
        (b"caf\xe9", "text/plain; charset=latin-1", "café"),
        (b"caf\xe9", "text/plain", "caf\ufffd"),
        (b"caf\xe9 \x80", "text/plain; charset=us-ascii", "café \u20ac"),
        (b"\xfa", "text/plain; charset=x-user-defined", "\xfa"),
        (b"\x87\x40", "text/plain; charset=x-sjis", "\u2460"),
        (b"\x81\x41", "text/plain; charset=euc-kr", "\uac02"),
        (b"\x81\x30\x81\x30", "text/plain; charset=gb_2312", "\x80"),
        (b"\x1b(I1", "text/plain; charset=iso-2022-jp", "\uff71"),
        (b"\xe0", "text/plain; charset=iso-8859-8-i", "\u05d0"),
        (b"a\0", "text/plain; charset=unicode", "a"),
        (codecs.BOM_UTF8 + "é".encode(), "text/plain; charset=latin-1", "é"),
        (codecs.BOM_UTF16_LE + "é".encode("utf-16-le"), "text/plain; charset=utf-8", "é"),
        (codecs.BOM_UTF16_BE + "é".encode("utf-16-be"), None, "é"),
        (codecs.BOM_UTF32_LE + "é".encode("utf-32-le"), "text/plain; charset=utf-16", "é"),
        (codecs.BOM_UTF32_BE + "é".encode("utf-32-be"), None, "é"),
        (codecs.BOM_UTF8, "text/plain; charset=latin-1", ""),
    ],
)
def test_the_mark_decides_then_the_header_then_utf8(body: bytes, content_type: str | None, text: str) -> None:
    assert decode_text(body, content_type) == text


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(values, st.sampled_from(ENCODINGS), st.booleans())
def test_json_is_decoded_in_every_encoding(value: Any, encoding: str, escaped: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=escaped).encode(encoding)) == value


def refused(body: bytes) -> str:
    """Return the message, after checks that apply to every error."""
    with pytest.raises(InvalidJSON) as caught:
        parse_json(body)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert len(error.message) <= 200
    assert error.message.isprintable()
    return error.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" ", "Expecting value (character 1)"),
        (b"<html>", "Expecting value (character 0): '<html>'"),
        (b'{"a": 1,}', "(character "),
        (b"[1] [2]", "Extra data (character 4)"),
        (b'"a\nb\x1b[0m"', r"(character 2): '\"a\nb\x1b[0m\"'".replace(r"\"", '"')),
        (b'"open', "(character 0)"),
        (b'"\\q"', "(character 1)"),
        (b"[NaN]", "NaN is not JSON (character 1)"),
        (b'["NaN Infinity \\" ", 12.5, Infinity]', "Infinity is not JSON (character 27)"),
        (b"-Infinity", "-Infinity is not JSON"),
        (
            b'["' + b"9" * 5000 + b'", 1.' + b"9" * 5000 + b", -" + b"9" * 5000 + b"]",
            "too many digits (character 10010)",
        ),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b'"caf\xe9"', "not utf-8 (byte 4)"),
        (b'"\xed\xa0\x80"', "not utf-8 (byte 1)"),
        ('"x'.encode("utf-16-le") + b"\x00\xd8", "not utf-16-le (byte 4)"),
        (codecs.BOM_UTF32_LE + b"\xff\xff\xff\xff", "not utf-32"),
        (b"\xef\xbb\xbf", "Expecting value"),
        ("\u202e\u2028\U000e0001 ".encode() * 50, "Expecting value (character 0)"),
    ],
)
def test_invalid_json_is_an_error(body: bytes, words: str) -> None:
    assert words in refused(body)


def test_the_message_contains_a_short_excerpt() -> None:
    message = refused(b'["' + b"secret" * 1000 + b'", oops, "' + b"secret" * 1000 + b'"]')
    assert "oops" in message
    assert message.count("secret") <= 4


@pytest.mark.parametrize("digits", [1, 100, sys.int_info.default_max_str_digits])
def test_long_integers_are_read_up_to_pythons_limit(digits: int) -> None:
    assert parse_json(b"9" * digits) == 10**digits - 1


def test_the_error_is_a_value_error_of_httpconn() -> None:
    assert issubclass(InvalidJSON, ValueError)
    assert issubclass(InvalidJSON, HTTPConnError)


def is_json(body: bytes) -> bool:
    """Parse by the standard library, without NaN and lone surrogates."""
    try:
        json.loads(body, parse_constant=int)
        body.decode(json.detect_encoding(body))
    except ValueError:
        return False
    return True


TOKENS = [
    *'[]{}",:-. \n\x00é\ufeff',
    "\\",
    "\\u12",
    "1",
    "1.5e3",
    "NaN",
    "Infinity",
    "null",
    "true",
    '"a"',
    '"b":',
    "9" * 5000,
]
nearly_json = st.lists(st.sampled_from(TOKENS), max_size=12).map("".join)


@given(st.binary() | st.builds(str.encode, nearly_json, st.sampled_from(ENCODINGS)))
def test_garbage_raises_nothing_but_our_error(body: bytes) -> None:
    if is_json(body):
        assert parse_json(body) == json.loads(body)
    else:
        refused(body)
