"""What downloads came to, told to people and to programs."""

from __future__ import annotations

import sys

import click

from ..downloaded import Downloaded
from ..fetched import Saved
from ..lines import saved_line
from ..progress import ProgressFace, megabytes, shown
from .ending import complain, exit_code, tell
from .output import output_errors


class Summary:
    """Tells of each file as it comes, and in the end of all."""

    def __init__(self, face: ProgressFace | None, *, json: bool) -> None:
        self._face = face
        self._json = json
        self._failures: dict[int, int] = {}
        self._files = 0
        self._size = 0

    def add(self, saved: Saved) -> None:
        """One more is complete, or has failed."""
        if saved.downloaded is not None:
            self._files += 1
            self._size += saved.downloaded.size
        elif saved.error is not None:
            self._failures[saved.index] = exit_code(saved.error)
            complain(saved.error, self._face)
        if self._json:
            self._report(saved_line(saved))
        elif saved.downloaded is not None:
            self._report(line_of(saved.downloaded))

    def end(self) -> int:
        """Tell of all where there were several; the exit code is that of the first in their order that failed."""
        if self._face is not None and self._files + len(self._failures) > 1:
            failed = f", {len(self._failures)} failed" if self._failures else ""
            tell(f"{self._files} complete ({megabytes(self._size)}){failed}", self._face)
        return self._failures[min(self._failures)] if self._failures else 0

    def _report(self, line: str) -> None:
        """On a terminal above the bars, which would run into it."""
        if self._face is not None and sys.stdout is not None and sys.stdout.isatty() and sys.stderr.isatty():
            self._face.say(line)
        else:
            with output_errors():
                click.echo(line)


def line_of(downloaded: Downloaded) -> str:
    """The file, and what is known of it."""
    facts = _left_alone(downloaded) if downloaded.unmodified else _fetched(downloaded)
    return f"{shown(str(downloaded.path))} ({', '.join([megabytes(downloaded.size), *facts])})"


def _left_alone(downloaded: Downloaded) -> list[str]:
    return [_verified(downloaded), "unmodified"] if downloaded.verified else ["unmodified"]


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
