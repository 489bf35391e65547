"""The ``httpconn`` command, which imports each of its commands when that is used."""

from importlib import import_module
from typing import cast

import click

from .._version import __version__
from ..importing import without_collection
from .ending import EPILOG, one_line_errors

COMMANDS = ("check", "completion", "dataset", "download", "get", "info", "verify")


class Group(click.Group):
    """The commands by name."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        with one_line_errors(), without_collection():  # imports take long enough to be interrupted
            return cast(click.Command, getattr(import_module(f".{name}", __package__), name))


@click.group(cls=Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="httpconn", message="%(prog)s %(version)s")
def cli() -> None:
    """Fetch URLs safely and completely."""
