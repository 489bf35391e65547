"""The command that holds the others."""

from __future__ import annotations

import click

from .._version import __version__
from .ending import EPILOG


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="httpconn", message="%(prog)s %(version)s")
def cli() -> None:
    """Fetch URLs, safely and whole."""
