"""Decoding of text and JSON."""

import codecs
import json
import re
import sys
from typing import Any, NoReturn

from ..errors import InvalidJSON
from .charsets import REPLACEMENT, codec_of
from .regexes import regex

# RFC 9110 section 5.6. The quantifiers are possessive, so that no input backtracks. An open quote extends to the end.
_MEMBER = regex(r'(?:[^,"]++|"(?:[^"\\]|\\.)*+"?)++', re.DOTALL)
_PARAMETER = regex(r'(?:[^;"]++|"(?:[^"\\]|\\.)*+"?)++', re.DOTALL)
_QUOTED = regex(r'"((?:[^"\\]|\\.)*+)', re.DOTALL)
_ESCAPE = regex(r"\\(.)", re.DOTALL)

# UTF-32 before UTF-16: the mark of UTF-32-LE begins with the mark of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def charset_of(content_type: str | None) -> str | None:
    """Return Python's name for the charset that a Content-Type declares (RFC 9110 section 8.3), or None."""
    charset = _declared(content_type)
    return None if charset == REPLACEMENT else charset


def _declared(content_type: str | None) -> str | None:
    """Return the charset that one or several Content-Type fields declare (Fetch Standard, section 2.2.2)."""
    # The last field counts. If it has no charset, that of an earlier field with the same media type counts.
    known: str | None = None
    label: str | None = None
    for member in _MEMBER.findall(content_type or ""):
        name, _, parameters = member.partition(";")
        kind, own = name.strip().lower(), _label(parameters)
        if kind == "*/*" or ("/" not in kind and own is None):
            continue
        known, label = kind, own if kind != known else own or label
    return codec_of(label) if label else None


def _label(parameters: str) -> str | None:
    """Return the first charset among the parameters, without its quotes, which some servers do not close."""
    for parameter in _PARAMETER.findall(parameters):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            quoted = _QUOTED.match(value.strip())
            text = value if quoted is None else _ESCAPE.sub(r"\1", quoted[1]).partition(",")[0]
            return text.strip(" \t'\"")
    return None


def decode_text(body: bytes, content_type: str | None) -> str:
    """Return the text of a body. Its byte order mark decides the charset, then its Content-Type, then UTF-8."""
    mark, charset = _marked(body)
    charset = charset or _declared(content_type) or "utf-8"
    if charset == REPLACEMENT:
        return _Replacement().decode(body)
    return body[len(mark) :].decode(charset, "replace")


def _marked(body: bytes) -> tuple[bytes, str | None]:
    """Return the byte order mark of a body and its charset."""
    return next((each for each in _MARKS if body.startswith(each[0])), (b"", None))


class _Replacement(codecs.IncrementalDecoder):
    """A decoder of the replacement encoding, which decodes all bytes to one U+FFFD."""

    _text = "\ufffd"

    def decode(self, data: object, final: bool = False) -> str:
        text, self._text = (self._text, "") if data else ("", self._text)
        return text


_LONGEST_MARK = max(len(mark) for mark, _ in _MARKS)


class TextDecoder:
    """An incremental decoder with the rules of :func:`decode_text`."""

    def __init__(self, content_type: str | None) -> None:
        self._content_type = content_type
        self._held = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    def decode(self, data: bytes, final: bool = False) -> str:
        """Return the text of the next chunk. The first bytes are kept while they may be part of a byte order mark."""
        if self._decoder is None:
            data = self._held = self._held + data
            if len(data) < _LONGEST_MARK and not final:
                return ""
            mark, charset = _marked(data)
            charset = charset or _declared(self._content_type) or "utf-8"
            make = _Replacement if charset == REPLACEMENT else codecs.getincrementaldecoder(charset)
            self._decoder = make("replace")
            data = data[len(mark) :]
        try:
            return self._decoder.decode(data, final)
        except UnicodeError:  # Python's decoders of ISO 2022 raise this for an unterminated escape sequence
            self._decoder.reset()
            return "\ufffd"


class _NotJSON(ValueError):
    """NaN or Infinity, which Python's decoder accepts."""


def _refuse(constant: str) -> NoReturn:
    raise _NotJSON(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def parse_json(body: bytes, **options: Any) -> Any:
    """Parse a JSON text (RFC 8259) in UTF-8, UTF-16 or UTF-32. ``options`` are those of ``json.JSONDecoder``."""
    decoder = json.JSONDecoder(**{"parse_constant": _refuse, **options}) if options else _DECODER
    try:
        return decoder.decode(body.decode(json.detect_encoding(body)))
    except (ValueError, RecursionError) as error:
        reason = _reason(error, body)
    # Raised outside of the except block, because the context of the error would hold the whole body.
    raise InvalidJSON(reason)


def _reason(error: ValueError | RecursionError, body: bytes) -> str:
    """Return the error and its position in at most 200 characters."""
    if not body:
        return "The body is empty, which is not JSON"
    if isinstance(error, UnicodeDecodeError):
        text = f"not {error.encoding} (byte {error.start}): {_excerpt(error.object, error.start)}"
    elif isinstance(error, json.JSONDecodeError):
        text = f"{error.msg} (character {error.pos}): {_excerpt(error.doc, error.pos)}"
    else:
        text = _beyond_python(error, body.decode(json.detect_encoding(body)))
    return f"The body cannot be parsed as JSON: {text}"[:200]


def _beyond_python(error: ValueError | RecursionError, text: str) -> str:
    if isinstance(error, RecursionError):
        return f"it is nested too deeply: {_excerpt(text, 0)}"
    position = _number_or_constant(text)
    problem = str(error) if isinstance(error, _NotJSON) else "an integer has too many digits"
    return f"{problem} (character {position}): {_excerpt(text, position)}"


def _number_or_constant(text: str) -> int:
    """Return the position of the long integer or the constant that ended the parse. All JSON before it is valid."""
    fits = sys.get_int_max_str_digits() or ""
    valid = rf'(?:[^".\dIN]++|"(?:[^"\\]++|\\.)*+"|\.\d++|\d{{1,{fits}}}+(?!\d))*+'
    match = re.match(valid, text, re.DOTALL | re.ASCII)
    return match.end() if match else 0


def _excerpt(around: str | bytes, position: int) -> str:
    """Return the text around a position, escaped so that it cannot forge a line of a log."""
    return repr(around[max(position - 10, 0) : position + 20])
