"""``httpconn get``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from . import options
from .connecting import header_fields, make_connection
from .ending import EPILOG, one_line_errors
from .jsonlines import line_of, urls_of
from .output import Command, Write, open_output, standard_output, write

if TYPE_CHECKING:
    from ..api.outcomes import Fetched
    from ..api.results import Results
    from ..connection import HTTPConnection
    from ..response import Response


@click.command(cls=Command, epilog=EPILOG, short_help="Print the content of URLs, or write it to a file.")
@click.argument("url", required=False)
@options.output("File to write; by default, standard output")
@options.create_dirs
@click.option("-i", "--include", is_flag=True, help="Print the header of the response before the body.")
@click.option("-I", "--head", is_flag=True, help="Send HEAD, and print the header of the response.")
@options.input_file("File with one URL per line; needs --jsonl.")
@options.jsonl
@options.concurrency(16, "Number of simultaneous requests, with --jsonl.")
@options.quiet
@options.with_options
def get(
    url: str | None,
    output: Path | None,
    create_dirs: bool,
    include: bool,
    head: bool,
    input_files: tuple[TextIO, ...],
    jsonl: bool,
    concurrency: int,
    quiet: bool,
    shared: dict[str, Any],
) -> None:
    """Write the body of URL to standard output, or to a file.

    With --jsonl, the command accepts many URLs, and a URL that fails does not stop the command. If any URL fails, the
    exit code is 1.
    """
    if (url is None) is not bool(input_files) or (input_files and not jsonl):
        raise click.UsageError("Give either one URL, or --input-file FILE with --jsonl")
    if jsonl and (output or include or head):
        raise click.UsageError("--jsonl cannot be combined with -o, -i or -I")
    if quiet and shared["verbose"]:
        raise click.UsageError("-q and -v cannot be combined")
    call = {"extra_headers": header_fields(shared), "max_bytes": shared["max_bytes"]}
    with one_line_errors(url), make_connection(shared) as connection:
        if jsonl:
            urls = chain.from_iterable(map(urls_of, input_files)) if input_files else [url or ""]
            sys.exit(_write_lines(standard_output(), connection.get_many(urls, concurrency=concurrency, **call)))
        with open_output(output, create_folders=create_dirs) as out:
            _write(connection, url or "", out, call, include=include, head=head)


def _write(
    connection: HTTPConnection, url: str, out: Write, call: Mapping[str, Any], *, include: bool, head: bool
) -> None:
    send = partial(connection.request, "HEAD") if head else connection.get_response
    with send(url, stream=True, **call) as response:
        if include or head:
            out(_head_of(response))
        else:
            response.raise_for_status()
        if not head:
            for block in response.iter_bytes():
                out(block)
        response.raise_for_status()


def _head_of(response: Response) -> bytes:
    lines = [f"{response.http_version} {response.status_code} {response.reason_phrase}".rstrip().encode("latin-1")]
    return b"\r\n".join([*lines, *(b"%b: %b" % field for field in response.headers.raw), b"", b""])


def _write_lines(out: BinaryIO, results: Results[Fetched]) -> int:
    """Print the result of each URL; return 1 if any of them failed."""
    failed = False
    with results:
        for fetched in results:
            failed = failed or fetched.error is not None
            write(out, line_of(fetched), flush=True)
    return int(failed)
