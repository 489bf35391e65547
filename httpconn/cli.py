"""The command line: ``httpconn get URL``, ``httpconn download URL...`` and ``httpconn check URL``."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, TextIO
from urllib.parse import unquote, urlsplit

import click

from . import errors
from ._version import __version__
from .access import AccessPolicy
from .checked import Checked, CheckedAddress
from .connection import HTTPConnection
from .disk.targets import check_target
from .fetched import Fetched
from .lines import line_of, urls_of
from .options import Timeouts
from .progress import ProgressFace, megabytes, rich_progress
from .results import Results
from .transport.explaining import explained

# The first class that fits counts; an error that none fits ends with 1.
EXIT_CODES: tuple[tuple[type[errors.HTTPConnError], int, str], ...] = (
    (errors.AccessDenied, 3, "the URL may not be fetched"),
    (errors.InvalidRequest, 2, "the command is wrong, or the URL is not valid"),
    (errors.TimedOut, 5, "it took too long"),
    (errors.TransportError, 4, "no connection, or it broke"),
    (errors.ResponseError, 6, "the server's answer is no success, or is broken"),
    (errors.LimitExceeded, 7, "the content is larger than allowed"),
    (errors.IntegrityError, 8, "the content is not what was promised"),
    (errors.StorageError, 9, "the file cannot be written"),
)
INTERRUPTED = 130

_EPILOG = "\b\nExit codes:\n  0  success\n  1  another error\n" + "".join(
    f"  {code}  {meaning}\n" for _, code, meaning in sorted(EXIT_CODES, key=lambda row: row[1])
)

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_PREFIXES = " kmgt"


def size(value: str) -> int:
    """Bytes as people write them: 500, 10M (10,000,000), 1.5GiB (of 1024)."""
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is no size, such as 500, 10M or 1.5GiB")
    power = _PREFIXES.index(match[2].lower() or " ")
    return int(Fraction(match[1]) * (1024 if match[3] else 1000) ** power)


def header(value: str) -> tuple[str, str]:
    """``Name: value``."""
    name, colon, text = value.partition(":")
    if not colon or not name:
        raise click.BadParameter("a header is given as 'Name: value'")  # without the text, which may be a secret
    return name, text.strip()


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that all commands share."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.option("--max-bytes", type=size, metavar="SIZE", help="Refuse anything larger, such as 10M or 1.5GiB."),
        click.option("--retries", type=click.IntRange(0), default=2, show_default=True, help="Further attempts."),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="For the whole transfer of each URL.",
        ),
        click.option(
            "-H",
            "--header",
            "headers",
            multiple=True,
            type=header,
            metavar="'NAME: VALUE'",
            help="Send a header; may be repeated.",
        ),
    )
    for option in options:
        command = option(command)
    return command


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="httpconn", message="%(prog)s %(version)s")
def cli() -> None:
    """Fetch URLs, safely and whole."""


@cli.command(epilog=_EPILOG)
@click.argument("url", required=False)
@click.option(
    "--input-file", type=click.File("r", "utf-8", "surrogateescape"), help="A URL a line; - is standard input."
)
@click.option("--jsonl", is_flag=True, help="Write a line of JSON for each URL, as they finish.")
@click.option(
    "-j", "--concurrency", type=click.IntRange(1, 10_000), default=16, show_default=True, help="With --jsonl."
)
@_with_options
def get(
    url: str | None,
    input_file: TextIO | None,
    jsonl: bool,
    concurrency: int,
    headers: tuple[tuple[str, str], ...],
    timeout: float | None,
    retries: int,
    max_bytes: int | None,
) -> None:
    """Write the body of URL to standard output.

    With --jsonl, many URLs: one that fails does not stop the others, and makes the exit code 1.
    """
    if (url is None) is (input_file is None) or (input_file is not None and not jsonl):
        raise click.UsageError("Give one URL, or --input-file with --jsonl")
    options: dict[str, Any] = {"extra_headers": dict(headers), "max_bytes": max_bytes}
    with _one_line_errors(), HTTPConnection(retries=retries, timeout=Timeouts(total=timeout)) as connection:
        out = _standard_output()
        if jsonl:
            urls = [url] if url is not None else urls_of(input_file or ())
            sys.exit(_write_lines(out, connection.get_many(urls, concurrency=concurrency, **options)))
        with connection.get_response(url or "", stream=True, **options) as answer:
            answer.raise_for_status()
            for block in answer.iter_bytes():
                _write(out, block)
        _write(out, b"", flush=True)


def _write_lines(out: BinaryIO, results: Results[Fetched]) -> int:
    """Write what each came to; 1 if any of them failed."""
    failed = False
    with results:
        for fetched in results:
            failed = failed or fetched.error is not None
            _write(out, f"{line_of(fetched)}\n".encode("ascii"), flush=True)
    return int(failed)


@cli.command(epilog=_EPILOG)
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file; for one URL.")
@click.option("-d", "--folder", type=click.Path(path_type=Path), help="The folder; files are named after their URLs.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@_with_options
def download(
    urls: tuple[str, ...],
    output: Path | None,
    folder: Path | None,
    quiet: bool,
    headers: tuple[tuple[str, str], ...],
    timeout: float | None,
    retries: int,
    max_bytes: int | None,
) -> None:
    """Download each URL to a file, which appears once it is complete.

    One that fails does not stop the others; the exit code is that of the first failure.
    """
    if output and (folder or len(urls) > 1):
        raise click.UsageError("-o goes with one URL and without -d")
    failed = 0
    options: dict[str, Any] = {"extra_headers": dict(headers), "max_bytes": max_bytes}
    progress = nullcontext(None) if quiet else rich_progress()
    with (
        _one_line_errors(),
        HTTPConnection(retries=retries, timeout=Timeouts(total=timeout)) as connection,
        progress as face,
    ):
        for url, target in _targets(urls, output, folder):
            try:
                path = connection.download_file(url, target, progress=face, **options)
            except errors.HTTPConnError as error:
                _complain(error, face)
                failed = failed or exit_code(error)
            else:
                _report(f"{path} ({megabytes(path.stat().st_size)})", face)
    sys.exit(failed)


@cli.command()
@click.argument("url")
@click.option("--access", type=click.Choice(["public", "anywhere"]), default="public", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def check(url: str, access: str, as_json: bool) -> None:
    """Explain whether an access policy allows URL, and what its host leads to now. Nothing is fetched.

    \b
    Exit codes:
      0  allowed
      1  refused
    """
    with _one_line_errors():
        checked = explained(AccessPolicy.from_environment(access), url)
        with _output_errors():
            click.echo(_as_json(checked) if as_json else _as_text(checked))
    sys.exit(0 if checked.allowed else 1)


def _as_json(checked: Checked) -> str:
    return json.dumps(asdict(checked))


def _as_text(checked: Checked) -> str:
    addresses = [f"  {_line(each.address, each)}" for each in checked.addresses]
    return "\n".join([_line(checked.url, checked), *addresses])


def _line(text: str, verdict: Checked | CheckedAddress) -> str:
    """With colours, which click leaves out where no terminal is written to."""
    if verdict.allowed:
        return f"{text}: {click.style('allowed', fg='green')}"
    return f"{text}: {click.style('refused', fg='red')}, {verdict.rule}"


def _targets(urls: tuple[str, ...], output: Path | None, folder: Path | None) -> Iterator[tuple[str, Path]]:
    """Each URL's file; two with one file would overwrite each other."""
    if folder is not None:
        check_target(folder / "file")
    paths = [output or _path_for(url, folder) for url in urls]
    for path in paths:
        if paths.count(path) > 1:
            raise errors.InvalidRequest(f"Several URLs would be saved as {path}: download them one by one, with -o")
    return zip(urls, paths, strict=True)


