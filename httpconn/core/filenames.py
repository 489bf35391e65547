"""Safe file names from Content-Disposition and from URLs."""

import base64
import quopri
import re
import unicodedata
from urllib.parse import unquote_to_bytes

from .regexes import regex
from .text import charset_of
from .urls import VettedURL

NAME_BYTES = 255  # the longest file name that common file systems allow

NAMELESS = "download"

_LONGEST_SUFFIX = 20

# RFC 6266 section 4.1. Some servers omit the closing quote, or do not quote a name with spaces. The pattern matches all
# parameters, so that a "filename=" inside the quotes of another parameter is ignored. Commas join repeated fields.
_PARAMETER = regex(
    r"""
    (?:^|;)\s* (?P<name>[^\s=;"]+) \s*=\s*
    (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | "?(?P<bare>[^;]*?)\s*(?=;|$|,\s*(?:attachment|inline)\s*;) )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_LONGEST = 4096
_EXTENDED = regex(r"(utf-8|iso-8859-1)'[^']*'((?:[^%]|%[0-9A-Fa-f]{2})+)", re.IGNORECASE)
# RFC 2047 section 2. RFC 2047 does not allow it in parameters, but browsers decode it.
_ENCODED_WORD = regex(r"=\?([\w-]+)(?:\*[\w-]*)?\?([bq])\?([^?]*)\?=(?:\s+(?==\?))?", re.IGNORECASE)

# Characters and names that have a special meaning on some system.
_SPECIAL = regex(r'[<>:"|?*]')
DEVICE = regex(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\..*)?", re.IGNORECASE)


def safe_name(disposition: str | None, url: VettedURL) -> str:
    """Return a file name from a Content-Disposition (RFC 6266) or, without one, from the URL.

    The name has at most 255 bytes. It has no folder and no control or invisible characters. It is not the name of a
    hidden file or of a device.
    """
    last_segment = url.target.partition(b"?")[0].rpartition(b"/")[2]
    for offered in (*_offered(disposition or ""), unquote_to_bytes(last_segment).decode(errors="replace")):
        name = _plain(offered)
        if name:
            return name
    return NAMELESS


def _offered(disposition: str) -> list[str]:
    """Return the names in a Content-Disposition, ``filename*`` first (RFC 6266 section 4.3)."""
    given: dict[str, str] = {}
    for match in _PARAMETER.finditer(disposition[:_LONGEST]):
        quoted = match["quoted"]
        given.setdefault(match["name"].lower(), match["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
    names = [_extended(given.get("filename*", "")), _decoded(given.get("filename", ""))]
    return [name for name in names if name]


def _extended(value: str) -> str:
    """Decode an extended value (RFC 8187 section 3.2). Return an empty string if it is invalid."""
    match = _EXTENDED.fullmatch(value)
    try:
        return unquote_to_bytes(match[2]).decode(match[1]) if match else ""
    except UnicodeDecodeError:
        return ""


def _decoded(value: str) -> str:
    """Decode encoded words and percent-encoded UTF-8 in a plain value, as browsers do."""
    value = _ENCODED_WORD.sub(_word, value)
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError:
        return value


def _word(match: re.Match[str]) -> str:
    """Return the text of an encoded word, or the word itself if it is invalid."""
    charset = charset_of(f"text/plain; charset={match[1]}")
    if charset is None:
        return match[0]
    try:
        if match[2] in "bB":
            data = base64.b64decode(match[3].encode() + b"==")
        else:
            data = quopri.decodestring(match[3].encode(), header=True)
        return data.decode(charset)
    except ValueError:
        return match[0]


def _plain(name: str) -> str:
    """Return the last part of a path (RFC 6266 section 4.3) without dangerous characters. It can be empty."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    name = "".join(char for char in name if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
    name = _SPECIAL.sub("_", name).lstrip(". ")
    return _shortened(f"_{name}" if DEVICE.fullmatch(name) else name).rstrip(". ")


def _shortened(name: str) -> str:
    """Shorten a name to ``NAME_BYTES`` and keep its suffix."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > _LONGEST_SUFFIX:
        stem, dot, suffix = name, "", ""
    room = NAME_BYTES - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix
