"""``httpconn dataset``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidRequest
from . import options
from .connecting import header_fields, make_connection
from .ending import EPILOG, one_line_errors
from .output import Command, print_line

if TYPE_CHECKING:
    from ..datasets import Summary


@click.command(cls=Command, epilog=EPILOG, short_help="Fetch the URLs of a table into a data set.")
@click.argument("source")
@click.argument("sink")
@click.option(
    "--format",
    type=click.Choice(["parquet", "webdataset", "folder"]),
    default="parquet",
    show_default=True,
    help="Format of the shards.",
)
@click.option("--url-column", metavar="NAME", default="url", show_default=True, help="Name of the URL column.")
@click.option("--column", "columns", metavar="NAME", multiple=True, help="Column to copy; may be repeated.")
@options.number("--shard-size", most=1_000_000, help_text="Rows per shard.", default=10_000)
@options.number(
    "--processes", most=1000, help_text="Number of processes. One process fetches all URLs of a host.", default=1
)
@options.concurrency(64, "Number of simultaneous requests of each process.")
@options.expect_type("accept", "Accepted media type, such as image/*; may be repeated.")
@click.option(
    "--store-header", "stored", metavar="NAME", multiple=True, help="Response header field to store; may be repeated."
)
@click.option(
    "--max-total-bytes", type=options.size, metavar="SIZE", help="Size limit of all bodies together, such as 500G."
)
@click.option("--contact", metavar="ADDRESS", help="URL or e-mail address of the operator, for the User-Agent.")
@click.option(
    "--robots-tag",
    "robots_tags",
    type=click.Choice(["noai", "noimageai", "noindex"]),
    multiple=True,
    help="Reject responses with this X-Robots-Tag; may be repeated.",
)
@click.option("--robots-txt", is_flag=True, help="Obey the robots.txt of each site.")
@click.option(
    "--retry", metavar="ERROR", multiple=True, help="Fetch rows with this error or status again; may be repeated."
)
@click.option("--status", "only_status", is_flag=True, help="Print the state of the job; fetch nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the state as one JSON object.")
@options.with_options
def dataset(
    source: str,
    sink: str,
    stored: tuple[str, ...],
    only_status: bool,
    as_json: bool,
    shared: dict[str, Any],
    **given: Any,
) -> None:
    """Fetch the URLs of SOURCE into the shards of the folder SINK.

    SOURCE is a Parquet, CSV, TSV, JSON lines or text file. The same command continues a job that was interrupted.
    By default, only the public internet can be reached.
    """
    if header_fields(shared):
        raise click.UsageError("-H and -u cannot be used here: all hosts would get the header fields")
    if shared["access"] is None and "HTTPCONN_ACCESS" not in os.environ:
        shared["access"] = "anywhere" if shared["proxy"] else "public"
    with one_line_errors():
        try:
            from .. import datasets
        except ImportError as error:
            raise InvalidRequest(str(error)) from error
        if only_status:
            summary = datasets.status(sink)
        else:
            call = {"headers": stored, "max_bytes": shared["max_bytes"], **given}
            call |= {name: given[name] or None for name in ("accept", "retry")}
            with make_connection(shared) as connection:
                summary = datasets.fetch(source, sink, connection=connection, **call)
        print_line(json.dumps(asdict(summary)) if as_json else _as_text(summary))


def _as_text(summary: Summary) -> str:
    state = "complete" if summary.complete else "not complete"
    counts = f"{summary.rows:,} rows in {summary.shards:,} shards, {summary.succeeded:,} with a body"
    errors = [f"{count:>12,}  {name}" for name, count in summary.errors.items()]
    return "\n".join([f"{state}: {counts} ({summary.bytes:,} bytes)", *errors])
