"""The links of an HTML page that lists a folder, and patterns of URLs."""

import re
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

from .regexes import regex

# The host may be an IPv6 address in brackets. "?" begins the query and is not a wildcard.
_PATTERN = regex(r"(?P<origin>[^/?]*//[^/?]*)(?P<folder>(?:/[^*[?/]*)*)/[^?]*[*[][^?]*", re.DOTALL)


def is_pattern(url: str) -> bool:
    """Return whether the path of a URL has wildcards. A query is not a pattern."""
    return _PATTERN.fullmatch(url.partition("?")[0]) is not None


def folder_of(pattern: str) -> str:
    """Return the URL of the folder above the first wildcard, with the slash at its end."""
    match = _PATTERN.fullmatch(pattern.partition("?")[0])
    return "" if match is None else f"{match['origin']}{match['folder']}/"


class Links(HTMLParser):
    """The links of an HTML page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._links += [value for name, value in attrs if name == "href" and value]

    def within(self, url: str) -> list[str]:
        """Return the links that lead into a folder, sorted. Omit links with a query, which usually sort the page."""
        folder = url.rstrip("/") + "/"
        links = {urldefrag(urljoin(folder, link)).url for link in self._links}
        return sorted(link for link in links if link.startswith(folder) and link != folder and "?" not in link)
