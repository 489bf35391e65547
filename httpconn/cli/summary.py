"""What downloads came to, told to people and to programs."""

from __future__ import annotations

import sys

import click

from ..api.outcomes import Saved
from ..downloads.downloaded import Downloaded
from ..progress import Progress, ProgressDisplay, megabytes, printable
from .ending import complain, exit_code, tell
from .jsonlines import saved_line
from .output import output_errors
from .targets import Item


class Summary:
    """Tells of each file as it comes, and in the end of all.

    Args:
        face: shows progress; None shows nothing but results and errors.
        json: results are lines of JSON.
        skipped: a file that was left alone was not asked about.
    """

    def __init__(self, face: ProgressDisplay | None, *, json: bool, skipped: bool = False) -> None:
        self._face = face
        self._json = json
        self._left_alone = "skipped" if skipped else "up to date"
        self._failures: dict[int, int] = {}
        self._complete = self._kept = self._size = 0
        # On a terminal the results stand above the bars, which would run into them.
        self._above = face is not None and all(each is not None and each.isatty() for each in (sys.stdout, sys.stderr))

    def progress(self, event: Progress) -> None:
        """Show how far a download has come; of a complete one, its result says more."""
        if self._face is not None and event.done and self._above and self._face.moves:
            self._face.drop(event.path)
        elif self._face is not None:
            self._face(event)

    def add(self, item: Item, saved: Saved) -> None:
        """One more is complete, or has failed."""
        if saved.error is not None:
            self._failures[item.number] = exit_code(saved.error)
            complain(saved.error, self._face, url=item.url, source=item.source)
        elif saved.downloaded is not None and saved.downloaded.unmodified:
            self._kept += 1
        elif saved.downloaded is not None:
            self._complete += 1
            self._size += saved.downloaded.size
        if self._json:
            self._report(saved_line(saved))
        elif saved.downloaded is not None:
            self._report(self._line_of(saved.downloaded))

    def end(self) -> int:
        """Tell of all where there were several; the exit code is that of the first in their order that failed."""
        if self._face is not None and self._complete + self._kept + len(self._failures) > 1:
            counts = [
                f"{self._complete} complete ({megabytes(self._size)})" if self._complete or not self._kept else ""
            ]
            counts += [f"{self._kept} {self._left_alone}" if self._kept else ""]
            counts += [f"{len(self._failures)} failed" if self._failures else ""]
            tell(", ".join(filter(None, counts)), self._face)
        return self._failures[min(self._failures)] if self._failures else 0

    def _report(self, line: str) -> None:
        if self._above and self._face is not None:
            self._face.say(line)
        else:
            with output_errors():
                click.echo(line)

    def _line_of(self, downloaded: Downloaded) -> str:
        """The file, and what is known of it."""
        facts = self._kept_facts(downloaded) if downloaded.unmodified else _fetched(downloaded)
        return f"{printable(str(downloaded.path))} ({', '.join([megabytes(downloaded.size), *facts])})"

    def _kept_facts(self, downloaded: Downloaded) -> list[str]:
        """A digest proves what a skipped file is."""
        return [_verified(downloaded), "up to date"] if downloaded.verified else [self._left_alone]


def _fetched(downloaded: Downloaded) -> list[str]:
    facts = [_verified(downloaded)]
    if downloaded.resumed:
        facts.append(f"{megabytes(downloaded.resumed)} resumed")
    fetched = downloaded.size - downloaded.resumed
    if fetched > 0 and downloaded.elapsed > 0:
        facts.append(f"{megabytes(fetched / downloaded.elapsed)}/s")
    return facts


def _verified(downloaded: Downloaded) -> str:
    """What was, and which field named a digest that nobody but the server knew."""
    if not downloaded.verified:
        return "not verified"
    by = f" by {downloaded.digest_source}" if downloaded.digest_source not in (None, "caller") else ""
    return f"{' and '.join(sorted(downloaded.verified))} verified{by}"
