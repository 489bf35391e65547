"""URLs: one parser with strict checks, and redaction for logs and errors."""

from __future__ import annotations

import base64
import re
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

import httpx

from ..errors import InvalidURL, printable
from .hosts import check_host
from .messages import DEFAULT_PORTS, Origin
from .regexes import regex

if TYPE_CHECKING:
    import httpx2

    URL = str | httpx.URL | httpx2.URL
else:
    URL = str | httpx.URL

WRONG_SCHEME = "Invalid HTTP URL: A valid HTTP URL must have scheme 'http' or 'https'."
MAX_LENGTH = 65_536
_LONGEST_ORIGIN = 300

_URL = regex(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?:#(?P<fragment>.*))?", re.I | re.A)
# Most URLs match this pattern. They need no further checks, and their target needs no escaping.
_PLAIN = regex(r"(https?)://([A-Za-z0-9.:-]+)(/[!\"$-\[\]-~]*)?")
_FORBIDDEN = regex(r"[\x00-\x1f\x7f\\]")
_SURROGATE = regex(r"[\ud800-\udfff]")
_NOT_ON_THE_WIRE = regex(r"[^\x21-\x7e]+")
_PORT = regex(r"[0-9]{0,9}")


@dataclass(slots=True, eq=False, repr=False)
class VettedURL:
    """A URL that passed all checks. It must not be changed."""

    origin: Origin
    netloc: bytes  # the host and port as in the Host header (RFC 9110 section 7.2)
    target: bytes  # the request target (RFC 9112 section 3.2.1), byte for byte as given
    authorization: str | None  # the Basic credentials (RFC 7617) of the userinfo, or None
    fragment: str  # The fragment as given, without "#". It is never sent, but a redirect can inherit it.
    has_userinfo: bool = False  # whether there is an "@" before the host, also after an empty userinfo
    # Whether the URL comes from a redirect with a backslash, which parsers interpret differently.
    has_backslash: bool = False

    @property
    def text(self) -> str:
        """The URL without userinfo, with the target as given."""
        origin = f"{self.origin.scheme}://{self.netloc.decode('ascii')}"
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{origin}{self.target.decode('ascii')}{fragment}"

    @property
    def redacted(self) -> str:
        return _redacted(self.text)

    def with_query(self, query: bytes) -> VettedURL:
        """Return the URL with further parameters at the end of its query. Raises InvalidURL: the result is too long."""
        end = self.target[-1:]
        separator = b"" if not query or end in (b"?", b"&") else b"&" if b"?" in self.target else b"?"
        longer = replace(self, target=self.target + separator + query)
        _check_length(longer)
        return longer


def vet(url: URL) -> VettedURL:
    """Parse a URL, and check its scheme, host, port, characters and length. Raises InvalidURL: the URL is not valid."""
    plain = _PLAIN.fullmatch(url) if isinstance(url, str) and len(url) <= MAX_LENGTH else None
    if plain is not None:
        scheme, hostport, target = plain.groups("/")
        return VettedURL(*_origin_of(scheme, hostport), target.encode("ascii"), None, "")
    return _vetted(_text_of(url))


def _vetted(text: str) -> VettedURL:
    parts = _URL.fullmatch(text)
    if parts is None:
        raise InvalidURL(_why_no_match(text))
    scheme, authority, target, fragment = parts.groups()
    userinfo, at, hostport = authority.rpartition("@")
    origin, netloc = _origin_of(scheme, hostport)
    if "@" in userinfo:
        raise InvalidURL("The URL has more than one @ before its host")
    vetted = VettedURL(origin, netloc, _wire_target(target), _basic(userinfo), fragment or "", bool(at))
    _check_length(vetted)
    return vetted


@lru_cache(maxsize=1024)
def _origin_of(scheme: str, hostport: str) -> tuple[Origin, bytes]:
    host, port = _split(hostport)
    scheme = scheme.lower()
    origin = Origin(scheme, check_host(host), _port_of(port, scheme))
    return origin, origin.netloc.encode("ascii")


def _text_of(url: URL) -> str:
    if not is_url(url):
        raise InvalidURL(f"A URL must be a str, an httpx.URL or an httpx2.URL, not {type(url).__name__}")
    text = str(url)
    if len(text) > MAX_LENGTH:
        raise InvalidURL(f"The URL is longer than {MAX_LENGTH} characters")
    if _FORBIDDEN.search(text):
        raise InvalidURL("The URL contains a backslash or a control character")
    if _SURROGATE.search(text):
        raise InvalidURL("The URL contains a lone surrogate")
    return text


def is_of_httpx2(value: object, *names: str) -> bool:
    """Return whether a value is an object of one of these classes of httpx2, an optional package."""
    library = sys.modules.get("httpx2")
    return library is not None and isinstance(value, tuple(getattr(library, name, ()) for name in names))


def is_url(value: object) -> bool:
    return isinstance(value, (str, httpx.URL)) or is_of_httpx2(value, "URL")


def _why_no_match(text: str) -> str:
    if text[:5].lower() in ("http:", "https") and text.lower().startswith(("http:", "https:")):
        return "The URL has no host"
    return WRONG_SCHEME


def _split(hostport: str) -> tuple[str, str]:
    """Return the host, with its brackets, and the digits of the port."""
    host, bracket, port = hostport.rpartition("]")
    host, colon, port = (host + bracket, port[:1], port[1:]) if bracket else hostport.partition(":")
    if ":" in port and not bracket:
        raise InvalidURL("The host of the URL has several colons: an IPv6 address needs brackets")
    if not host:
        raise InvalidURL("The URL has no host")
    if colon not in ("", ":") or not _PORT.fullmatch(port):
        raise InvalidURL("The port of the URL is not a number")
    return host, port


def _port_of(digits: str, scheme: str) -> int:
    """Return the port. An empty port is the default of the scheme (RFC 3986 section 3.2.3). Port 0 is invalid."""
    port = int(digits) if digits else DEFAULT_PORTS[scheme]
    if not 0 < port < 65_536:
        raise InvalidURL("The port of the URL is out of range")
    return port


def _wire_target(target: str) -> bytes:
    """Return the request target. Only spaces and non-ASCII characters are escaped."""
    if not target.startswith("/"):
        target = f"/{target}"
    return _NOT_ON_THE_WIRE.sub(lambda match: quote(match[0], safe=""), target).encode("ascii")


def _check_length(url: VettedURL) -> None:
    """Check the length after escaping, because httpx has the same limit."""
    if len(url.target) + len(url.fragment) > MAX_LENGTH - _LONGEST_ORIGIN and len(str(url.text)) > MAX_LENGTH:
        raise InvalidURL(f"The URL is longer than {MAX_LENGTH} characters")


def _basic(userinfo: str) -> str | None:
    if not userinfo:
        return None
    name, _, password = userinfo.partition(":")
    pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
    return "Basic " + base64.b64encode(pair).decode("ascii")


_CREDENTIALS = regex(r"^(https?:/*)?[^?#]*@", re.I)
_READS_AS_URL = regex(r"https?://[^/:]*(:[0-9]*)?(/.*)?", re.I | re.S)
_MAX_REDACTED = 300


def redact(url: URL) -> str:
    """Return a URL for logs and errors: without userinfo, fragment, values of the query and control characters."""
    # The text can be an invalid URL. Everything up to its last ``@`` is removed, because a password can contain a
    # slash.
    return _redacted(_without_userinfo(url) if isinstance(url, str) else str(url.copy_with(userinfo=b"")))


def _redacted(text: str) -> str:
    """Remove the fragment and the values of the query."""
    head, mark, query = text.partition("#")[0].partition("?")
    names = "&".join(map(_without_value, query.split("&")))
    return printable(f"{head}{mark}{names if mark else ''}", _MAX_REDACTED)


def _without_userinfo(text: str) -> str:
    if "@" not in text:
        return text
    text = _CREDENTIALS.sub(r"\1", text)
    head = re.split("[?#]", text, maxsplit=1)[0]
    if "@" in text and not _READS_AS_URL.fullmatch(head):  # a password that contains a question mark
        return f"***{text[len(head) :]}"
    return text


def _without_value(part: str) -> str:
    name, mark, _ = part.partition("=")
    return f"{name}=***" if mark else "***"
