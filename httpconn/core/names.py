"""The name that a server gives to a file: never more than a plain name in a folder."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote_to_bytes

from .urls import VettedURL

NAME_BYTES = 255
"""What file systems allow for one name."""

NAMELESS = "download"

_LONGEST_SUFFIX = 20

# RFC 6266 section 4.1; a value is a token or a quoted string.
_PARAMETER = re.compile(r';\s*(filename\*?)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)', re.IGNORECASE)
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*'((?:[!#$&+.^_`|~0-9A-Za-z-]|%[0-9A-Fa-f]{2})+)", re.IGNORECASE)

# What one system or another takes for more than a letter.
_SPECIAL = re.compile(r'[<>:"|?*]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\..*)?", re.IGNORECASE)


def safe_name(disposition: str | None, url: VettedURL) -> str:
    """The name for a file, from its Content-Disposition (RFC 6266), or else from its URL.

    It is a plain name of at most 255 bytes: without folders, control or invisible characters, not hidden, and none
    that a system gives to a device.
    """
    for offered in (*_offered(disposition or ""), _last_segment(url)):
        name = _plain(offered)
        if name:
            return name
    return NAMELESS


def _offered(disposition: str) -> list[str]:
    """The names in a Content-Disposition, the extended one first (RFC 6266 section 4.3)."""
    given: dict[str, str] = {}
    for name, value in _PARAMETER.findall(disposition):
        given.setdefault(name.lower(), value)
    names = [_extended(given.get("filename*", "")), _unquoted(given.get("filename", ""))]
    return [name for name in names if name]


def _extended(value: str) -> str:
    """RFC 8187 section 3.2; empty where it is none."""
    match = _EXTENDED.fullmatch(value)
    try:
        return unquote_to_bytes(match[2]).decode(match[1]) if match else ""
    except UnicodeDecodeError:
        return ""


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _last_segment(url: VettedURL) -> str:
    return unquote_to_bytes(url.target.partition(b"?")[0].rpartition(b"/")[2]).decode(errors="replace")


def _plain(name: str) -> str:
    """The last part of a path (RFC 6266 section 4.3), without what could deceive or harm; it may be empty."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    name = "".join(char for char in name if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
    name = _SPECIAL.sub("_", name).lstrip(". ")
    return _shortened(f"_{name}" if _DEVICE.fullmatch(name) else name).rstrip(". ")


def _shortened(name: str) -> str:
    """To what a file system allows, its suffix kept."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > _LONGEST_SUFFIX:
        stem, dot, suffix = name, "", ""
    room = NAME_BYTES - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix
