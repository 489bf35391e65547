"""The results of downloads: a line for each file, and a last line with the counts."""

import sys

from ..api.outcomes import Saved
from ..downloads.downloaded import Downloaded
from ..progress import Progress, ProgressDisplay, megabytes, printable
from .ending import exit_code, print_error, print_message
from .jsonlines import saved_line
from .output import print_line


class Summary:
    """Prints the result of each download, and the counts at the end; without a display, results and errors only."""

    def __init__(self, display: ProgressDisplay | None, *, json: bool, skip_existing: bool = False) -> None:
        self._display = display
        self._json = json
        self._unmodified = "skipped" if skip_existing else "up to date"
        self._failures: dict[int, int] = {}
        self._complete = self._kept = self._size = 0
        is_terminal = all(each is not None and each.isatty() for each in (sys.stdout, sys.stderr))
        # On a terminal, the display prints the results above its bars. Otherwise both would be mixed.
        self._terminal = display if is_terminal else None

    def progress(self, event: Progress) -> None:
        """Show the progress of a download. The result line replaces the bar of a complete download."""
        if event.done and self._terminal is not None and self._terminal.moves:
            self._terminal.drop(event.path)
        elif self._display is not None:
            self._display(event)

    def add(self, saved: Saved, source: str | None) -> None:
        """Print a result. ``source`` is the line of a list that the URL comes from."""
        if saved.error is not None:
            self._failures[saved.index] = exit_code(saved.error)
            print_error(saved.error, self._display, url=str(saved.url), source=source)
        elif saved.downloaded is not None and saved.downloaded.unmodified:
            self._kept += 1
        elif saved.downloaded is not None:
            self._complete += 1
            self._size += saved.downloaded.size
        if self._json:
            self._print(saved_line(saved))
        elif saved.downloaded is not None:
            self._print(self._line(saved.downloaded))

    def end(self) -> int:
        """Print the counts of several items; return the exit code of the first failed item."""
        if self._display is not None and self._complete + self._kept + len(self._failures) > 1:
            counts = [
                f"{self._complete} complete ({megabytes(self._size)})" if self._complete or not self._kept else "",
                f"{self._kept} {self._unmodified}" if self._kept else "",
                f"{len(self._failures)} failed" if self._failures else "",
            ]
            print_message(", ".join(filter(None, counts)), self._display)
        return self._failures[min(self._failures)] if self._failures else 0

    def _print(self, line: str) -> None:
        if self._terminal is not None:
            self._terminal.say(line)
        else:
            print_line(line)

    def _line(self, downloaded: Downloaded) -> str:
        details = _details(downloaded)
        if downloaded.unmodified:  # a file with a verified digest is up to date, even if no request was sent
            details = [_verified(downloaded), "up to date"] if downloaded.verified else [self._unmodified]
        return f"{printable(str(downloaded.path))} ({', '.join([megabytes(downloaded.size), *details])})"


def _details(downloaded: Downloaded) -> list[str]:
    details = [_verified(downloaded)]
    if downloaded.resumed:
        details.append(f"{megabytes(downloaded.resumed)} resumed")
    received = downloaded.size - downloaded.resumed
    if received > 0 and downloaded.elapsed > 0:
        details.append(f"{megabytes(received / downloaded.elapsed)}/s")
    return details


def _verified(downloaded: Downloaded) -> str:
    """Return the verified properties, with the header field of a digest that the server announced."""
    if not downloaded.verified:
        return "not verified"
    by = f" by {downloaded.digest_source}" if downloaded.digest_source not in (None, "caller") else ""
    return f"{' and '.join(sorted(downloaded.verified))} verified{by}"
