"""``httpconn download``."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, TextIO

import click

from ..connection import HTTPConnection
from ..errors import HTTPConnError
from ..fetched import Saved
from ..progress import rich_progress
from ..results import Results
from .connecting import connected
from .ending import EPILOG, one_line_errors
from .options import of_environment, size, with_options
from .summary import Summary
from .targets import Item, items_of

AT_ONCE = 4


@click.command(epilog=EPILOG, short_help="Download URLs to files.")
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file; for one URL.")
@click.option("-d", "--folder", type=click.Path(path_type=Path), help="The folder; files are named after their URLs.")
@click.option(
    "--input-file",
    type=click.File("r", "utf-8", "surrogateescape"),
    metavar="FILE",
    help="A URL a line, or a URL and a path; - is standard input.",
)
@click.option(
    "-j",
    "--concurrency",
    type=int,
    metavar="N",
    default=AT_ONCE,
    show_default=True,
    help="Files at once.",
)
@click.option("--digest", metavar="ALGORITHM:HEX", help="What the file has to have, as sha256:...; for one URL.")
@click.option("--mirror", "mirrors", metavar="URL", multiple=True, help="Another URL of the file; needs --digest.")
@click.option(
    "--segments",
    type=int,
    metavar="N",
    help="Connections at once for each file; by default as many as make a large one faster, up to 16.",
)
@of_environment("--limit-rate", type=size, metavar="SIZE", help="Bytes per second of all together, such as 500K or 2M.")
@click.option("--no-resume", is_flag=True, help="Begin anew, and leave nothing behind when it fails.")
@click.option("--refresh", is_flag=True, help="Leave a file alone if the server has no newer version.")
@click.option("--jsonl", is_flag=True, help="Write a line of JSON for each file, as they finish.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@with_options
def download(
    urls: tuple[str, ...],
    output: Path | None,
    folder: Path | None,
    input_file: TextIO | None,
    concurrency: int,
    digest: str | None,
    mirrors: tuple[str, ...],
    segments: int | None,
    limit_rate: int | None,
    no_resume: bool,
    refresh: bool,
    jsonl: bool,
    quiet: bool,
    headers: dict[str, str],
    timeout: float | None,
    retries: int,
    max_bytes: int | None,
) -> None:
    """Download each URL to a file, which appears once it is complete.

    One that fails does not stop the others; the exit code is that of the first failure.
    """
    _check(urls, input_file, output, folder, single=bool(digest or mirrors))
    options: dict[str, Any] = {"extra_headers": headers, "max_bytes": max_bytes}
    options |= {"resume": not no_resume, "refresh": refresh, "segments": segments}
    one: dict[str, Any] = {"digest": digest, "mirrors": mirrors}
    again = "interrupted" if no_resume else "interrupted; run it again to go on, where the server allows that"
    with (
        one_line_errors(interrupted=again),
        connected(retries=retries, timeout=timeout, bandwidth=limit_rate) as connection,
        nullcontext(None) if quiet else rich_progress() as face,
    ):
        items = items_of(urls, input_file or (), output, folder)
        summary = Summary(face, json=jsonl)
        options["progress"] = face
        with closing(_saved(connection, items, concurrency, one, options)) as results:
            for saved in results:
                summary.add(saved)
        code = summary.end()
    sys.exit(code)


def _check(
    urls: tuple[str, ...], input_file: TextIO | None, output: Path | None, folder: Path | None, *, single: bool
) -> None:
    if not urls and input_file is None:
        raise click.UsageError("Give a URL, or --input-file")
    several = len(urls) != 1 or input_file is not None
    if output and (folder or several):
        raise click.UsageError("-o goes with one URL and without -d")
    if single and several:
        raise click.UsageError("--digest and --mirror go with one URL")


def _saved(
    connection: HTTPConnection, items: list[Item], concurrency: int, one: dict[str, Any], options: dict[str, Any]
) -> Results[Saved] | Generator[Saved, None, None]:
    if len(items) == 1:
        return _alone(connection, *items[0], {**one, **options})
    return connection.download_many(items, concurrency=concurrency, **options)


def _alone(connection: HTTPConnection, url: str, path: Path, options: dict[str, Any]) -> Generator[Saved, None, None]:
    """Only a download that is alone has a digest and mirrors."""
    try:
        yield Saved(url, path, 0, connection.download(url, path, **options))
    except HTTPConnError as error:
        yield Saved(url, path, 0, error=error)
