"""The rules of sites for robots: ``X-Robots-Tag`` and robots.txt (RFC 9309)."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..connection import HTTPConnection
from ..errors import AccessDenied, InvalidRequest, StatusError, install

if TYPE_CHECKING:
    from protego import Protego

TAGS = ("noai", "noimageai", "noindex")
MAX_BYTES = 500 * 1024  # the size up to which a parser must read a file (RFC 9309 section 2.5)
MAX_SITES = 10_000  # sites whose rules are kept
SECONDS = 20.0  # limit for one robots.txt

_ROBOT = re.compile(r"(?!unavailable_after|max-)([\w-]+)\s*:(.*)", re.DOTALL)


def checked_tags(tags: Iterable[str]) -> frozenset[str]:
    """Return the directives in lower case."""
    found = frozenset([tags] if isinstance(tags, str) else tags)
    if not found <= frozenset(TAGS):
        raise InvalidRequest(f"robots_tags= accepts {', '.join(TAGS)}")
    return found


def denied_by(fields: Sequence[str], tags: frozenset[str], agent: str) -> AccessDenied | None:
    """Return the error for a response whose X-Robots-Tag has one of the directives, or None.

    Args:
        fields: the values of the header fields. A value can begin with the name of the robot that it applies to.
        agent: the name of this robot.
    """
    wanted = tags | {"none"} if "noindex" in tags else tags  # "none" is "noindex, nofollow"
    for value in fields:
        named = _ROBOT.match(value.lower().strip())
        if named and named[1] != agent.lower():
            continue
        directives = {each.strip() for each in (named[2] if named else value.lower()).split(",")}
        if wanted & directives:
            found = min(wanted & directives)
            return AccessDenied(f"The X-Robots-Tag of the response has {found}", "X-Robots-Tag", found)
    return None


class Robots:
    """The robots.txt of sites, which are fetched together and kept.

    Args:
        agent: the name of this robot.
        headers: header fields for each request, or None.
    """

    def __init__(
        self, connection: HTTPConnection, agent: str, headers: Mapping[str, str] | None, concurrency: int
    ) -> None:
        self._connection = connection
        self._agent = agent
        self._headers = headers
        self._concurrency = concurrency
        self._sites: OrderedDict[str, Protego] = OrderedDict()
        try:
            self._parse = import_module("protego").Protego.parse
        except ImportError as error:
            raise InvalidRequest(f"robots_txt= needs protego. {install('datasets')}") from error

    def load(self, urls: Iterable[object]) -> None:
        """Fetch the rules of the sites that are not known yet."""
        sites = list(dict.fromkeys(filter(None, map(_site_of, urls))))
        for site in sites:
            if site in self._sites:
                self._sites.move_to_end(site)
        unknown = [f"{each}/robots.txt" for each in sites if each not in self._sites]
        results = self._connection.get_many(
            unknown,
            concurrency=self._concurrency,
            timeout=SECONDS,
            extra_headers=self._headers,
            max_bytes=MAX_BYTES,
            retries=1,
        )
        with results:
            for fetched in results:
                rules = _rules_of(fetched.content, fetched.error)
                self._sites[str(fetched.url).removesuffix("/robots.txt")] = self._parse(rules)
        while len(self._sites) > max(MAX_SITES, len(sites)):
            self._sites.popitem(last=False)

    def denied(self, url: str) -> AccessDenied | None:
        """Return the error for a URL of a loaded site that the site denies to this robot, or None."""
        rules = self._sites.get(_site_of(url) or "")
        if rules is None or rules.can_fetch(url, self._agent):
            return None
        return AccessDenied("The robots.txt of the site does not allow the URL", "robots.txt", "robots.txt")


def _rules_of(content: bytes | None, error: Exception | None) -> str:
    """Return the text of a robots.txt. A file that the site does not have allows all (RFC 9309 section 2.3.1)."""
    if content is not None:
        return content.decode("utf-8-sig", "replace")
    absent = isinstance(error, StatusError) and 400 <= error.status_code < 500 and error.status_code != 429
    return "" if absent else "User-agent: *\nDisallow: /"


def _site_of(url: object) -> str | None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return None
    if parts is None or parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return None
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}"
