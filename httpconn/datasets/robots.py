"""The rules of sites for robots: ``X-Robots-Tag`` and robots.txt (RFC 9309)."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from anyio import Lock

from ..connection import HTTPConnection
from ..core.messages import RawFields
from ..errors import AccessDenied, HTTPConnError, InvalidRequest, StatusError, install

if TYPE_CHECKING:
    from protego import Protego

TAGS = ("noai", "noimageai", "noindex")
MAX_BYTES = 500 * 1024  # the complete lines of these first bytes count (RFC 9309 section 2.5)
MAX_LENGTH = 2**63 - 1  # limit of the Content-Length of a robots.txt, in place of the limit of the connection
MAX_SITES = 10_000  # sites whose rules are kept
SECONDS = 20.0  # limit for one robots.txt

_ROBOT = re.compile(r"(?!unavailable_after|max-)([\w-]+)\s*:(.*)", re.DOTALL)


def checked_tags(tags: Iterable[str]) -> frozenset[str]:
    """Return the directives in lower case."""
    found = frozenset([tags] if isinstance(tags, str) else tags)
    if not found <= frozenset(TAGS):
        raise InvalidRequest(f"robots_tags= accepts {', '.join(TAGS)}")
    return found


@dataclass
class Site:
    """The rules of a site, which one call fetches while other calls wait."""

    rules: Protego | None = None
    lock: Lock = field(default_factory=Lock)


class Robots:
    """The checks of the requests and responses of a connection object.

    Args:
        agent: the name of this robot.
        headers: header fields for the requests of robots.txt.
        tags: the directives of X-Robots-Tag to obey.
        obeys_files: whether to obey robots.txt.
    """

    def __init__(
        self,
        connection: HTTPConnection,
        agent: str,
        headers: Mapping[str, str] | None,
        tags: frozenset[str],
        obeys_files: bool,
    ) -> None:
        self._connection = connection
        self._agent = agent
        self._headers = headers
        self._tags = tags | {"none"} if "noindex" in tags else tags  # "none" is "noindex, nofollow"
        self._sites: dict[str, Site] = {}
        self._obeys_files = obeys_files
        try:
            self._parse: Any = import_module("protego").Protego.parse if obeys_files else None
        except ImportError as error:
            raise InvalidRequest(f"robots_txt= needs protego. {install('datasets')}") from error

    def request(self, url: str) -> Coroutine[Any, Any, None] | None:
        parts = urlsplit(url)
        if not self._obeys_files or parts.scheme == "data":
            return None
        name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        site = self._sites[name] = self._sites.pop(name) if name in self._sites else Site()
        if len(self._sites) > MAX_SITES:
            del self._sites[next(iter(self._sites))]
        if site.rules is None:
            return self._load(name, site, url)
        self._require(site.rules, url)
        return None

    async def _load(self, name: str, site: Site, url: str) -> None:
        async with site.lock:
            if site.rules is None:
                site.rules = self._parse(await self._text(f"{name}/robots.txt"))
        self._require(site.rules, url)

    def _require(self, rules: Protego, url: str) -> None:
        if not rules.can_fetch(url, self._agent):
            raise AccessDenied("The robots.txt of the site does not allow the URL", "robots.txt", "robots.txt")

    async def _text(self, url: str) -> str:
        """Return the text of a robots.txt. A missing file allows all URLs (RFC 9309 section 2.3.1)."""
        options: dict[str, Any] = {"extra_headers": self._headers, "max_bytes": MAX_LENGTH, "retries": 1}
        content = bytearray()
        try:
            async with await self._connection.get_async_response(
                url, stream=True, timeout=SECONDS, **options
            ) as response:
                response.raise_for_status()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > MAX_BYTES:
                        content = bytearray(b"\n").join(content[:MAX_BYTES].splitlines()[:-1])
                        break
        except HTTPConnError as error:
            absent = isinstance(error, StatusError) and 400 <= error.status_code < 500 and error.status_code != 429
            return "" if absent else "User-agent: *\nDisallow: /"
        return content.decode("utf-8-sig", "replace")

    def response(self, fields: RawFields) -> None:
        """Check the X-Robots-Tag of a response. A value can begin with the name of the robot that it applies to."""
        for name, raw in fields:
            if name.lower() != b"x-robots-tag":
                continue
            value = raw.decode("latin-1").lower().strip()
            named = _ROBOT.match(value)
            if named and named[1] != self._agent.lower():
                continue
            found = self._tags.intersection(each.strip() for each in (named[2] if named else value).split(","))
            if found:
                message = f"The X-Robots-Tag of the response contains {min(found)}"
                raise AccessDenied(message, "X-Robots-Tag", min(found))
