"""Text and JSON out of bytes."""

from __future__ import annotations

import codecs
import json
import re
import sys
from encodings.aliases import aliases
from typing import Any, NoReturn

from ..errors import InvalidJSON

_DOS = (437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869)
_WINDOWS = (874, 932, 949, 950, *range(1250, 1259))

# Python's names of codecs that make text of bytes and nothing else: nothing that unpacks or unescapes, and no UTF-7,
# whose text can hide markup.
_TEXT_CODECS = frozenset(
    {"ascii", "utf_8", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"}
    | {"latin_1", *(f"iso8859_{part}" for part in (*range(2, 12), *range(13, 17)))}
    | {f"cp{page}" for page in (*_DOS, *_WINDOWS)}
    | {"koi8_r", "koi8_u", "koi8_t", "kz1048", "ptcp154", "tis_620"}
    | {"mac_roman", "mac_latin2", "mac_cyrillic", "mac_greek", "mac_turkish", "mac_iceland", "mac_croatian"}
    | {"shift_jis", "shift_jis_2004", "shift_jisx0213", "euc_jp", "euc_jis_2004", "euc_jisx0213"}
    | {"iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext"}
    | {"euc_kr", "johab", "gb2312", "gbk", "gb18030", "big5", "big5hkscs"}
)

# Looked up here and not by codecs: that would import, and remember for ever, whatever name a server sends.
_CHARSETS = {alias: codec for alias, codec in aliases.items() if codec in _TEXT_CODECS} | {
    codec: codec for codec in _TEXT_CODECS
}
_LONGEST_NAME = max(map(len, _CHARSETS))
_SEPARATORS = re.compile(r"[-:. ]")

# RFC 9110 section 5.6.6. Possessive, so that no input takes more than one pass; an open quote runs to the end.
_PARAMETER = re.compile(r'(?:[^;"]++|"(?:[^"\\]|\\.)*+"?)++', re.DOTALL)
_VALUE = re.compile(r'"((?:[^"\\]|\\.)*+)"|([^\s"]++)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

# UTF-32 before UTF-16, whose little-endian mark it begins with.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def charset_of(content_type: str | None) -> str | None:
    """Python's name for the charset that a Content-Type declares (RFC 9110 section 8.3).

    None where it declares none, or one that is not known to be text. Of several, the first counts.
    """
    for parameter in _PARAMETER.findall((content_type or "").partition(";")[2]):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return _codec(value.strip())
    return None


def _codec(value: str) -> str | None:
    match = _VALUE.fullmatch(value)
    if match is None:
        return None
    quoted, plain = match.groups()
    name = plain or _ESCAPE.sub(r"\1", quoted)
    if len(name) > _LONGEST_NAME:
        return None
    codec = _CHARSETS.get(_SEPARATORS.sub("_", name.lower()))
    return codec and codecs.lookup(codec).name


def decode_text(body: bytes, content_type: str | None) -> str:
    """The text of a body: by its byte order mark, else by its declared charset, else as UTF-8.

    Bytes that make no text become U+FFFD; the mark is removed.
    """
    mark, charset = _marked(body)
    return body[len(mark) :].decode(charset or charset_of(content_type) or "utf-8", "replace")


def _marked(body: bytes) -> tuple[bytes, str | None]:
    """The byte order mark, and what it stands for."""
    return next((each for each in _MARKS if body.startswith(each[0])), (b"", None))


_IN_PIECES = {"utf-16": f"utf-16-{sys.byteorder[0]}e", "utf-32": f"utf-32-{sys.byteorder[0]}e"}
"""Those that Python, piece by piece, decodes only behind a mark, and else as its own byte order has it."""

_LONGEST_MARK = max(len(mark) for mark, _ in _MARKS)


class TextDecoder:
    """:func:`decode_text`, for a body that comes in pieces; ``charset`` is the declared one."""

    def __init__(self, charset: str) -> None:
        self._charset = charset
        self._held = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    def decode(self, data: bytes, final: bool = False) -> str:
        """The text of the next piece; nothing as long as it may begin with a mark."""
        if self._decoder is None:
            data = self._held = self._held + data
            if len(data) < _LONGEST_MARK and not final:
                return ""
            mark, charset = _marked(data)
            charset = charset or self._charset
            self._decoder = codecs.getincrementaldecoder(_IN_PIECES.get(charset, charset))("replace")
            data = data[len(mark) :]
        try:
            return self._decoder.decode(data, final)
        except UnicodeError:  # Python's own for ISO 2022 give up on a sequence that never ends
            self._decoder.reset()
            return "\ufffd"


class _NotJSON(ValueError):
    """NaN and Infinity, which Python's decoder takes for JSON."""


def _refuse(constant: str) -> NoReturn:
    raise _NotJSON(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def parse_json(body: bytes, **options: Any) -> Any:
    """The value of a JSON text (RFC 8259) in UTF-8, UTF-16 or UTF-32; a byte order mark is ignored.

    ``options`` are those of ``json.JSONDecoder``.

    Raises:
        InvalidJSON: the body is not JSON, or is nested deeper or has longer integers than Python can read.
    """
    decoder = json.JSONDecoder(**{"parse_constant": _refuse, **options}) if options else _DECODER
    try:
        return decoder.decode(body.decode(json.detect_encoding(body)))
    except (ValueError, RecursionError) as error:
        reason = _reason(error, body)
    # Raised out here so that the error below, which holds the whole body, does not go along as its context.
    raise InvalidJSON(reason)


def _reason(error: ValueError | RecursionError, body: bytes) -> str:
    """What and where, in at most 200 characters."""
    if not body:
        return "The body is empty, which is not JSON"
    if isinstance(error, UnicodeDecodeError):
        text = f"not {error.encoding} (byte {error.start}): {_excerpt(error.object, error.start)}"
    elif isinstance(error, json.JSONDecodeError):
        text = f"{error.msg} (character {error.pos}): {_excerpt(error.doc, error.pos)}"
    else:
        text = _beyond_python(error, body.decode(json.detect_encoding(body)))
    return f"The body is not JSON that can be read: {text}"[:200]


def _beyond_python(error: ValueError | RecursionError, text: str) -> str:
    if isinstance(error, RecursionError):
        return f"it is nested too deeply: {_excerpt(text, 0)}"
    position = _number_or_constant(text)
    what = str(error) if isinstance(error, _NotJSON) else "an integer has too many digits"
    return f"{what} (character {position}): {_excerpt(text, position)}"


def _number_or_constant(text: str) -> int:
    """Where the long integer or the constant begins that ended the parse: all before it is sound JSON."""
    fits = sys.get_int_max_str_digits() or ""
    sound = rf'(?:[^".\dIN]++|"(?:[^"\\]++|\\.)*+"|\.\d++|\d{{1,{fits}}}+(?!\d))*+'
    match = re.match(sound, text, re.DOTALL | re.ASCII)
    return match.end() if match else 0


def _excerpt(around: str | bytes, position: int) -> str:
    """What surrounds a position, with everything escaped that could forge a line of a log."""
    return repr(around[max(position - 10, 0) : position + 20])
