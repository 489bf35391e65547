"""``httpconn download``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, TextIO

import click

from ..api.outcomes import Saved
from ..connection import HTTPConnection
from ..errors import HTTPConnError
from ..progress import rich_progress
from . import options
from .connecting import connected, fields_of
from .ending import EPILOG, one_line_errors
from .output import create_folder, is_standard_output
from .summary import Summary
from .targets import Item, Targets

AT_ONCE = 4


def _on_existing(flag: str, value: str, help_text: str) -> Callable[[Any], Any]:
    return click.option(f"--{flag}", "existing", flag_value=value, help=help_text)


@click.command(epilog=EPILOG, short_help="Download URLs to files.")
@click.argument("urls", metavar="[URL]...", nargs=-1)
@options.path("-o", "--output", metavar="FILE", help="Save as this file, for one URL; - is standard output.")
@options.path("-d", "--folder", help="Save in this folder; files are named after their URLs.")
@options.create_dirs
@click.option("-J", "--remote-header-name", is_flag=True, help="Name files as the server does (Content-Disposition).")
@options.input_file("A list: a URL on each line, or a URL and a path.")
@options.concurrency(AT_ONCE, "Files at the same time.")
@_on_existing("refresh", "refresh", "Fetch a file that exists if the server has another version: the default.")
@_on_existing("overwrite", "replace", "Fetch and replace files that exist.")
@_on_existing("skip-existing", "skip", "Keep files that exist, without a request.")
@click.option("--no-remote-time", is_flag=True, help="Leave the time of download on files, not the server's.")
@click.option(
    "--digest",
    type=options.digest,
    metavar="ALGORITHM:HEX",
    help="Expected digest of the file, such as sha256:HEX; for one URL.",
)
@click.option("--mirror", "mirrors", metavar="URL", multiple=True, help="Another URL of the file; needs --digest.")
@click.option(
    "--segments",
    type=options.whole(1, 64),
    metavar="N",
    help="Connections for each file; by default as many as make a large one faster, up to 16.",
)
@options.of_environment(
    "--limit-rate", type=options.rate, metavar="SIZE", help="Bytes per second of all together, such as 500K or 2M."
)
@click.option("--no-resume", is_flag=True, help="Start from the first byte, and leave no partial file after a failure.")
@options.jsonl
@options.quiet
@options.with_options
def download(
    urls: tuple[str, ...],
    output: Path | None,
    folder: Path | None,
    create_dirs: bool,
    remote_header_name: bool,
    input_file: TextIO | None,
    concurrency: int,
    existing: str | None,
    no_remote_time: bool,
    digest: str | None,
    mirrors: tuple[str, ...],
    segments: int | None,
    limit_rate: int | None,
    no_resume: bool,
    jsonl: bool,
    quiet: bool,
    shared: dict[str, Any],
) -> None:
    """Download each URL to a file, which appears once it is complete.

    A file that exists is fetched only if the server has another version. One that fails does not stop the others; the
    exit code is that of the first failure.
    """
    _check(urls, input_file, output, single=bool(digest or mirrors))
    call: dict[str, Any] = {"extra_headers": fields_of(shared), "max_bytes": shared["max_bytes"]}
    if is_standard_output(output):
        _check_stream(folder, jsonl, mirrors, remote_header_name)
        _stream(urls[0], digest, shared, limit_rate, call)
        return
    call |= {"resume": not no_resume, "segments": segments, "existing": _existing(existing, remote_header_name)}
    call |= {"remote_time": not no_remote_time, "filename": "server" if remote_header_name else None}
    one: dict[str, Any] = {"digest": digest, "mirrors": mirrors}
    again = "interrupted" if no_resume else "interrupted; run it again to go on, where the server allows that"
    with (
        one_line_errors(urls[0] if len(urls) == 1 else None, interrupted=again),
        connected(shared, bandwidth=limit_rate) as connection,
        nullcontext(None) if quiet or shared["verbose"] else rich_progress() as face,
    ):
        targets = Targets(output, folder, server_names=remote_header_name, create_folders=create_dirs)
        if folder is not None:
            _require(folder, create_dirs)
        items = targets.of_arguments(urls)
        items += targets.of_list(input_file) if input_file is not None else []
        summary = Summary(face, json=jsonl, skipped=call["existing"] == "skip")
        call["progress"] = None if face is None else summary.progress
        with closing(_saved(connection, items, concurrency, one, call)) as results:
            for item, saved in results:
                summary.add(item, saved)
        code = summary.end()
    sys.exit(code)


def _check(urls: tuple[str, ...], input_file: TextIO | None, output: Path | None, *, single: bool) -> None:
    if not urls and input_file is None:
        raise click.UsageError("Give a URL, or --input-file")
    several = len(urls) != 1 or input_file is not None
    if output and several:
        raise click.UsageError("-o goes with one URL: use -d FOLDER for several")
    if single and several:
        raise click.UsageError("--digest and --mirror go with one URL")


def _existing(given: str | None, remote_header_name: bool) -> str:
    if not remote_header_name:
        return given or "refresh"
    if given not in (None, "skip"):
        raise click.UsageError(
            "-J goes without --refresh and --overwrite: the server must not choose which file is replaced"
        )
    return "skip"


def _check_stream(folder: Path | None, jsonl: bool, mirrors: tuple[str, ...], remote_header_name: bool) -> None:
    if folder or jsonl or mirrors or remote_header_name:
        raise click.UsageError("-o - goes without -d, -J, --jsonl and --mirror")


def _stream(url: str, digest: str | None, shared: Mapping[str, Any], rate: int | None, call: Mapping[str, Any]) -> None:
    from .streaming import stream

    with one_line_errors(url), connected(shared, bandwidth=rate) as connection:
        stream(connection, url, digest, call)


def _require(folder: Path, create: bool) -> None:
    """A missing folder is one error, not one for each file."""
    from ..disk.targets import check_folder

    if create:
        create_folder(folder)
    check_folder(folder)


def _saved(
    connection: HTTPConnection, items: list[Item], concurrency: int, one: dict[str, Any], call: dict[str, Any]
) -> Generator[tuple[Item, Saved], None, None]:
    """What each item came to; lines that are wrong come first."""
    for item in items:
        if item.error is not None:
            yield item, Saved(item.url, item.path, item.number, error=item.error)
    good = [item for item in items if item.error is None]
    if len(good) == len(items) == 1:
        yield good[0], _alone(connection, good[0], {**one, **call})
        return
    with connection.download_many([(item.url, item.path) for item in good], concurrency=concurrency, **call) as results:
        yield from ((good[saved.index], saved) for saved in results)


def _alone(connection: HTTPConnection, item: Item, call: dict[str, Any]) -> Saved:
    """Only a download that is alone has a digest and mirrors."""
    try:
        return Saved(item.url, item.path, 0, connection.download(item.url, item.path, **call))
    except HTTPConnError as error:
        return Saved(item.url, item.path, 0, error=error)
