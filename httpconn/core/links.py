"""The links of an HTML page that lists a folder."""

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin


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
        """Return the links that lead into a folder, sorted. Links with a query usually sort the page."""
        folder = url.rstrip("/") + "/"
        links = {urldefrag(urljoin(folder, link)).url for link in self._links}
        return sorted(link for link in links if link.startswith(folder) and link != folder and "?" not in link)
