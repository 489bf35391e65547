"""``httpconn get``."""

from __future__ import annotations

import sys
from typing import Any, BinaryIO, TextIO

import click

from ..fetched import Fetched
from ..lines import line_of, urls_of
from ..results import Results
from .connecting import connected
from .ending import EPILOG, one_line_errors
from .options import with_options
from .output import standard_output, write


@click.command(epilog=EPILOG, short_help="Write what URLs hold to standard output.")
@click.argument("url", required=False)
@click.option(
    "--input-file",
    type=click.File("r", "utf-8", "surrogateescape"),
    metavar="FILE",
    help="With --jsonl: a URL a line; - is standard input.",
)
@click.option("--jsonl", is_flag=True, help="Write a line of JSON for each URL, as they finish.")
@click.option(
    "-j",
    "--concurrency",
    type=int,
    metavar="N",
    default=16,
    show_default=True,
    help="With --jsonl: URLs at once.",
)
@with_options
def get(
    url: str | None,
    input_file: TextIO | None,
    jsonl: bool,
    concurrency: int,
    headers: dict[str, str],
    timeout: float | None,
    retries: int,
    max_bytes: int | None,
) -> None:
    """Write the body of URL to standard output.

    With --jsonl, many URLs: one that fails does not stop the others, and makes the exit code 1.
    """
    if (url is None) is (input_file is None) or (input_file is not None and not jsonl):
        raise click.UsageError("Give one URL, or --input-file with --jsonl")
    options: dict[str, Any] = {"extra_headers": headers, "max_bytes": max_bytes}
    with one_line_errors(), connected(retries=retries, timeout=timeout) as connection:
        out = standard_output()
        if jsonl:
            urls = [url] if url is not None else urls_of(input_file or ())
            sys.exit(_write_lines(out, connection.get_many(urls, concurrency=concurrency, **options)))
        with connection.get_response(url or "", stream=True, **options) as answer:
            answer.raise_for_status()
            for block in answer.iter_bytes():
                write(out, block)
        write(out, b"", flush=True)


def _write_lines(out: BinaryIO, results: Results[Fetched]) -> int:
    """Write what each came to; 1 if any of them failed."""
    failed = False
    with results:
        for fetched in results:
            failed = failed or fetched.error is not None
            write(out, f"{line_of(fetched)}\n".encode("ascii"), flush=True)
    return int(failed)