def _path_for(url: str, folder: Path | None) -> Path:
    """Named after the last segment of the URL's path, if that is a name and nothing else."""
    try:
        name = unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:  # the URL itself is refused later, with its own words
        return Path("invalid")
    if name in ("", ".", "..") or any(char in name for char in "/\\:\0") or not name.isprintable():
        raise errors.InvalidRequest("The URL names no file: say where to with -o FILE")
    return (folder or Path()) / name


def exit_code(error: errors.HTTPConnError) -> int:
    """What the process ends with."""
    return next((code for kind, code, _ in EXIT_CODES if isinstance(error, kind)), 1)


def _complain(error: errors.HTTPConnError, face: ProgressFace | None = None) -> None:
    line = f"httpconn: {' '.join(str(error).split())}"
    if face is None:
        click.echo(line, err=True)
    else:
        face.say(line)


def _report(line: str, face: ProgressFace | None) -> None:
    """On a terminal above the bars, which would run into it."""
    if face is not None and sys.stdout is not None and sys.stdout.isatty() and sys.stderr.isatty():
        face.say(line)
        return
    with _output_errors():
        click.echo(line)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """No traceback: a line that says what is wrong, and a code that scripts can use."""
    try:
        yield
    except errors.HTTPConnError as error:
        _complain(error)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        click.echo("httpconn: interrupted", err=True)
        sys.exit(INTERRUPTED)


def _standard_output() -> BinaryIO:
    if sys.stdout is None:
        raise errors.StorageError("Standard output is closed", errno=errno.EBADF)
    return sys.stdout.buffer


def _write(out: BinaryIO, block: bytes, *, flush: bool = False) -> None:
    with _output_errors():
        out.write(block)
        if flush:
            out.flush()


@contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Whoever read has seen enough, as `| head` does. Nothing may be flushed into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        raise errors.StorageError(f"Standard output cannot be written: {error.strerror}", errno=error.errno) from error
