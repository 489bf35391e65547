"""How a command ends: a line that says what is wrong, and a code that scripts can use."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from .. import errors
from ..access import AccessPolicy
from ..progress import ProgressDisplay, printable

# The first class that fits counts; an error that none fits ends with 1.
EXIT_CODES: tuple[tuple[type[errors.HTTPConnError], int, str], ...] = (
    (errors.AccessDenied, 3, "the URL may not be fetched"),
    (errors.InvalidRequest, 2, "the command is wrong, or the URL is not valid"),
    (errors.TimedOut, 5, "it took too long"),
    (errors.TransportError, 4, "the connection failed or broke"),
    (errors.ResponseError, 6, "the response is an error, or is broken"),
    (errors.LimitExceeded, 7, "the content is larger than allowed"),
    (errors.IntegrityError, 8, "the content differs from what was promised"),
    (errors.StorageError, 9, "the file cannot be written"),
)
INTERRUPTED = 128 + signal.SIGINT

EPILOG = "\b\nExit codes:\n    0  success\n    1  another error\n" + "".join(
    f"  {code:>3}  {meaning}\n"
    for code, meaning in sorted([(code, meaning) for _, code, meaning in EXIT_CODES] + [(INTERRUPTED, "interrupted")])
)


def exit_code(error: errors.HTTPConnError) -> int:
    """What the process ends with."""
    return next((code for kind, code, _ in EXIT_CODES if isinstance(error, kind)), 1)


def tell(line: str, face: ProgressDisplay | None = None) -> None:
    """A line on standard error, above the bars if there are any; one that nobody can read is no error."""
    with suppress(OSError):
        if face is None:
            click.echo(printable(line), err=True)
        else:
            face.say(line)


def complain(
    error: errors.HTTPConnError,
    face: ProgressDisplay | None = None,
    *,
    url: str | None = None,
    source: str | None = None,
) -> None:
    """What is wrong, on standard error; with which URL, and with which line of a list."""
    if url is not None:
        name(error, url)
    where = f"{source}: " if source else ""
    tell(f"httpconn: {where}{' '.join(str(error).split())}{_hint(error, url)}", face)


def name(error: errors.HTTPConnError, url: str) -> None:
    """Have an error name the URL, without its secrets."""
    if error.url is None:
        error.url = AccessPolicy.anywhere().check(url).url


def _hint(error: errors.HTTPConnError, url: str | None) -> str:
    """What to do about a URL without a scheme."""
    is_bare = isinstance(error, errors.InvalidURL) and url is not None and "://" not in url
    return f"; add http:// in front: http://{error.url}" if is_bare else ""


@contextmanager
def one_line_errors(url: str | None = None, *, interrupted: str = "interrupted") -> Iterator[None]:
    """No traceback: a line, and a code; the line names the URL."""
    try:
        yield
    except errors.HTTPConnError as error:
        complain(error, url=url)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        tell(f"httpconn: {interrupted}")
        sys.exit(INTERRUPTED)
