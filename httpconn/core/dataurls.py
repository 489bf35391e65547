"""``data:`` URLs (RFC 2397), processed as in browsers (WHATWG Fetch Standard, section 6)."""

import binascii
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from ..errors import InvalidURL, printable
from .messages import DATA
from .regexes import regex
from .urls import VettedURL, is_url

_SCHEME = regex(r"[\x00-\x20]*data:", re.I)
_TAB_AND_NEWLINE = {ord(each): None for each in "\t\n\r"}
_C0_AND_SPACE = "".join(map(chr, range(0x21)))
_BASE64 = regex(r";\x20*base64$", re.I)
_MEDIA_TYPE = regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*(?:;[\t\x20-\x7e]*)?")
_WHITESPACE = b"\t\n\f\r "
_ESCAPE = regex(rb"%[0-9A-Fa-f]{2}")
_DEFAULT = "text/plain;charset=US-ASCII"
_SHOWN = 60


class DataURL(VettedURL):
    """A ``data:`` URL. Its target is the text after the scheme."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The URL without its content."""
        head, comma, _ = self.target.partition(b",")
        return f"data:{printable(head.decode('ascii', 'replace'), _SHOWN)},***" if comma else "data:***"

    @property
    def redacted(self) -> str:
        return self.text


class DataContent(NamedTuple):
    """The media type and the encoded content of a ``data:`` URL, base64 as :func:`_stripped` returns it."""

    kind: str
    encoded: bytes
    is_base64: bool

    @property
    def size(self) -> int:
        """The size of the content, counted before it is decoded."""
        if self.is_base64:
            return len(self.encoded) * 3 // 4
        return len(self.encoded) - 2 * sum(1 for _ in _ESCAPE.finditer(self.encoded))

    def decode(self) -> bytes:
        """Return the content. Raises InvalidURL: the base64 is not valid."""
        if not self.is_base64:
            return unquote_to_bytes(self.encoded)
        data = self.encoded
        try:
            if len(data) % 4 == 1:
                raise ValueError
            return binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)
        except ValueError:
            raise InvalidURL("The data: URL has invalid base64") from None


def _stripped(encoded: bytes) -> bytes:
    """Return base64 without percent-encoding, whitespace and padding (WHATWG Infra Standard, forgiving-base64)."""
    data = unquote_to_bytes(encoded).translate(None, _WHITESPACE)
    if len(data) % 4 == 0:
        data = data.removesuffix(b"=").removesuffix(b"=")
    return data


def content_of(url: VettedURL) -> DataContent:
    """Return the media type and the content, which is not decoded yet. Raises InvalidURL: the URL has no comma."""
    head, comma, data = url.target.partition(b",")
    if not comma:
        raise InvalidURL("The data: URL has no comma")
    kind, is_base64 = _BASE64.subn("", head.decode("utf-8", "replace").strip("\t\n\f\r "))
    kind = f"text/plain{kind}" if kind.startswith(";") else kind
    encoded = _stripped(data) if is_base64 else data
    return DataContent(kind if _MEDIA_TYPE.fullmatch(kind) else _DEFAULT, encoded, bool(is_base64))


def is_data(url: object) -> bool:
    return is_url(url) and _SCHEME.match(str(url)) is not None


def data_url(url: object) -> DataURL:
    """Parse a URL with the scheme data. Raises InvalidURL: the URL contains a lone surrogate."""
    text = str(url).strip(_C0_AND_SPACE).translate(_TAB_AND_NEWLINE)
    text, _, fragment = text.partition("#")
    try:
        target = text[5:].encode()
    except UnicodeEncodeError:
        raise InvalidURL("The URL contains a lone surrogate") from None
    return DataURL(DATA, b"", target, None, fragment)
