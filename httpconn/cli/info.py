"""``httpconn info``."""

import json
from dataclasses import asdict
from typing import Any

import click

from ..progress import printable
from . import options
from .connecting import header_fields, make_connection
from .ending import EPILOG, one_line_errors
from .output import Command, print_line


@click.command(cls=Command, epilog=EPILOG, short_help="Print the size, type, version and digest of a file.")
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@options.with_options
def info(url: str, as_json: bool, shared: dict[str, Any]) -> None:
    """Print the metadata of the file at URL, without its content.

    The command sends HEAD, or GET if the server rejects HEAD, and does not read the body.
    """
    with one_line_errors(url), make_connection(shared) as connection:
        values = asdict(connection.get_metadata(url, extra_headers=header_fields(shared)))
        print_line(json.dumps(values) if as_json else _as_text(values))


def _as_text(values: dict[str, Any]) -> str:
    return "\n".join(
        f"{name.replace('_', ' ')}: {printable(_text(value))}" for name, value in values.items() if value is not None
    )


def _text(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
