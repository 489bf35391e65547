"""The end of a command: one-line error messages on standard error, and exit codes for scripts."""

import errno
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from .. import errors
from ..access import AccessPolicy
from ..progress import ProgressDisplay, printable

# The first matching class counts. Other errors end with 1.
EXIT_CODES: tuple[tuple[type[errors.HTTPConnError], int, str], ...] = (
    (errors.AccessDenied, 3, "the access policy does not allow the URL"),
    (errors.InvalidRequest, 2, "invalid command or URL"),
    (errors.TimedOut, 5, "timeout"),
    (errors.TransportError, 4, "the connection failed or broke"),
    (errors.ResponseError, 6, "the response is an error or is broken"),
    (errors.LimitExceeded, 7, "the content exceeds a limit"),
    (errors.IntegrityError, 8, "the content does not have the expected digest"),
    (errors.StorageError, 9, "the file cannot be written"),
)
INTERRUPTED = 128 + signal.SIGINT

EPILOG = "\b\nExit codes:\n    0  success\n    1  another error\n" + "".join(
    f"  {code:>3}  {meaning}\n"
    for code, meaning in sorted([(code, meaning) for _, code, meaning in EXIT_CODES] + [(INTERRUPTED, "interrupted")])
)


def exit_code(error: errors.HTTPConnError) -> int:
    return next((code for kind, code, _ in EXIT_CODES if isinstance(error, kind)), 1)


def print_message(line: str, display: ProgressDisplay | None = None) -> None:
    """Print a line on standard error, above progress bars. A closed standard error is not an error."""
    with suppress(OSError):
        if display is None:
            click.echo(printable(line), err=True)
        else:
            display.say(line)


def print_error(
    error: errors.HTTPConnError,
    display: ProgressDisplay | None = None,
    *,
    url: str | None = None,
    source: str | None = None,
) -> None:
    """Print an error with its URL, and with the line of a list ("urls.txt line 7") that the URL comes from."""
    if url is not None:
        set_url(error, url)
    prefix = f"{source}: " if source else ""
    print_message(f"httpconn: {prefix}{' '.join(str(error).split())}{_hint(error, url)}", display)


def set_url(error: errors.HTTPConnError, url: str) -> None:
    """Add a URL, redacted, to an error that has none."""
    if error.url is None:
        error.url = AccessPolicy.anywhere().check(url).url


def _hint(error: errors.HTTPConnError, url: str | None) -> str:
    """Return a hint for a URL without a scheme, or for a missing folder that the command could create."""
    if isinstance(error, errors.InvalidURL) and url is not None and "://" not in url:
        return f"; add http:// in front: http://{error.url}"
    context = click.get_current_context(silent=True)
    could_create = context is not None and context.params.get("create_dirs") is False
    if could_create and isinstance(error, errors.StorageError) and error.errno == errno.ENOENT:
        return "; add --create-dirs to create missing folders"
    return ""


@contextmanager
def one_line_errors(url: str | None = None, *, interrupted: str = "interrupted") -> Iterator[None]:
    """Turn an error, or an interruption by Ctrl-C, into a line and an exit code, without a traceback."""
    try:
        yield
    except errors.HTTPConnError as error:
        print_error(error, url=url)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        print_message(f"httpconn: {interrupted}")
        sys.exit(INTERRUPTED)
